/** The sections of a configuration as zod schemas; also the source of `config/schema.json`. */
import { z } from 'zod';
import { DEFAULT_VERSION_BUDGET } from '../core/limits/write-budget.ts';
import { MIN_CALLS_PER_SECOND } from '../core/limits/write-pace.ts';
import { LOG_LEVELS } from '../core/log-level.ts';
import type { SinkKind } from '../core/sink-kind.ts';
import {
  durationField,
  mapping,
  pathField,
  patternField,
  shortTextField,
  urlField,
  versionBudgetField,
  wholeNumberField,
} from '../core/wire/field-schemas.ts';
import type { KindLibrary, ProviderKind } from '../providers/provider.ts';
import { createAlertsSchema } from './alerts-schema.ts';
import { LOG_FORMATS } from './configuration.ts';
import { coordinationSchema } from './coordination-schema.ts';
import { createProviderSchema } from './provider-schema.ts';
import { SECRET_NAME_FORM, SECRET_NAME_PATTERN } from './secret-name.ts';

/** AWS allows 50; the daemon needs some for itself. */
const MAX_TAGS = 40;
const TAG_KEY_FORM = '1 to 128 characters, not beginning with aws:';
const TAG_VALUE_FORM = 'a text of at most 256 characters';

export const storeSchema = mapping({
  kind: z
    .literal('aws-secrets-manager')
    .default('aws-secrets-manager')
    .describe('where tokens are published; AWS Secrets Manager is the only place so far'),
  region: patternField(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, 'a region like ap-southeast-3')
    .optional()
    .describe('AWS region; the AWS SDK finds it (AWS_REGION, profile) when left out'),
  endpoint: urlField()
    .optional()
    .describe('URL of an emulator or a VPC endpoint; https, or http for loopback hosts'),
  createSecrets: z
    .boolean()
    .default(false)
    .describe(
      'create secrets that do not exist yet; needs secretsmanager:CreateSecret and secretsmanager:TagResource',
    ),
  kmsKeyId: shortTextField(2048, 'the id, ARN or alias of a KMS key')
    .optional()
    .describe('KMS key for secrets that are created; aws/secretsmanager when left out'),
  tags: z
    .record(
      z.string(),
      z.string(TAG_VALUE_FORM).max(256, TAG_VALUE_FORM).meta({ errorMessage: TAG_VALUE_FORM }),
    )
    .superRefine((tags, context) => {
      if (Object.keys(tags).length > MAX_TAGS) {
        context.addIssue({ code: 'custom', message: `at most ${MAX_TAGS} tags` });
      }
      for (const key of Object.keys(tags)) {
        if (key.length >= 1 && key.length <= 128 && !/^aws:/i.test(key)) continue;
        context.addIssue({
          code: 'custom',
          path: [key],
          message: TAG_KEY_FORM,
          params: { target: 'key' },
        });
      }
    })
    .prefault({})
    .describe(`tags for secrets that are created, at most ${MAX_TAGS} (each key ${TAG_KEY_FORM})`),
  adopt: z
    .array(patternField(SECRET_NAME_PATTERN, SECRET_NAME_FORM), 'a list of names of secrets')
    .prefault([])
    .describe('existing secrets that may be written although the daemon did not create them'),
  versionBudget: versionBudgetField()
    .prefault(DEFAULT_VERSION_BUDGET)
    .describe(
      `most versions that one secret may get in 24 hours: ${DEFAULT_VERSION_BUDGET} is AWS's guidance (one write in ten ` +
        'minutes), 100 is the cautious reading; none: no limit, for emulators without a quota',
    ),
  writesPerSecond: wholeNumberField(MIN_CALLS_PER_SECOND, 1000)
    .default(40)
    .describe(
      'most writes in any second, of all providers together: AWS allows about 50 in an account and region, and others ' +
        'need some; a publish is two of them, and so is a refresh token that is saved',
    ),
  timeout: durationField({ leastMs: 100, mostMs: 60_000 })
    .prefault('5s')
    .describe('deadline of one call to the store'),
});

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
});

export const logSchema = mapping({
  level: z.enum(LOG_LEVELS).default('info').describe('minimum log level; warn: only what does not go well'),
  format: z
    .enum(LOG_FORMATS)
    .default('auto')
    .describe('json: one object a line; pretty: for people; auto: pretty on a terminal, json elsewhere'),
});

const sectionsFor = (sinks: readonly SinkKind[]) => ({
  store: storeSchema.prefault({}).describe('where tokens are published'),
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
export function createOutlineSchema(sinks: readonly SinkKind[]) {
  return mapping({
    ...sectionsFor(sinks),
    presets: presetsField,
    providers: z.array(z.unknown(), providerList).min(1, providerList),
  });
}

/** The schema of the whole document, for the JSON Schema: with every kind that ships. */
export function createDocumentSchema(kinds: KindLibrary, sinks: readonly SinkKind[]): z.ZodType {
  const schemas = kinds.names.flatMap((name) => {
    const kind = kinds.find(name);
    return kind === undefined ? [] : [createProviderSchema(kind, { hasCustomers: 'maybe' })];
  });
  const [first, ...others] = schemas;
  if (first === undefined) throw new Error('a configuration needs at least one provider kind');
  return mapping({
    ...sectionsFor(sinks),
    presets: presetsField,
    providers: z
      .array(z.discriminatedUnion('kind', [first, ...others]), providerList)
      .min(1, providerList)
      .describe('APIs whose tokens are kept fresh'),
  });
}

/** Providers of a kind share its schema: there may be hundreds of them. */
const providerSchemas = new WeakMap<ProviderKind, Map<boolean, z.ZodObject>>();

export function providerSchemaOf(kind: ProviderKind, hasCustomers: boolean): z.ZodObject {
  const ofKind = providerSchemas.get(kind) ?? new Map<boolean, z.ZodObject>();
  providerSchemas.set(kind, ofKind);
  const schema = ofKind.get(hasCustomers) ?? createProviderSchema(kind, { hasCustomers });
  ofKind.set(hasCustomers, schema);
  return schema;
}
