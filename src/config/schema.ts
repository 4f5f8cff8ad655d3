/** The sections of a configuration as zod schemas; also the source of `config/schema.json`. */
import * as z from 'zod';
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
import { placesField, publishSchema } from './publish-schema.ts';
import { rejectionsSchema } from './rejections-schema.ts';

/** Of the stores, the first is meant where the section names none. */
export type Stores = readonly [StoreKind, ...StoreKind[]];

/** A section with the settings of one store. @param kinds that may be written; the first is meant where none is */
export function createStoreSchema(
  store: StoreKind,
  stores: Stores,
  { needsKind }: { readonly needsKind: boolean },
): z.ZodObject {
  const kinds = stores.map(({ kind }) => kind);
  const meanings = stores.map(({ kind, description }) => `${kind}: ${description}`);
  const kind = z.literal(kinds);
  return mapping({
    kind: (needsKind ? kind : kind.default(stores[0].kind)).describe(
      `where tokens are published; ${meanings.join('; ')}`,
    ),
    ...store.fields,
  }).superRefine((section, context) => {
    for (const { field, allowed } of store.findSlips(section))
      context.addIssue({ code: 'custom', path: [field], message: allowed });
  });
}

export const readersSchema = mapping({
  staleness: durationField()
    .prefault('0s')
    .describe(
      'how old what a reader sees may be: 0s for readers that ask the store at each use, 5m for the agent of Secrets ' +
        'Manager, 2m for pods that mount a Secret of Kubernetes, the refresh interval for External Secrets; above 0s a token is replaced while it lives 30 s longer than this',
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
      'where people reach this server (a proxy may put a path in front), for links in alerts to its runbook pages; without one they lead to localhost, and ' +
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

interface StoreSections {
  readonly store: z.ZodType;
  readonly place: z.ZodType;
}

const sectionsFor = (sinks: readonly SinkKind[], { store, place }: StoreSections) => ({
  store: store
    .optional()
    .describe(
      'where tokens are published, when that is one place; it is called by its kind. Not beside stores',
    ),
  stores: placesField(place)
    .optional()
    .describe('where tokens are published, when there are several places: each by a name of your own'),
  publish: publishSchema
    .optional()
    .describe('which of the places gets the tokens of all providers; may be left out with one place'),
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
  rejections: rejectionsSchema
    .optional()
    .describe('where readers report that a token was refused; left out, they cannot'),
  log: logSchema.prefault({}).describe('the log on standard output'),
});

const providerList = 'a list with at least one provider';

const presetsField = z
  .record(z.string(), z.unknown(), 'a mapping of names to presets')
  .optional()
  .describe("presets of your own, by name: a preset's name is a kind; written as those in config/presets");

/** The document with its list of providers unchecked: each provider is checked by the schema of its own kind. */
export function createOutlineSchema(sinks: readonly SinkKind[]) {
  return mapping({
    // Each place is checked by the schema of its own kind.
    ...sectionsFor(sinks, { store: z.unknown(), place: z.unknown() }),
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
  const anyOf = (needsKind: boolean): z.ZodType =>
    z.union(stores.map((store) => createStoreSchema(store, [store], { needsKind })));
  return mapping({
    ...sectionsFor(sinks, { store: anyOf(false), place: anyOf(true) }),
    presets: presetsField,
    providers: z
      .array(z.discriminatedUnion('kind', [first, ...others]), providerList)
      .min(1, providerList)
      .describe('APIs whose tokens are kept fresh'),
  });
}

/** For who does not know yet which of the stores is meant. */
export function allowedByAny(stores: Stores): StoreRules {
  const [{ rules: first }] = stores;
  const all = stores.map(({ rules }) => rules);
  const anyOf = (patterns: readonly RegExp[]): RegExp =>
    new RegExp(patterns.map(({ source }) => source).join('|'));
  return {
    ...first,
    names: {
      ...first.names,
      pattern: anyOf(all.map(({ names }) => names.pattern)),
      templatePattern: anyOf(all.map(({ names }) => names.templatePattern)),
      form: all.map(({ names }) => names.form).join('; or '),
      stateSecretOf: (secret) => all.map(({ names }) => names.stateSecretOf(secret)).join(' or '),
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
