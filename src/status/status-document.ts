/** What `/status.json` holds, and what the page is made of: so that they cannot disagree. */
import * as z from 'zod';
import { TOKEN_STATES } from '../core/board.ts';
import { FAILURE_CODES } from '../core/failure.ts';
import { STRIP_LENGTH } from '../core/token/refresh-strip.ts';
import { MAX_PER_PAGE, STATUS_SORTS } from './status-query.ts';

/** Tokens that are named for a cause. */
export const MAX_WORST = 3;

const count = z.int().min(0);
/** RFC 3339 in UTC with milliseconds. */
const time = z.iso.datetime({ precision: 3 });

const countsSchema = z.strictObject({
  expired: count.describe('had a token; it has expired'),
  absent: count.describe('readers have no token'),
  failing: count.describe('readers have a token, or that is not known yet; refreshing it fails'),
  unknown: count.describe(
    'the store has not been read yet; of a replica that stands by: it has not seen a good token there, and the leader may have published one since',
  ),
  due: count.describe('the refresh is due'),
  fresh: count,
});

const readersSchema = z
  .strictObject({
    tokens: count,
    expired: count,
    absent: count.describe('the store holds none that could be used'),
    unread: count.describe('the store has not been read'),
    expiredSince: time.nullable().describe('when the first of them expired'),
    firstExpiry: time.nullable().describe('of the tokens that are good; null when none is'),
  })
  .describe('until when the readers of these tokens are fine');

const causeFields = {
  tokens: count,
  since: time.nullable().describe('when the first of them began to fail'),
  needsPerson: z.boolean().describe('somebody has to act: trying again alone cannot help'),
  nextAttemptAt: time.nullable().describe('of the first of them'),
  message: z.string().nullable().describe('of the token that is worst off'),
  action: z.string().describe('what to do first'),
  runbook: z.string(),
};

const tokenCauseFields = {
  ...causeFields,
  provider: z.string(),
  readers: readersSchema,
  worst: z
    .array(z.strictObject({ token: z.string(), state: z.enum(TOKEN_STATES), expiresAt: time.nullable() }))
    .max(MAX_WORST),
};

const causeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('refresh'),
    ...tokenCauseFields,
    code: z.enum(FAILURE_CODES).nullable().describe('null: expired, and no refresh has failed'),
  }),
  z
    .strictObject({
      kind: z.literal('refused'),
      ...tokenCauseFields,
      reports: count.describe('of the tokens that are published now'),
      status: z.int().describe('what the API had answered, by the latest report'),
    })
    .describe(
      'readers report that an API refuses published tokens; needsPerson: another token was of no help',
    ),
  z
    .strictObject({
      kind: z.literal('mirror'),
      ...causeFields,
      place: z.string(),
      code: z.enum(FAILURE_CODES),
      behindSince: time.nullable().describe('when the authority got the first token that this mirror lacks'),
      copiesUntil: time.nullable().describe('when the first of its old copies expires; null: not known'),
      hasExpired: z.boolean().describe('that time has passed: readers there have no token'),
    })
    .describe('a mirror does not get new tokens; `tokens` of them are behind'),
]);

const providerStatusSchema = z.strictObject({
  name: z.string(),
  kind: z.string(),
  tokens: count,
  counts: countsSchema,
  readers: readersSchema,
  schedule: z
    .strictObject({
      cron: z.string(),
      lifetimeSeconds: z.number(),
      refreshEverySeconds: z.number(),
      tickSeconds: z.number(),
    })
    .nullable()
    .describe('null until this replica has led'),
  calls: z
    .strictObject({
      recent: count.describe('latest calls that were measured, at most 20'),
      failed: count.describe('how many of them failed'),
      medianSeconds: z.number(),
      latestSeconds: z.number(),
    })
    .nullable()
    .describe('null until there was one'),
  clockSkewSeconds: z.number().nullable().describe("the provider's clock minus ours"),
  fetchBudget: z.enum(['ok', 'low', 'exhausted']).nullable().describe('null until it is nearly used'),
  discovery: z.strictObject({ customers: count, rejected: count }).nullable(),
});

