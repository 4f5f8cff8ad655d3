/** The schema of one provider entry: what all kinds share, and what follows from the kind. */
import * as z from 'zod';
import { credentialReferenceSchema } from '../core/credential/reference-schema.ts';
import type { RefreshAfter } from '../core/schedule/cadence.ts';
import { type CronGaps, parseCron } from '../core/schedule/cron-expression.ts';
import type { NameRules, StoreRules } from '../core/store-kind.ts';
import { CUSTOMER_NAME_FORM, CUSTOMER_NAME_PATTERN } from '../core/token/customer-name.ts';
import { DURATION_FORM, formatDuration } from '../core/wire/duration.ts';
import {
  durationField,
  fetchLimitField,
  labelField,
  mapping,
  NAME_FORM,
  NAME_PATTERN,
  patternField,
  urlField,
  versionBudgetField,
  wholeNumberField,
} from '../core/wire/field-schemas.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import type { Fault } from '../providers/faults.ts';
import type { CredentialFields, ProviderKind } from '../providers/provider.ts';
import { credentialsSchema, referenceShape } from './credentials-schema.ts';
import { discoverySchema } from './discovery-schema.ts';
import { publishSchema } from './publish-schema.ts';
import { SECRET_TEMPLATE_FORM } from './secret-name.ts';

const REFRESH_AFTER_FORM = `${DURATION_FORM}, or a fraction from 0.5 to 0.99`;

const nameField = ({ pattern, form }: NameRules): z.ZodString => patternField(pattern, form);
const templateField = ({ templatePattern }: NameRules): z.ZodString =>
  patternField(templatePattern, SECRET_TEMPLATE_FORM);

const refreshAfterSchema: z.ZodType<RefreshAfter, string | number> = z.union(
  [
    durationField({ leastMs: 1000 }).transform(
      (durationMs): RefreshAfter => ({ kind: 'duration', durationMs }),
    ),
    z
      .number(REFRESH_AFTER_FORM)
      .min(0.5, REFRESH_AFTER_FORM)
      .max(0.99, REFRESH_AFTER_FORM)
      .transform((fraction): RefreshAfter => ({ kind: 'fraction', fraction })),
  ],
  REFRESH_AFTER_FORM,
);

const CRON_FORM = 'a cron expression of five or six fields, in UTC';

/** A cron expression with its gaps measured. */
export interface ClassicSchedule {
  readonly expression: string;
  readonly gaps: CronGaps;
}

const scheduleSchema: z.ZodType<ClassicSchedule, string> = z
  .string(CRON_FORM)
  .max(200, CRON_FORM)
  .transform((expression, context) => {
    const parsed = parseCron(expression);
    if (parsed.ok) return { expression, gaps: parsed.gaps };
    // The parser quotes what it does not understand, which may be anything.
    const reason = parsed.problem.length > 160 ? '' : ` (${parsed.problem})`;
    context.addIssue({ code: 'custom', message: `${CRON_FORM}${reason}` });
    return z.NEVER;
  })
  .meta({ errorMessage: CRON_FORM });

/** What every provider entry has, whatever its kind. */
const commonShape = {
  name: labelField().describe('unique name; in the log, the metrics and the token document'),
  refreshAfter: refreshAfterSchema
    .optional()
    .describe(
      'refresh at this age: a duration (14m) or a fraction of the lifetime (0.9); 14/15 of the lifetime when left out',
    ),
  schedule: scheduleSchema
    .optional()
    .describe(
      'refresh at fixed times instead: a cron expression in UTC; rarely needed, because a schedule follows from the ' +
        'lifetime by itself; not beside refreshAfter',
    ),
  minInterval: durationField()
    .prefault('0s')
    .describe('minimum interval between fetches of the same token, if the provider requires one'),
  fetchBudget: fetchLimitField()
    .optional()
    .describe(
      'most calls to the provider in any day, hour or minute, of all its tokens together, failed and explicit ones ' +
        'included: 1000/day, 60/hour, 5/minute; no limit when left out; counted across restarts with a journal',
    ),
  timeout: durationField({ leastMs: 100, mostMs: 300_000 })
    .prefault('10s')
    .describe(
      'limit for an answer of the provider, from the moment it is asked; connecting may take as long again, at most 8 s',
    ),
  concurrency: wholeNumberField(1, 64).default(4).describe('most calls to the provider at one time'),
  versionBudget: versionBudgetField()
    .optional()
    .describe("overrides the store's versionBudget for this provider's secrets"),
  // Descriptions have a `publish` of another meaning.
  places: publishSchema
    .optional()
    .describe("where this provider's tokens are published, in place of all that publish says"),
};

