/** The sections of a configuration as zod schemas; also the source of `config/schema.json`. */
import { z } from 'zod';
import { LOG_LEVELS } from '../core/log-level.ts';
import type { SinkKind } from '../core/sink-kind.ts';
import type { StoreKind, StoreRules } from '../core/store-kind.ts';
import {
  durationField,
  mapping,
  pathField,
  patternField,
  shortTextField,
  wholeNumberField,
} from '../core/wire/field-schemas.ts';
import type { KindLibrary, ProviderKind } from '../providers/provider.ts';
import { createAlertsSchema } from './alerts-schema.ts';
import { LOG_FORMATS } from './configuration.ts';
import { coordinationSchema } from './coordination-schema.ts';
import { createProviderSchema } from './provider-schema.ts';

/** Of the stores, the first is meant where the section names none. */
export type Stores = readonly [StoreKind, ...StoreKind[]];

/** A section with the settings of one store. @param kinds that may be written; the first is meant where none is */
function createStoreSchema(store: StoreKind, stores: Stores): z.ZodObject {
  const kinds = stores.map(({ kind }) => kind);
  const meanings = stores.map(({ kind, description }) => `${kind}: ${description}`);
  return mapping({
    kind: z
      .literal(kinds)
      .default(stores[0].kind)
      .describe(`where tokens are published; ${meanings.join('; ')}`),
    ...store.fields,
  });
}

export const readersSchema = mapping({
  staleness: durationField()
    .prefault('0s')
    .describe(
      'how old what a reader sees may be: 0s for readers that ask Secrets Manager at each use, 5m for its agent, the ' +
        'refresh interval for External Secrets; above 0s a token is replaced while it lives 30 s longer than this',
    ),
});

export const journalSchema = mapping({
  dir: pathField('the path of a directory, on one line').describe(
    'private directory (mode 0700), relative to the folder of the configuration file, on a tmpfs that survives a restart of the ' +
      'container; its last part is made when it is missing',
  ),
});

export const httpSchema = mapping({
  host: shortTextField(253, 'an address to listen on')
    .default('::')
    .describe(
      'address to listen on, for /livez, /readyz, /metrics and the status page; "::" is every address, IPv6 and IPv4 ' +
        '(IPv4 alone where there is no IPv6); 127.0.0.1 is for this machine alone',
    ),
  port: wholeNumberField(0, 65_535).default(8080).describe('port to listen on; 0 takes any free one'),
  url: patternField(
    /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/,
    'an http or https URL without query, fragment and credentials',
  )
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe(
      'where people reach this server, for links in alerts to its runbook pages; without one they lead to localhost, and ' +
        'an alert from a pod has the kubectl port-forward command that makes them work',
    ),
});

export const logSchema = mapping({
  level: z.enum(LOG_LEVELS).default('info').describe('minimum log level; warn: only what does not go well'),
  format: z
    .enum(LOG_FORMATS)
    .default('auto')
    .describe('json: one object a line; pretty: for people; auto: pretty on a terminal, json elsewhere'),
});

const sectionsFor = (sinks: readonly SinkKind[], store: z.ZodType) => ({
  store: store.prefault({}).describe('where tokens are published'),
  readers: readersSchema.prefault({}).describe('what the workloads that read tokens are like'),
  coordination: coordinationSchema.prefault({}).describe('how replicas agree on who refreshes'),
  journal: journalSchema
    .optional()
    .describe(
      'where refresh tokens that are not saved yet, and waits that providers demanded, survive a crash; left out, they ' +
        'are in memory alone',
    ),
  alerts: createAlertsSchema(sinks).prefault({}).describe('who receives alerts'),
  http: httpSchema.prefault({}).describe('address for health checks, metrics and the status page'),
  log: logSchema.prefault({}).describe('the log on standard output'),
});

const providerList = 'a list with at least one provider';

const presetsField = z
  .record(z.string(), z.unknown(), 'a mapping of names to presets')
  .optional()
  .describe("presets of your own, by name: a preset's name is a kind; written as those in config/presets");

/** The document with its list of providers unchecked: each provider is checked by the schema of its own kind. */
export function createOutlineSchema(sinks: readonly SinkKind[], store: StoreKind, stores: Stores) {
  return mapping({
    ...sectionsFor(sinks, createStoreSchema(store, stores)),
    presets: presetsField,
    providers: z.array(z.unknown(), providerList).min(1, providerList),
  });
}

/** What a configuration can name. */
export interface Catalog {
  readonly kinds: KindLibrary;
  readonly sinks: readonly SinkKind[];
  readonly stores: Stores;
}

/** The schema of the whole document, for the JSON Schema: with every kind that ships. */
export function createDocumentSchema({ kinds, sinks, stores }: Catalog): z.ZodType {
  const rules = allowedByAny(stores);
  const schemas = kinds.names.flatMap((name) => {
    const kind = kinds.find(name);
    return kind === undefined ? [] : [createProviderSchema(kind, { rules, hasCustomers: 'maybe' })];
  });
  const [first, ...others] = schemas;
  if (first === undefined) throw new Error('a configuration needs at least one provider kind');
  const sections = stores.map((store) => createStoreSchema(store, [store]));
  return mapping({
    ...sectionsFor(sinks, sections.length === 1 ? (sections[0] ?? z.never()) : z.union(sections)),
    presets: presetsField,
    providers: z
      .array(z.discriminatedUnion('kind', [first, ...others]), providerList)
      .min(1, providerList)
      .describe('APIs whose tokens are kept fresh'),
  });
}

/** For who does not know yet which of the stores is meant. */
export function allowedByAny(stores: Stores): StoreRules {
  const [first, ...others] = stores.map(({ rules }) => rules);
  if (first === undefined) throw new Error('a configuration needs at least one kind of store');
  const all = [first, ...others];
  const anyOf = (patterns: readonly RegExp[]): RegExp =>
    new RegExp(patterns.map(({ source }) => source).join('|'));
  return {
    ...first,
    names: {
      ...first.names,
      pattern: anyOf(all.map(({ names }) => names.pattern)),
      templatePattern: anyOf(all.map(({ names }) => names.templatePattern)),
      form: all.map(({ names }) => names.form).join('; or '),
    },
    versions: all.find(({ versions }) => versions !== undefined)?.versions,
  };
}

type KindSchemas = WeakMap<ProviderKind, z.ZodObject>;

/** Providers of a kind share its schema, without and with customers: there may be hundreds of them. */
const providerSchemas = new WeakMap<StoreRules, readonly [KindSchemas, KindSchemas]>();

export function providerSchemaOf(kind: ProviderKind, rules: StoreRules, hasCustomers: boolean): z.ZodObject {
  const ofRules = providerSchemas.get(rules) ?? ([new WeakMap(), new WeakMap()] as const);
  providerSchemas.set(rules, ofRules);
  const known = ofRules[hasCustomers ? 1 : 0];
  const schema = known.get(kind) ?? createProviderSchema(kind, { rules, hasCustomers });
  known.set(kind, schema);
  return schema;
}
