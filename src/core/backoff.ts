/**
 * How long to wait after a failed attempt.
 *
 * Guarantee: never zero, never before `Retry-After`, never sooner than 15 minutes when only a human can help; a refresh
 * that begins within them waits for the rest.
 */
import type { Failure } from './failure.ts';

const BASE_MS = 1000;
const LONGEST_MS = 60_000;
/** Full jitter may draw almost nothing; an error is never answered by an immediate retry. */
const SHORTEST_MS = 250;
const AFTER_EXPIRY_MS = 60_000;
/** A store that is full has room when a version is a day old; somebody else may take it, or have used it up. */
const SHORTEST_QUOTA_MS = 60_000;
const LONGEST_QUOTA_MS = 10 * 60_000;
export const NEEDS_HUMAN_MS = 15 * 60_000;

export interface BackoffInput {
  readonly failure: Failure;
  /** Failed attempts of this refresh so far, the last one included: 1, 2, … */
  readonly attempt: number;
  /**
   * Life left on the token that readers see, in milliseconds; negative once it has expired during this refresh;
   * `undefined` when there was no live token to begin with.
   */
  readonly remainingMs: number | undefined;
  /** Until the store has room for a version again, when it is full and as far as that is known. */
  readonly roomInMs?: number | undefined;
  /** What is left of the 15 minutes, when they began before this refresh. */
  readonly humanInMs?: number | undefined;
}

/** @param draw uniform in [0, 1), drawn once per wait */
export function decideWait(input: BackoffInput, draw: number): number {
  return Math.max(ownWait(input, draw), input.failure.retryAfterMs ?? 0);
}

function ownWait(input: BackoffInput, draw: number): number {
  const { failure, attempt, remainingMs, roomInMs, humanInMs = NEEDS_HUMAN_MS } = input;
  if (failure.retry === 'needs-human') return Math.max(SHORTEST_MS, humanInMs);
  if (failure.code === 'store-quota')
    return Math.min(Math.max(roomInMs ?? 0, SHORTEST_QUOTA_MS), LONGEST_QUOTA_MS);
  if (remainingMs !== undefined && remainingMs <= 0) return AFTER_EXPIRY_MS;
  // 2 ** attempt overflows to Infinity after a thousand attempts, which min() takes well.
  const grownMs = failure.retry === 'soon' ? BASE_MS : BASE_MS * 2 ** (attempt - 1);
  const windowMs = Math.min(grownMs, LONGEST_MS, (remainingMs ?? Number.POSITIVE_INFINITY) / 4);
  return Math.max(SHORTEST_MS, Math.round(draw * windowMs));
}