/** What can be said of any subset of an entry's fields, whatever its kind; also gives them their types. */
export const partialProviderSchema = z
  .object({
    ...commonShape,
    baseUrl: urlField(),
    lifetime: lifetimeField(),
    secret: z.string(),
    stateSecret: z.string(),
  })
  .partial();

/** An entry whose kind nobody knows: at least a literal credential is reported. */
export function createUnknownProviderSchema({ names }: StoreRules) {
  return partialProviderSchema.extend({
    secret: templateField(names).optional(),
    stateSecret: templateField(names).optional(),
    credentials: z.record(z.string(), credentialReferenceSchema, 'a mapping').optional(),
  });
}

const customerName = patternField(CUSTOMER_NAME_PATTERN, CUSTOMER_NAME_FORM).describe(
  'unique name of the customer; takes the place of {customer}',
);

export const partialCustomerSchema = z
  .object({ name: customerName, secret: z.string(), stateSecret: z.string() })
  .partial();

const CUSTOMER_FIELDS = Object.keys(partialCustomerSchema.shape);

interface ProviderSchemaOptions {
  readonly rules: StoreRules;
  /** Credentials are needed at the provider only where no customer can have them. `maybe`: in an editor, where either may be. */
  readonly hasCustomers: boolean | 'maybe';
}

/** @throws when an option or a credential of the kind has the name of a common field: a bug in the kind */
export function createProviderSchema(
  kind: ProviderKind,
  { rules, hasCustomers }: ProviderSchemaOptions,
): z.ZodObject {
  const { name, minInterval, fetchBudget, versionBudget, ...settings } = commonShape;
  const fields: z.ZodRawShape = {
    name,
    kind: z.literal(kind.kind).describe(kind.description),
    baseUrl: baseUrlField(kind),
    credentials: credentialsField(kind, hasCustomers),
    ...secretFields(kind, rules.names, hasCustomers),
    ...settings,
    ...(rules.versions === undefined ? {} : { versionBudget }),
    minInterval:
      kind.defaults.minIntervalMs === undefined
        ? minInterval
        : durationField()
            .prefault(formatDuration(kind.defaults.minIntervalMs))
            .describe(minInterval.description ?? ''),
    fetchBudget,
    lifetime: lifetimeField()
      .prefault(formatDuration(kind.documentedLifetimeSeconds * 1000))
      .describe(
        'lifetime to expect until the first token has been seen, and of tokens that do not say (if documented shorter, that)',
      ),
    tls: tlsField,
  };
  const options: z.ZodRawShape = kind.options.shape;
  refuseCollisions(kind, Object.keys(fields), options);
  const schema = mapping({ ...fields, ...options });
  return hasCustomers === 'maybe' && kind.customerCredentials === undefined
    ? schema.meta(withoutCustomers(kind, rules))
    : schema;
}

/** JSON Schema for what is needed where there are no customers that may have it. */
function withoutCustomers({ credentials }: ProviderKind, { names }: StoreRules): JsonObject {
  const needed =
    credentials === 'any'
      ? []
      : Object.entries(credentials).flatMap(([name, field]) => (field.optional === true ? [] : [name]));
  return {
    if: { required: ['customers'] },
    else: {
      required: ['secret', ...(needed.length === 0 ? [] : ['credentials'])],
      properties: { credentials: { required: needed }, secret: { pattern: names.pattern.source } },
    },
  };
}

export const TLS_FIELDS: CredentialFields = {
  ca: { description: "certificates (PEM) to trust in place of the system's", optional: true },
  certificate: { description: 'client certificate (PEM)', optional: true },
  key: { description: 'private key of the client certificate (PEM)', optional: true },
  passphrase: { description: 'passphrase of an encrypted key', optional: true },
};

const tlsField = mapping(referenceShape(TLS_FIELDS))
  .optional()
  .describe('TLS of the connection to the provider: certificates to trust, and a client certificate');

function credentialsField(kind: ProviderKind, hasCustomers: boolean | 'maybe'): z.ZodType {
  if (kind.credentials === 'any')
    return z
      .record(
        patternField(NAME_PATTERN, NAME_FORM),
        credentialReferenceSchema,
        'a mapping of names to references',
      )
      .prefault({})
      .describe('credentials by name, each by reference; texts of the description hold them as ${name}');
  const field = credentialsSchema(hasCustomers === false ? kind.credentials : optional(kind.credentials));
  return hasCustomers === false ? field : field.prefault({});
}

function optional(fields: CredentialFields): CredentialFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, { ...field, optional: true }]),
  );
}