const tokenStatusSchema = z.strictObject({
  token: z.string(),
  provider: z.string(),
  kind: z.string(),
  customer: z.string().nullable(),
  secret: z.string(),
  state: z.enum(TOKEN_STATES),
  issuedAt: time.nullable(),
  dueAt: time.nullable(),
  expiresAt: time.nullable(),
  lifeLeftSeconds: z.int().nullable().describe('negative once it has expired'),
  generation: count.nullable(),
  isRefreshing: z.boolean(),
  nextAttemptAt: time.nullable(),
  failure: z
    .strictObject({
      code: z.enum(FAILURE_CODES),
      message: z.string(),
      since: time.describe('when the first attempt in a row failed'),
      attempts: count,
      runbook: z.string().describe('a URL, or a path on this server'),
    })
    .nullable(),
  refusal: z
    .strictObject({
      since: time.describe('when the first report of this token came'),
      reports: count,
      status: z.int().describe('what the API had answered, by the latest report'),
      message: z.string(),
      isStopped: z.boolean().describe('no token is fetched for reports until the next refresh'),
      runbook: z.string(),
    })
    .nullable()
    .describe('readers report that an API refuses the published token'),
  versions: z
    .strictObject({ last24Hours: count, budget: count.nullable() })
    .describe("of the token's secret or its chain's, whichever has more"),
  last24Hours: z
    .string()
    .regex(new RegExp(`^[.orf]{${STRIP_LENGTH}}$`))
    .describe(
      'a character for each quarter of an hour, the oldest first: . nothing ended, o ok, r retried, f failed',
    ),
});

export const statusDocumentSchema = z.strictObject({
  at: time,
  name: z.string().describe('of the installation'),
  version: z.string(),
  replica: z.string(),
  leadership: z.strictObject({
    isLeader: z.boolean(),
    since: time,
    leader: z
      .string()
      .nullable()
      .describe('the other replica that leads; null when this one does, or none has been seen to'),
    isOurs: z
      .boolean()
      .nullable()
      .describe(
        'whether that replica refreshes these tokens, or is of another installation; null when none is seen to lead',
      ),
    reach: z
      .string()
      .nullable()
      .describe('the command that brings the page of that replica; null when it is not known'),
    problem: z
      .string()
      .nullable()
      .describe('why the replicas cannot agree, or nobody leads; null when all is well'),
  }),
  tokens: count,
  counts: countsSchema,
  trouble: z
    .strictObject({ readers: readersSchema, filling: count.describe('not published yet, and nothing fails') })
    .describe('tokens that fail or have expired; none on a replica that does not lead'),
  causes: z.array(causeSchema).describe('why, the worst first'),
  providers: z.array(providerStatusSchema),
  view: z.strictObject({
    provider: z.string().nullable(),
    state: z.enum(TOKEN_STATES).nullable(),
    code: z.enum(FAILURE_CODES).nullable(),
    text: z.string(),
    sort: z.enum(STATUS_SORTS),
    size: z.int().min(1).max(MAX_PER_PAGE),
    page: z.int().min(1),
    pages: z.int().min(1),
    matching: count,
    tokens: z.array(tokenStatusSchema).max(MAX_PER_PAGE),
  }),
});

/** JSON has no `undefined`. */
export function whenKnown<Value, Described>(
  value: Value | undefined,
  describe: (value: Value) => Described,
): Described | null {
  return value === undefined ? null : describe(value);
}

export type StatusDocument = z.output<typeof statusDocumentSchema>;
export type CauseStatus = StatusDocument['causes'][number];
export type TokenCause = Extract<CauseStatus, { readonly provider: string }>;
export type MirrorCause = Extract<CauseStatus, { readonly place: string }>;
export type ReadersStatus = TokenCause['readers'];
export type TokenStatus = StatusDocument['view']['tokens'][number];
export type ProviderStatus = StatusDocument['providers'][number];
export type StateCounts = StatusDocument['counts'];
