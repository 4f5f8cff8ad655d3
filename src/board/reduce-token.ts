/** What an event makes of the record of a token. */
import {
  type FailureRecord,
  type Published,
  publishedOf,
  type ReadableToken,
  recentTimes,
  type SecretVersions,
  type TokenRecord,
} from '../core/board.ts';
import type { RefreshEvent, SecretTarget } from '../core/events.ts';
import type { Moment } from '../core/schedule/moment.ts';
import { RefreshStrip } from '../core/token/refresh-strip.ts';
import type { TokenIdentity } from '../core/token/token.ts';

export type TokenEvent = Extract<RefreshEvent, { identity: TokenIdentity }>;
type FailedEvent = Extract<RefreshEvent, { event: 'refresh-failed' }>;

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
      return { ...publish(record, event, 'restored'), lastSuccessAtMs: event.issuedAtMs };
    case 'token-refreshed':
      return {
        ...publish(record, event, 'refreshed'),
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
      return { ...record, readable: ABSENT };
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
    case 'secret-written': {
      if (event.failure !== undefined) return record;
      const { timesMs, shortage } = record.secrets[event.target] ?? NO_VERSIONS;
      const recentMs = recentTimes(timesMs, now.monotonicMs);
      return withVersions(record, event.target, { timesMs: [...recentMs, now.monotonicMs], shortage });
    }
    case 'secret-versions-counted': {
      const { shortage } = record.secrets[event.target] ?? NO_VERSIONS;
      const timesMs = event.agesMs.map((ageMs) => now.monotonicMs - Math.max(0, ageMs));
      return withVersions(record, event.target, { timesMs: timesMs.toSorted((a, b) => a - b), shortage });
    }
    case 'version-budget-low':
    case 'version-budget-exhausted':
    case 'version-budget-recovered': {
      const { versions, versionBudget } = event;
      const { timesMs } = record.secrets[event.target] ?? NO_VERSIONS;
      const shortage = event.event === 'version-budget-recovered' ? undefined : { versions, versionBudget };
      return withVersions(record, event.target, { timesMs, shortage });
    }
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

function countFailure(
  former: FailureRecord | undefined,
  { failure: { code, retry, message }, nextAttemptAtMs }: FailedEvent,
  now: Moment,
): FailureRecord {
  const { sinceMs = now.wallMs, attempts = 0 } = former ?? {};
  return { code, retry, message, sinceMs, attempts: attempts + 1, nextAttemptAtMs };
}

function withVersions(record: TokenRecord, target: SecretTarget, versions: SecretVersions): TokenRecord {
  const { document, state } = record.secrets;
  const secrets = target === 'document' ? { document: versions, state } : { document, state: versions };
  return { ...record, secrets };
}
