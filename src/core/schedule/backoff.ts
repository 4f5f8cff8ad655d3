/**
 * How long to wait after a failed attempt.
 *
 * Guarantee: never zero, never before `Retry-After`, never sooner than 15 minutes when only a human can help (60, 120,
 * 240 and 480 s first for credentials that have worked); a refresh that begins within them waits for the rest.
 */
import { type Failure, isStoreFailure } from '../failure.ts';
import { formatPeriod } from '../wire/time-text.ts';

const BASE_MS = 1000;
const MAX_MS = 60_000;
/** Full jitter may draw almost nothing; an error is never answered by an immediate retry. */
const MIN_MS = 250;
const AFTER_EXPIRY_MS = 60_000;
/** A store that is full has room when a version is a day old; somebody else may take it, or have used it up. */
const MIN_QUOTA_MS = 60_000;
const MAX_QUOTA_MS = 10 * 60_000;
export const NEEDS_HUMAN_MS = 15 * 60_000;
const FIRST_REJECTED_MS = 60_000;
/** After so many failures that are likely to be over `soon`, they are taken for failures like all others. */
const SOON_TIMES = 2;
/** A provider that is overloaded knows nothing of our readers: so long after the expiry it is asked all the same. */
const RETRY_AFTER_PAST_EXPIRY_MS = 5 * 60_000;

export interface BackoffInput {
  readonly failure: Failure;
  /** How often the side that failed, provider or store, has failed in this refresh, the last time included: 1, 2, … */
  readonly attempt: number;
  /** The same for failures that ask for a retry `soon`, of either side; without it `attempt`. */
  readonly soonAttempt?: number;
  /**
   * Life left on the token that readers see, in milliseconds; negative once it has expired during this refresh;
   * `undefined` when there was no live token to begin with.
   */
  readonly remainingMs: number | undefined;
  /** Until the store has room for a version again, when it is full and as far as that is known. */
  readonly roomInMs?: number | undefined;
  /** How long a human is waited for, in milliseconds; without it 15 minutes. */
  readonly humanInMs?: number | undefined;
}

/** @param draw uniform in [0, 1), drawn once per wait */
export function decideWait(input: BackoffInput, draw: number): number {
  return Math.max(ownWait(input, draw), input.failure.retryAfterMs ?? 0);
}

/**
 * How long rejected credentials are left alone, in milliseconds. Those that have worked were most likely rejected by
 * mistake: they are tried again after a minute, and twice as long each time.
 * @param rejections in a row, the last one included: 1, 2, …
 */
export function decideHumanWait(rejections: number, haveWorked: boolean): number {
  return haveWorked ? Math.min(NEEDS_HUMAN_MS, FIRST_REJECTED_MS * 2 ** (rejections - 1)) : NEEDS_HUMAN_MS;
}

/**
 * The failure with a `Retry-After` that readers can live with: an unavailable provider is asked again some minutes after
 * the token has expired, whatever it demanded. A rate limit is obeyed as it is.
 * @param remainingMs as in {@link BackoffInput}
 */
export function boundRetryAfter(failure: Failure, remainingMs: number | undefined): Failure {
  const mostMs = Math.max(0, remainingMs ?? 0) + RETRY_AFTER_PAST_EXPIRY_MS;
  if (failure.code !== 'provider-unavailable' || (failure.retryAfterMs ?? 0) <= mostMs) return failure;
  const message = `${failure.message}; tried again in ${formatPeriod(Math.ceil(mostMs / 1000) * 1000)} all the same, because readers need a token`;
  return { ...failure, retryAfterMs: mostMs, message };
}

function ownWait(input: BackoffInput, draw: number): number {
  const { failure, attempt, soonAttempt = attempt, remainingMs, roomInMs, humanInMs } = input;
  if (failure.retry === 'needs-human' || humanInMs !== undefined)
    return Math.max(MIN_MS, humanInMs ?? NEEDS_HUMAN_MS);
  if (failure.code === 'store-quota') return Math.min(Math.max(roomInMs ?? 0, MIN_QUOTA_MS), MAX_QUOTA_MS);
  const isSoon = failure.retry === 'soon' && soonAttempt <= SOON_TIMES;
  const isExpired = remainingMs !== undefined && remainingMs <= 0;
  // What was fetched and cannot be written is one write away from its readers: that is worth more than one try a minute.
  if (isExpired && !isSoon && !isStoreFailure(failure)) return AFTER_EXPIRY_MS;
  // 2 ** attempt overflows to Infinity after a thousand attempts, which min() takes well.
  const grownMs = isSoon ? BASE_MS : BASE_MS * 2 ** (attempt - 1);
  const maxMs = remainingMs === undefined || isExpired ? MAX_MS : Math.min(MAX_MS, remainingMs / 4);
  return Math.max(MIN_MS, Math.round(draw * Math.min(grownMs, maxMs)));
}
