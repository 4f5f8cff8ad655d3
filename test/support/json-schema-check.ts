import { isJsonObject, type JsonObject } from '../../src/core/json.ts';

type Check = (keyword: unknown, value: unknown, schema: JsonObject) => boolean;

/** Keywords that explain and do not restrict. */
const ANNOTATIONS = new Set(['$schema', '$id', 'title', 'description', 'default', 'format', 'errorMessage']);

/** The keywords of draft 2020-12 that our schemas use. */
const CHECKS: Readonly<Record<string, Check>> = {
  type: (type, value) => typeOf(value) === type || (type === 'number' && typeOf(value) === 'integer'),
  const: (expected, value) => value === expected,
  enum: (options, value) => list(options).includes(value),
  pattern: (pattern, value) => typeof value !== 'string' || new RegExp(String(pattern), 'u').test(value),
  minLength: (least, value) => typeof value !== 'string' || value.length >= Number(least),
  maxLength: (most, value) => typeof value !== 'string' || value.length <= Number(most),
  minimum: (least, value) => typeof value !== 'number' || value >= Number(least),
  maximum: (most, value) => typeof value !== 'number' || value <= Number(most),
  minItems: (least, value) => !Array.isArray(value) || value.length >= Number(least),
  maxItems: (most, value) => !Array.isArray(value) || value.length <= Number(most),
  items: (schema, value) => !Array.isArray(value) || value.every((item) => isValid(schema, item)),
  anyOf: (schemas, value) => list(schemas).some((schema) => isValid(schema, value)),
  oneOf: (schemas, value) => list(schemas).filter((schema) => isValid(schema, value)).length === 1,
  required: (keys, value) =>
    !isJsonObject(value) || list(keys).every((key) => Object.hasOwn(value, String(key))),
  dependentRequired: (needs, value) =>
    !isJsonObject(value) ||
    Object.entries(object(needs)).every(
      ([key, others]) =>
        !Object.hasOwn(value, key) || list(others).every((other) => Object.hasOwn(value, String(other))),
    ),
  properties: (schemas, value) =>
    !isJsonObject(value) ||
    Object.entries(object(schemas)).every(
      ([key, schema]) => !Object.hasOwn(value, key) || isValid(schema, value[key]),
    ),
  propertyNames: (schema, value) =>
    !isJsonObject(value) || Object.keys(value).every((key) => isValid(schema, key)),
  additionalProperties: (schema, value, { properties }) =>
    !isJsonObject(value) ||
    Object.entries(value).every(
      ([key, inner]) => Object.hasOwn(object(properties ?? {}), key) || isValid(schema, inner),
    ),
};

/**
 * Validates a value against a JSON Schema, independently of the library that generated the schema.
 * @throws for a keyword that is not known here, so that none is passed over in silence
 */
export function isValid(schema: unknown, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  return Object.entries(object(schema)).every(([keyword, argument]) => {
    if (ANNOTATIONS.has(keyword)) return true;
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`unknown keyword ${keyword}`);
    return check(argument, value, object(schema));
  });
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function object(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw new Error('not an object');
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('not a list');
  return value;
}
