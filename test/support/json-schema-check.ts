import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJsonObject } from '../../src/core/wire/json.ts';

// Not strict: `errorMessage` is for editors.
const ajv = new Ajv2020({ strict: false, validateFormats: false });
const compiled = new WeakMap<object, (value: unknown) => boolean>();

/** Validates a value against a JSON Schema (draft 2020-12), by another library than the one that generated the schema. */
export function isValid(schema: unknown, value: unknown): boolean {
  if (!isJsonObject(schema)) throw new Error('not a schema');
  const known = compiled.get(schema);
  if (known !== undefined) return known(value);
  const { $id: _, ...anonymous } = schema;
  const validate = ajv.compile(anonymous);
  const check = (each: unknown): boolean => validate(each);
  compiled.set(schema, check);
  return check(value);
}
