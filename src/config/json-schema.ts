import * as z from 'zod';
import type { StoreRules } from '../core/store-kind.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import type { ProviderKind } from '../providers/provider.ts';
import { createProviderSchema } from './provider-schema.ts';
import { allowedByAny, type Catalog, createDocumentSchema } from './schema.ts';
import { shareParts } from './share-parts.ts';

interface JsonSchemaOptions {
  /** Each part where it is used, for who reads it piece by piece; by default dozens of kinds share what they have in common. */
  readonly isInline?: boolean;
}

/**
 * The JSON Schema of a configuration file (draft 2020-12), for editors: completion, explanations, first checks.
 * Non-guarantee: what spans several values (duplicate names, infeasible schedules, names in texts) only the program checks,
 * and of providers whose kind is a preset of the user's own the fields that all kinds have are all that it knows.
 */
export function configurationJsonSchema(
  catalog: Catalog,
  { isInline = false }: JsonSchemaOptions = {},
): JsonObject {
  const { $schema, ...schema } = toJsonSchema(createDocumentSchema(catalog));
  return {
    ...($schema === undefined ? {} : { $schema }),
    $id: 'urn:token-refresher:configuration',
    title: 'token-refresher configuration',
    description: 'which tokens are kept fresh, and where they are published',
    ...(isInline ? schema : shareParts(withKindsByName(schema, allowedByAny(catalog.stores)))),
  };
}

function toJsonSchema(schema: z.ZodType): JsonObject {
  const options = {
    target: 'draft-2020-12',
    // What people write, not what it is parsed to: durations are text.
    io: 'input',
    reused: 'inline',
  } as const;
  return { ...z.toJSONSchema(schema, options) };
}

/** Any kind at all: what is left are the fields that each has. */
const ANY_KIND: ProviderKind = {
  kind: 'any',
  description: '',
  documentedLifetimeSeconds: 3600,
  defaultBaseUrl: undefined,
  needsBaseUrl: false,
  credentials: 'any',
  customerCredentials: undefined,
  options: z.strictObject({}),
  defaults: {},
  configure: () => ({ ok: false, faults: [] }),
};

/**
 * The same with the fields that all kinds have in one place, beside what each kind has of its own when it is that one: an
 * editor then speaks of the kind that is written there, and a preset of the user's own passes.
 */
function withKindsByName(schema: JsonObject, rules: StoreRules): JsonObject {
  const { properties } = schema;
  const providers = isJsonObject(properties) ? properties['providers'] : undefined;
  const items = isJsonObject(providers) ? providers['items'] : undefined;
  const kinds =
    isJsonObject(items) && Array.isArray(items['oneOf']) ? items['oneOf'].filter(isJsonObject) : [];
  if (!isJsonObject(properties) || !isJsonObject(providers)) return schema;

  const { $schema: _schema, ...any } = toJsonSchema(
    createProviderSchema(ANY_KIND, { rules, hasCustomers: 'maybe' }),
  );
  const { kind: _kind, ...fields } = propertiesOf(any);
  const isShared = (name: string): boolean =>
    kinds.every((kind) => JSON.stringify(propertiesOf(kind)[name]) === JSON.stringify(fields[name]));
  const shared = Object.fromEntries(Object.entries(fields).filter(([name]) => isShared(name)));
  const others = Object.fromEntries(Object.entries(fields).filter(([name]) => !isShared(name)));
  const definitions = kinds.map((kind) => {
    const { kind: name, ...ownFields } = propertiesOf(kind);
    const own = Object.entries(ownFields).map(([field, part]) => [field, isShared(field) ? true : part]);
    return [
      isJsonObject(name) ? name['const'] : undefined,
      { ...kind, properties: { kind: true, ...Object.fromEntries(own) } },
    ];
  });
  const consts = kinds.map((kind) => propertiesOf(kind)['kind']).filter(isJsonObject);
  const known = { type: 'string', enum: consts.map((each) => each['const']) };
  const description = 'how a token is requested and the answer read: a kind that ships, or one of presets';
  const item = {
    type: 'object',
    properties: { kind: { description, anyOf: [...consts, { type: 'string' }] }, ...shared },
    required: ['name', 'kind'],
    allOf: [
      ...consts.map(({ const: name }) => ({
        if: { properties: { kind: { not: { const: name } } } },
        else: { $ref: `#/$defs/${String(name)}` },
      })),
      {
        if: { properties: { kind: known } },
        else: { ...any, additionalProperties: true, properties: others },
      },
    ],
  };
  return {
    ...schema,
    properties: { ...properties, providers: { ...providers, items: item } },
    $defs: Object.fromEntries(definitions),
    // Without presets of the user's own an unknown kind is a misspelt one.
    if: { required: ['presets'] },
    else: { properties: { providers: { items: { properties: { kind: known } } } } },
  };
}

function propertiesOf(schema: JsonObject): JsonObject {
  return isJsonObject(schema['properties']) ? schema['properties'] : {};
}
