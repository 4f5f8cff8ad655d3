/** What `/status.json` holds, and what the page is made of: so that they cannot disagree. */
import { z } from 'zod';
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

const causeSchema = z.strictObject({
  provider: z.string(),
  code: z.enum(FAILURE_CODES).nullable().describe('null: expired, and no refresh has failed'),
  tokens: count,
  since: time.nullable().describe('when the first of them began to fail'),
  needsPerson: z.boolean().describe('trying again cannot help'),
  nextAttemptAt: time.nullable().describe('of the first of them'),
  message: z.string().nullable().describe('of the token that is worst off'),
  action: z.string().describe('what to do first'),
  runbook: z.string(),
  readers: readersSchema,
  worst: z
    .array(z.strictObject({ token: z.string(), state: z.enum(TOKEN_STATES), expiresAt: time.nullable() }))
    .max(MAX_WORST),
});

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

export type StatusDocument = z.output<typeof statusDocumentSchema>;
export type CauseStatus = StatusDocument['causes'][number];
export type ReadersStatus = CauseStatus['readers'];
export type StatusView = StatusDocument['view'];
export type TokenStatus = StatusView['tokens'][number];
export type ProviderStatus = StatusDocument['providers'][number];
export type StateCounts = StatusDocument['counts'];
