/**
 * The JSON Schema of the configuration, read strictly.
 *
 * Guarantee: a keyword, or a combination of them, that is not known here throws and names the option, so that nothing the
 * schema says vanishes from the reference in silence.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { BY_REFERENCE, credentialReferenceSchema } from '../../src/core/credential/reference-schema.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';

/** What an option's value may look like. */
export type SchemaForm =
  | { readonly form: 'reference' }
  /** `allowed` says in words what the text has to be. */
  | { readonly form: 'text'; readonly allowed: string }
  | { readonly form: 'choice'; readonly values: readonly string[] }
  /** Both limits inclusive. */
  | {
      readonly form: 'number';
      readonly isWhole: boolean;
      readonly least: number | undefined;
      readonly most: number | undefined;
    }
  | { readonly form: 'switch' }
  | {
      readonly form: 'list';
      readonly item: SchemaNode;
      readonly least: number | undefined;
      readonly most: number | undefined;
    }
  | { readonly form: 'mapping'; readonly options: readonly SchemaOption[] }
  /** A mapping with keys of the user's own. */
  | { readonly form: 'record'; readonly value: SchemaNode }
  | { readonly form: 'either'; readonly nodes: readonly SchemaNode[] };

export type SchemaNode = SchemaForm & {
  readonly description: string | undefined;
  /** As people write it; `undefined` for none. */
  readonly defaultValue: unknown;
};

export interface SchemaOption {
  readonly name: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
}

const ANNOTATIONS = { description: z.string().optional(), default: z.unknown().optional() };
const count = z.int().optional();

const textSchema = z.strictObject({
  ...ANNOTATIONS,
  type: z.literal('string'),
  // Said by errorMessage too, in words.
  pattern: z.string().optional(),
  minLength: count,
  maxLength: count,
  errorMessage: z.string(),
});
const constSchema = z.strictObject({ ...ANNOTATIONS, type: z.literal('string'), const: z.string() });
const enumSchema = z.strictObject({ ...ANNOTATIONS, type: z.literal('string'), enum: z.array(z.string()) });
const numberSchema = z.strictObject({
  ...ANNOTATIONS,
  type: z.enum(['integer', 'number']),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
const switchSchema = z.strictObject({ ...ANNOTATIONS, type: z.literal('boolean') });
const listSchema = z.strictObject({
  ...ANNOTATIONS,
  type: z.literal('array'),
  items: z.unknown(),
  minItems: count,
  maxItems: count,
});
const mappingSchema = z.strictObject({
  ...ANNOTATIONS,
  type: z.literal('object'),
  properties: z.record(z.string(), z.unknown()),
  required: z.array(z.string()).prefault([]),
  additionalProperties: z.literal(false),
});
const recordSchema = z.strictObject({
  ...ANNOTATIONS,
  type: z.literal('object'),
  propertyNames: z.strictObject({
    type: z.literal('string'),
    // Said by errorMessage too, in words.
    pattern: z.string().optional(),
    errorMessage: z.string().optional(),
  }),
  additionalProperties: z.unknown(),
});
const anyOfSchema = z.strictObject({ ...ANNOTATIONS, anyOf: z.array(z.unknown()).min(1) });
const oneOfSchema = z.strictObject({ ...ANNOTATIONS, oneOf: z.array(z.unknown()).min(1) });

/** Of a whole number without a limit of its own, because JSON knows no larger ones. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const REFERENCE = withoutAnnotations(z.toJSONSchema(credentialReferenceSchema, { io: 'input' }));

/** @throws for anything in the schema that the reference could not show */
export function parseSchemaNode(schema: unknown, path: string): SchemaNode {
  if (!isJsonObject(schema)) throw new Error(`${path}: not a schema`);
  const { description, default: defaultValue } = schema;
  const annotations = {
    description: typeof description === 'string' ? description.replace(`; ${BY_REFERENCE}`, '') : undefined,
    defaultValue,
  };
  return { ...annotations, ...parseForm(schema, path) };
}

function parseForm(schema: JsonObject, path: string): SchemaForm {
  if (isDeepStrictEqual(withoutAnnotations(schema), REFERENCE)) return { form: 'reference' };
  const read = <Output>(known: z.ZodType<Output>): Output => {
    const parsed = known.safeParse(schema);
    if (parsed.success) return parsed.data;
    throw new Error(`${path}: the reference cannot show this schema\n${z.prettifyError(parsed.error)}`);
  };
  const inner = (node: unknown, step = ''): SchemaNode => parseSchemaNode(node, `${path}${step}`);
  if ('anyOf' in schema) return { form: 'either', nodes: read(anyOfSchema).anyOf.map((node) => inner(node)) };
  if ('oneOf' in schema) return { form: 'either', nodes: read(oneOfSchema).oneOf.map((node) => inner(node)) };
  if ('const' in schema) return { form: 'choice', values: [read(constSchema).const] };
  if ('enum' in schema) return { form: 'choice', values: read(enumSchema).enum };
  switch (schema['type']) {
    case 'string':
      return { form: 'text', allowed: read(textSchema).errorMessage };
    case 'integer':
    case 'number': {
      const { type, minimum, maximum } = read(numberSchema);
      const most = maximum === NO_LIMIT ? undefined : maximum;
      return { form: 'number', isWhole: type === 'integer', least: minimum, most };
    }
    case 'boolean':
      read(switchSchema);
      return { form: 'switch' };
    case 'array': {
      const { items, minItems, maxItems } = read(listSchema);
      return { form: 'list', item: inner(items, '[]'), least: minItems, most: maxItems };
    }
    case 'object': {
      if ('propertyNames' in schema)
        return { form: 'record', value: inner(read(recordSchema).additionalProperties, '.*') };
      const { properties, required } = read(mappingSchema);
      return {
        form: 'mapping',
        options: Object.entries(properties).map(([name, node]) => ({
          name,
          node: inner(node, `.${name}`),
          isRequired: required.includes(name),
        })),
      };
    }
    default:
      throw new Error(`${path}: the reference cannot show this schema`);
  }
}

function withoutAnnotations(schema: object): JsonObject {
  const names = new Set(['$schema', 'description', 'default']);
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !names.has(keyword)));
}

/** The options of a mapping. @throws for anything else */
export function optionsOf(node: SchemaNode, path: string): readonly SchemaOption[] {
  if (node.form !== 'mapping') throw new Error(`${path}: expected a mapping, found a ${node.form}`);
  return node.options;
}

/** The forms of a mapping that `kind` tells apart, by kind; `undefined` when the node is something else. */
export function kindsOf(node: SchemaNode): ReadonlyMap<string, readonly SchemaOption[]> | undefined {
  if (node.form !== 'either') return undefined;
  const kinds = node.nodes.map((form) => {
    const options = form.form === 'mapping' ? form.options : [];
    const kind = options.find(({ name }) => name === 'kind')?.node;
    const [value] = kind?.form === 'choice' ? kind.values : [];
    return value === undefined ? undefined : ([value, options] as const);
  });
  return kinds.every((kind) => kind !== undefined) ? new Map(kinds) : undefined;
}

/** Whether one of the options is the very same: name, value and everything that is said of it. */
export function isIn(option: SchemaOption, options: readonly SchemaOption[]): boolean {
  return options.some((other) => isDeepStrictEqual(option, other));
}
