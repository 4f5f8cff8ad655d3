/**
 * What follows when a reader reports that a published token was refused. Pure.
 *
 * Guarantee: a token is fetched for a report only if readers can still read it, and not before it is {@link FLOOR_MS} old
 * or as old as `minInterval`; {@link MAX_AN_HOUR} times an hour and {@link MAX_A_DAY} times a day at most. When what was
 * fetched for reports is refused as well, the fault lies elsewhere: it is left to the schedule and to people.
 * Non-guarantee: how often a token was fetched for reports is forgotten when another replica leads, or after a restart.
 * The age of the published token is not: it is in its document.
 */
import { timingSafeEqual } from 'node:crypto';
import { DAY_MS, HOUR_MS } from '../wire/duration.ts';

/** As long as a token that was just published is not replaced for reports: some APIs take seconds to know a new one. */
export const FLOOR_MS = 30_000;
/** Most fetches of one token for reports in an hour: a token that is revoked more often is fought over. */
export const MAX_AN_HOUR = 4;
/** The same in a day. */
export const MAX_A_DAY = 24;
/** One that is refused later than this after it was issued has worked before. */
const FRESH_MS = 600_000;
/** Most fetches in a row for reports, each of what the one before had brought. */
const MAX_IN_A_ROW = 2;
const MIN_RETRY_MS = 1_000;
/** Readers need not sleep for a day: what blocks may be over sooner. */
const MAX_RETRY_MS = HOUR_MS;

/** What asking the provider again brings, as the description of its API says. */
export type Reissue = 'new' | 'same-until-expiry' | 'invalidates-previous';

/** What the daemon knows of the token that a report is about. Durations in milliseconds, 0 when there is nothing to wait for. */
export interface RejectionFacts {
  /** What readers see; `undefined`: nothing that they could use. */
  readonly published:
    | {
        /** As `SecretText.fingerprint`. */
        readonly fingerprint: string;
        readonly generation: number;
        /** Wall time. */
        readonly expiresAtMs: number;
        /** Until its regular refresh. */
        readonly refreshInMs: number;
      }
    | undefined;
  /** How long the refresh that is under way waits at present; `undefined`: none is. */
  readonly pausedMs: number | undefined;
  /** Until the wait is over that provider or store have demanded. */
  readonly demandedMs: number;
  /** Until a fetch is tried again whose credentials or request the provider has refused. */
  readonly blockedMs: number;
  /** Until the floor after the last fetch has passed. */
  readonly floorMs: number;
  /** Until `fetchBudget` has room for a call that is no regular one. */
  readonly budgetMs: number;
}

/** What was fetched for reports. Replaced, never mutated. */
export interface RejectionHistory {
  /** When, as monotonic times of the last day in ascending order. */
  readonly fetchedAtMs: readonly number[];
  /** What readers have seen since the latest of them has ended. */
  readonly latest:
    | {
        readonly fingerprint: string;
        /** How many fetches for reports, each of what the one before had brought, have led to it: 1, 2, … */
        readonly inRow: number;
        /** The provider has handed out the refused token again. */
        readonly isSame: boolean;
        /** Monotonic. */
        readonly endedAtMs: number;
        /** It was refused while it was fresh, and is left to the schedule. */
        readonly isStopped: boolean;
      }
    | undefined;
}

export const NO_REJECTIONS: RejectionHistory = { fetchedAtMs: [], latest: undefined };

/** Why nothing is fetched for a report at present, unless the fetches for reports are used up. */
type RejectionBlock = 'cooling-down' | 'budget' | 'provider-asked';

/** What has used up the fetches for reports. */
export type Cap = 'refused-again' | 'same-again' | 'an-hour' | 'a-day';

export type RejectionVerdict =
  /** Readers see another token: it is to be read again. */
  | { readonly kind: 'replaced'; readonly generation: number; readonly expiresAtMs: number }
  /** A refresh is under way. */
  | { readonly kind: 'refreshing'; readonly retryAfterMs: number }
  /** A refresh is to be begun. */
  | { readonly kind: 'fetch'; readonly retryAfterMs: number }
  | { readonly kind: 'blocked'; readonly reason: RejectionBlock; readonly retryAfterMs: number }
  | { readonly kind: 'blocked'; readonly reason: 'capped'; readonly cap: Cap; readonly retryAfterMs: number }
  /** Nothing is published and nothing is under way. */
  | { readonly kind: 'absent'; readonly retryAfterMs: number };

export const REJECTION_OUTCOMES = [
  'replaced',
  'refreshing',
  'fetch',
  'cooling-down',
  'budget',
  'provider-asked',
  'capped',
  'absent',
] as const;
export type RejectionOutcome = (typeof REJECTION_OUTCOMES)[number];

/** As one word, for metrics and logs. */
export function outcomeOf(verdict: RejectionVerdict): RejectionOutcome {
  return verdict.kind === 'blocked' ? verdict.reason : verdict.kind;
}

/** What a reader waits before it looks again while a refresh is under way that is not paused. */
const GLANCE_MS = 2_000;
const ABSENT_RETRY_MS = 30_000;

