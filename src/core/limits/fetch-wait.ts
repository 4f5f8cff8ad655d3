/**
 * Waits of a token that hold across restarts of the process: what a provider demanded, and what follows a rejection.
 *
 * The rule for rejected credentials: while a process lives they are tried again every 15 minutes or when they change. A
 * restart may be the change (an environment variable cannot change otherwise), and what the former process tried cannot
 * be recognised without storing something that reveals it. So each restart gets one try: 60 s after the last rejection
 * at the earliest, and twice as long for each restart in a row that was rejected too, up to the 15 minutes.
 */

import type { Failure } from '../failure.ts';
import type { FetchWait } from '../ports.ts';
import { decideHumanWait } from '../schedule/backoff.ts';
import { formatMoment } from '../wire/time-text.ts';
import { MAX_RETRY_AFTER_MS } from './retry-after.ts';

/** A record this old has nothing to say any more: not even restarts that are rejected come this rarely in a row. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/** How long the next process has to leave the provider alone. @param rejectedLives of the former processes in a row */
export function decideRejectedWait(rejectedLives: number): number {
  return decideHumanWait(rejectedLives + 1, true);
}

/**
 * Milliseconds of a wait that are left. Never more than was demanded, so that a clock that was set back in between does
 * not make an hour of a minute.
 */
export function remainingWaitMs({ notBeforeMs, recordedAtMs }: FetchWait, nowMs: number): number {
  const leftMs = Math.min(notBeforeMs - nowMs, notBeforeMs - recordedAtMs, MAX_RETRY_AFTER_MS);
  return Math.max(0, leftMs);
}

/** Whether a record can be thrown away. */
export function isForgotten({ notBeforeMs }: FetchWait, nowMs: number): boolean {
  return notBeforeMs + FORGOTTEN_AFTER_MS <= nowMs;
}

/** A wait of which `leftMs` are left, as a failure; `undefined` for an interval, which is no refusal. */
export function describeWait(wait: FetchWait, leftMs: number, nowMs: number): Failure | undefined {
  if (wait.code === 'min-interval') return undefined;
  const cause = wait.rejectedLives > 0 ? 'refused a request' : 'asked for patience';
  return {
    code: wait.code,
    retry: 'backoff',
    retryAfterMs: leftMs,
    message: `the provider ${cause} before this process began: it is not asked again before ${formatMoment(nowMs + leftMs, nowMs)}`,
  };
}
