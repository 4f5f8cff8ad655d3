/** What an event makes of the record of a token. */
import {
  type FailureRecord,
  type Published,
  publishedOf,
  type ReadableToken,
  type RefusalRecord,
  recentTimes,
  type SecretVersions,
  type TokenRecord,
} from '../core/board.ts';
import type { EventByName, RefreshEvent, SecretTarget } from '../core/events.ts';
import type { Moment } from '../core/schedule/moment.ts';
import { RefreshStrip } from '../core/token/refresh-strip.ts';
import type { TokenIdentity } from '../core/token/token.ts';

export type TokenEvent = Extract<RefreshEvent, { identity: TokenIdentity }>;

// Shared by all records, of which there may be many thousands.
const UNKNOWN: ReadableToken = { kind: 'unknown' };
const ABSENT: ReadableToken = { kind: 'absent' };
const NO_SECRETS: TokenRecord['secrets'] = { document: undefined, state: undefined };
const NO_VERSIONS: SecretVersions = { timesMs: [], shortage: undefined };
const NO_REFRESHES = new RefreshStrip();

export function createTokenRecord(identity: TokenIdentity): TokenRecord {
  return {
    identity,
    readable: UNKNOWN,
    isRefreshing: false,
    failure: undefined,
    refusal: undefined,
    lastSuccessAtMs: undefined,
    secrets: NO_SECRETS,
    strip: undefined,
  };
}

/** @returns `undefined`: the token is gone */
export function reduceToken(record: TokenRecord, event: TokenEvent, now: Moment): TokenRecord | undefined {
  const { readable, failure, strip = NO_REFRESHES } = record;
  switch (event.event) {
    case 'token-restored':
      return {
        ...publish(record, event, 'restored'),
        refusal: publishedOf(readable)?.generation === event.generation ? record.refusal : undefined,
        lastSuccessAtMs: event.issuedAtMs,
      };
    case 'token-refreshed':
      return {
        ...publish(record, event, 'refreshed'),
        refusal: undefined,
        lastSuccessAtMs: now.wallMs,
        strip: strip.withSuccess(now.monotonicMs, failure !== undefined),
      };
    case 'token-unchanged':
      return publish(
        record,
        { issuedAtMs: undefined, generation: undefined, ...publishedOf(readable), ...event },
        'unchanged',
      );
    case 'refresh-postponed':
      return readable.kind === 'published'
        ? publish(record, { ...readable, refreshAtMs: event.refreshAtMs }, 'unchanged')
        : endEffort(record);
    case 'token-absent':
      return {
        ...record,
        readable:
          event.expired === undefined ? ABSENT : { kind: 'published', ...event.expired, latest: 'expired' },
      };
    case 'refresh-started':
      return { ...record, isRefreshing: true };
    case 'refresh-failed':
      return {
        ...record,
        readable: confirm(readable, event.expiresAtMs),
        failure: countFailure(failure, event, now),
        strip: strip.withFailure(now.monotonicMs),
      };
    case 'refresh-recovered':
      return { ...record, failure: undefined };
    case 'refresh-abandoned':
      return { ...record, isRefreshing: false };
    case 'secret-written':
      return event.failure === undefined
        ? withVersions(record, event.target, ({ timesMs }) => ({
            timesMs: [...recentTimes(timesMs, now.monotonicMs), now.monotonicMs],
          }))
        : record;
    case 'secret-versions-counted': {
      const timesMs = event.agesMs.map((ageMs) => now.monotonicMs - Math.max(0, ageMs));
      return withVersions(record, event.target, () => ({ timesMs: timesMs.toSorted((a, b) => a - b) }));
    }
    case 'version-budget-low':
    case 'version-budget-exhausted': {
      const { target, versions, versionBudget } = event;
      return withVersions(record, target, () => ({ shortage: { versions, versionBudget } }));
    }
    case 'version-budget-recovered':
      return withVersions(record, event.target, () => ({ shortage: undefined }));
    case 'token-rejected':
      // Of another token than the published one, or of none.
      return event.outcome === 'replaced' || event.outcome === 'absent'
        ? record
        : { ...record, refusal: countReport(record.refusal, event, now) };
    case 'token-removed':
      return undefined;
    case 'token-added':
    case 'token-fetched':
    case 'chain-recovered':
      return record;
    default:
      return event satisfies never;
  }
}

/** Nothing is under way and nothing fails: a refresh has ended, or the term in which that was so. */
export function endEffort(record: TokenRecord): TokenRecord {
  const { failure, isRefreshing } = record;
  return failure === undefined && !isRefreshing
    ? record
    : { ...record, isRefreshing: false, failure: undefined };
}

function publish(
  record: TokenRecord,
  { issuedAtMs, expiresAtMs, refreshAtMs, generation }: Omit<Published, 'kind' | 'latest'>,
  latest: Published['latest'],
): TokenRecord {
  const readable = { kind: 'published', issuedAtMs, expiresAtMs, refreshAtMs, generation, latest } as const;
  return { ...endEffort(record), readable };
}

/**
 * An attempt that failed says when what readers have expires. When it knows of nothing, that is no news: the store may not
 * have been read, and only the store can say that there is no token.
 */
function confirm(readable: ReadableToken, expiresAtMs: number | undefined): ReadableToken {
  return readable.kind === 'published' && expiresAtMs !== undefined ? { ...readable, expiresAtMs } : readable;
}

/** The failure that a series of them has come to. */
export function countFailure(
  former: FailureRecord | undefined,
  { failure: { code, retry, message }, nextAttemptAtMs }: EventByName['refresh-failed' | 'mirror-failed'],
  { wallMs }: Moment,
): FailureRecord {
  const { sinceMs = wallMs, attempts = 0 } = former ?? {};
  return { code, retry, message, sinceMs, attempts: attempts + 1, nextAttemptAtMs };
}

function countReport(
  former: RefusalRecord | undefined,
  { status, outcome, cap, retryAfterMs }: EventByName['token-rejected'],
  { wallMs }: Moment,
): RefusalRecord {
  const { sinceMs = wallMs, reports = 0 } = former ?? {};
  const retryAtMs = retryAfterMs === undefined ? undefined : wallMs + retryAfterMs;
  return {
    sinceMs,
    reports: reports + 1,
    reportedAtMs: wallMs,
    status,
    outcome,
    cap: cap ?? former?.cap,
    retryAtMs,
  };
}

function withVersions(
  record: TokenRecord,
  target: SecretTarget,
  change: (former: SecretVersions) => Partial<SecretVersions>,
): TokenRecord {
  const former = record.secrets[target] ?? NO_VERSIONS;
  return { ...record, secrets: { ...record.secrets, [target]: { ...former, ...change(former) } } };
}