/** Shorter ones leave no time to look, fetch and publish before the end. */
function lifetimeField(): z.ZodType<number, string> {
  return durationField({ leastMs: 10_000 });
}

function baseUrlField(kind: ProviderKind): z.ZodType {
  const description = 'URL of the API, without the path of the token endpoint';
  if (kind.defaultBaseUrl !== undefined)
    return urlField().prefault(kind.defaultBaseUrl).describe(description);
  return kind.needsBaseUrl ? urlField().describe(description) : urlField().optional().describe(description);
}

const SECRET = 'secret that the token is published to';
const CUSTOMER_LIST = 'a list with at least one customer';

function secretFields(kind: ProviderKind, names: NameRules, hasCustomers: boolean | 'maybe'): z.ZodRawShape {
  const isAlwaysForCustomers = kind.customerCredentials !== undefined;
  const customers = customersField(kind, names);
  const stateSecret = names.stateSecretOf('<secret>');
  if (!isAlwaysForCustomers && hasCustomers === false) {
    return {
      secret: nameField(names).describe(SECRET),
      stateSecret: nameField(names)
        .optional()
        .describe(
          `secret for the newest refresh token, only where there is one; ${stateSecret} when left out; ` +
            'readers of the token must not be allowed to read it',
        ),
      customers: customers.optional(),
    };
  }
  return {
    secret: templateField(names)
      .optional()
      .describe(
        "secrets that the tokens are published to; {customer} stands for the customer's name; needed unless each customer has " +
          'a secret of its own',
      ),
    stateSecret: templateField(names)
      .optional()
      .describe(
        `secrets for the newest refresh tokens, where there are any, with {customer}; ${stateSecret} when left out; readers ` +
          'of the tokens must not be allowed to read them',
      ),
    customers: isAlwaysForCustomers ? customers : customers.optional(),
  };
}

function customersField(kind: ProviderKind, names: NameRules): z.ZodType {
  const own = kind.credentials === 'any' ? {} : optional(kind.credentials);
  const references = referenceShape({ ...own, ...kind.customerCredentials });
  refuseCollisions(kind, CUSTOMER_FIELDS, references);
  const ownSecret = (what: string): z.ZodType =>
    nameField(names)
      .optional()
      .describe(`secret for this customer's ${what}, instead of the provider's template`);
  const shape = {
    name: customerName,
    ...references,
    secret: ownSecret('token'),
    stateSecret: ownSecret('refresh token'),
  };
  const customer =
    kind.credentials === 'any' ? z.object(shape).catchall(credentialReferenceSchema) : mapping(shape);
  return z
    .union(
      [z.array(customer, CUSTOMER_LIST).min(1, CUSTOMER_LIST), discoverySchema],
      `${CUSTOMER_LIST}, or { discover: { tag: KEY=VALUE } }`,
    )
    .describe('one token for each customer, listed or discovered');
}

const ENTRY_FIELDS = [
  'kind',
  'baseUrl',
  'credentials',
  'secret',
  'stateSecret',
  'customers',
  'lifetime',
  'tls',
  ...Object.keys(commonShape),
];

/** What a preset cannot name so, because entries and customers have fields of that name. */
export function findTakenNames({
  credentials,
  customerCredentials,
  options,
}: ProviderKind): readonly Fault[] {
  const taken = (section: string, names: readonly string[], fields: readonly string[]): readonly Fault[] =>
    names
      .filter((name) => fields.includes(name))
      .map((name) => ({
        path: [section, name],
        target: 'key',
        text: `has the name of a field of every ${fields === CUSTOMER_FIELDS ? 'customer' : 'provider'}`,
        allowed: `another name than ${fields.join(', ')}`,
      }));
  return [
    ...taken('options', Object.keys(options.shape), ENTRY_FIELDS),
    ...taken('credentials', credentials === 'any' ? [] : Object.keys(credentials), CUSTOMER_FIELDS),
    ...taken('customerCredentials', Object.keys(customerCredentials ?? {}), CUSTOMER_FIELDS),
  ];
}

function refuseCollisions(kind: ProviderKind, fields: readonly string[], own: z.ZodRawShape): void {
  const taken = Object.keys(own).filter((key) => fields.includes(key));
  if (taken.length > 0) throw new Error(`kind ${kind.kind}: ${taken.join(', ')} is a common field's name`);
}

/** Names of the credentials that a customer's entry holds. */
export function customerCredentialNames(customer: unknown): readonly string[] {
  return isJsonObject(customer) ? Object.keys(customer).filter((key) => !CUSTOMER_FIELDS.includes(key)) : [];
}