/**
 * @param fingerprint of the token that was refused, as `SecretText.fingerprint`
 * @param nowMs monotonic
 */
export function decideRejection(
  fingerprint: string,
  facts: RejectionFacts,
  history: RejectionHistory,
  reissue: Reissue,
  nowMs: number,
): RejectionVerdict {
  const { published, pausedMs, demandedMs, floorMs, blockedMs, budgetMs } = facts;
  if (published !== undefined && !isSameFingerprint(fingerprint, published.fingerprint))
    return { kind: 'replaced', generation: published.generation, expiresAtMs: published.expiresAtMs };
  if (demandedMs > 0) return blocked('provider-asked', demandedMs);
  if (pausedMs !== undefined)
    return { kind: 'refreshing', retryAfterMs: boundRetry(Math.max(pausedMs, GLANCE_MS)) };
  if (published === undefined) return { kind: 'absent', retryAfterMs: ABSENT_RETRY_MS };
  if (floorMs > 0) return blocked('cooling-down', floorMs);
  const capped = findCap(published, history, reissue, nowMs);
  if (capped !== undefined) {
    // The next regular token ends it as well, but for the caps of an hour and a day.
    const { cap, waitMs } = capped;
    return { kind: 'blocked', reason: 'capped', cap, retryAfterMs: boundRetry(waitMs) };
  }
  if (blockedMs > 0) return blocked('cooling-down', blockedMs);
  if (budgetMs > 0) return blocked('budget', budgetMs);
  return { kind: 'fetch', retryAfterMs: GLANCE_MS };
}

/** A fetch for a report begins. */
export function beginRejectionFetch(history: RejectionHistory, nowMs: number): RejectionHistory {
  const recent = history.fetchedAtMs.filter((atMs) => nowMs - atMs < DAY_MS);
  return { ...history, fetchedAtMs: [...recent, nowMs] };
}

/**
 * It has ended.
 * @param refused fingerprint of the token that it was begun for
 * @param seen fingerprint of what readers see now; `undefined`: nothing
 */
export function endRejectionFetch(
  history: RejectionHistory,
  refused: string,
  seen: string | undefined,
  nowMs: number,
): RejectionHistory {
  if (seen === undefined) return { ...history, latest: undefined };
  const former = history.latest?.fingerprint === refused ? history.latest : undefined;
  const wasFresh = former !== undefined && nowMs - former.endedAtMs < FRESH_MS;
  const inRow = (wasFresh ? former.inRow : 0) + 1;
  return {
    ...history,
    latest: { fingerprint: seen, inRow, isSame: seen === refused, endedAtMs: nowMs, isStopped: false },
  };
}

/** What the verdict leaves behind: a token that was refused while it was fresh is no better when it is older. */
export function noteVerdict(history: RejectionHistory, verdict: RejectionVerdict): RejectionHistory {
  const isStopped =
    verdict.kind === 'blocked' && verdict.reason === 'capped' && verdict.cap === 'refused-again';
  const { latest } = history;
  return !isStopped || latest === undefined ? history : { ...history, latest: { ...latest, isStopped } };
}

function findCap(
  { fingerprint, refreshInMs }: NonNullable<RejectionFacts['published']>,
  { fetchedAtMs, latest }: RejectionHistory,
  reissue: Reissue,
  nowMs: number,
): { readonly cap: Cap; readonly waitMs: number } | undefined {
  if (latest?.fingerprint === fingerprint) {
    const { isSame, inRow, isStopped, endedAtMs } = latest;
    const freshForMs = endedAtMs + FRESH_MS - nowMs;
    // Asking again brings the same until it ends: once was worth a try, as the provider may know that it is revoked.
    if (isSame && reissue === 'same-until-expiry') return { cap: 'same-again', waitMs: refreshInMs };
    if (isSame && freshForMs > 0) return { cap: 'same-again', waitMs: Math.min(freshForMs, refreshInMs) };
    // Each of these fetches takes the token away from all readers that are served well.
    const most = reissue === 'invalidates-previous' ? 1 : MAX_IN_A_ROW;
    if (!isSame && inRow >= most && (isStopped || freshForMs > 0))
      return { cap: 'refused-again', waitMs: refreshInMs };
  }
  for (const [cap, windowMs, most] of WINDOWS) {
    const counted = fetchedAtMs.filter((atMs) => nowMs - atMs < windowMs);
    const oldest = counted.at(-most);
    if (oldest !== undefined) return { cap, waitMs: oldest + windowMs - nowMs };
  }
  return undefined;
}

const WINDOWS = [
  ['a-day', DAY_MS, MAX_A_DAY],
  ['an-hour', HOUR_MS, MAX_AN_HOUR],
] as const;

function blocked(reason: RejectionBlock, waitMs: number): RejectionVerdict {
  return { kind: 'blocked', reason, retryAfterMs: boundRetry(waitMs) };
}

function boundRetry(waitMs: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, waitMs));
}

/** In a time that says nothing of how much of it is right. */
function isSameFingerprint(some: string, other: string): boolean {
  const [a, b] = [Buffer.from(some), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
