/** One refresh, from its start to its end over all attempts: a value that is replaced, never mutated. */

import type { RefreshReason } from '../core/events.ts';
import { type Failure, isStoreFailure } from '../core/failure.ts';
import type { BackoffInput } from '../core/schedule/backoff.ts';
import type { CallRefusal } from './limits/token-limits.ts';
import { describeEnd, type Term } from './term.ts';

/** How it ended. */
export type RefreshOutcome = Achievement | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * - `refreshed`: a newer token is readable.
 * - `unchanged`: the provider has no newer token yet.
 * - `fresh`: the store holds a token that is not due; nothing was fetched, or somebody else was faster.
 */
export interface Achievement {
  readonly kind: 'refreshed' | 'unchanged' | 'fresh';
}

export type Phase =
  /** Does what is left to do. */
  | { readonly kind: 'working' }
  /** Nothing is left to do but to save a refresh token. */
  | { readonly kind: 'achieved'; readonly achievement: Achievement }
  /** Waits after a failure; `next` follows. */
  | {
      readonly kind: 'backing-off';
      readonly failure: Failure;
      readonly waitMs: number;
      readonly next: Extract<Phase, { kind: 'working' | 'achieved' }>;
    }
  /** The provider must not be called yet, for our own budget's sake or because it fails for all of its tokens. */
  | { readonly kind: 'refused'; readonly refusal: CallRefusal }
  /** Somebody waits for the outcome, and is better served by the reason than by silence. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The term has ended, or the token is not managed any more; what was fetched gets a last try. */
  | { readonly kind: 'ending'; readonly failure: Failure; readonly hasTried: boolean };

export interface RefreshRun {
  readonly reason: RefreshReason;
  readonly term: Term;
  /** Aborted when the token is not managed any more. */
  readonly retired: AbortSignal;
  /** Aborted then, and when the term ends in either way: no further attempt is begun. */
  readonly ended: AbortSignal;
  /** `unlimited`: nobody waits for the run. Else the run ends after so many, and when a human or a long wait is needed. */
  readonly maxAttempts: number | 'unlimited';
  readonly startedMs: number;
  /** Whether readers had a live token when the run began. */
  readonly beganLive: boolean;
  /** `chain`: the token itself is not due, only a refresh token has to be saved that was left over. */
  readonly goal: 'token' | 'chain';
  /** The present one: 1, 2, … */
  readonly attempt: number;
  readonly failures: FailureTally;
  /** Others may have published since the run began: nothing is fetched unless the token is still due. */
  readonly onlyIfDue: boolean;
  readonly phase: Phase;
}

/** How often a refresh has failed, by what decides about its next wait. */
export interface FailureTally {
  readonly provider: number;
  readonly store: number;
  readonly soon: number;
  /** All of them, and those that other tokens have met. */
  readonly total: number;
  readonly latestCode: Failure['code'] | undefined;
  /** Monotonic time of the first one. */
  readonly sinceMs: number | undefined;
}

export const WORKING = { kind: 'working' } as const satisfies Phase;

export const NO_FAILURES: FailureTally = {
  provider: 0,
  store: 0,
  soon: 0,
  total: 0,
  latestCode: undefined,
  sinceMs: undefined,
};

export const RETIRED: Failure = { code: 'aborted', retry: 'soon', message: 'the token is not kept any more' };

/** Somebody waits for a run with `maxAttempts`, and is better served by the reason than by a minute of silence. */
const MAX_SILENCE_MS = 15_000;

/** A failure of this token's own. */
export function countFailure(tally: FailureTally, failure: Failure, nowMs: number): FailureTally {
  const isStore = isStoreFailure(failure);
  return {
    ...countOthers(tally, failure, nowMs),
    provider: tally.provider + (isStore ? 0 : 1),
    store: tally.store + (isStore ? 1 : 0),
    soon: tally.soon + (failure.retry === 'soon' ? 1 : 0),
  };
}

/** A failure that other tokens have met. */
export function countOthers(tally: FailureTally, { code }: Failure, nowMs: number): FailureTally {
  return { ...tally, total: tally.total + 1, latestCode: code, sinceMs: tally.sinceMs ?? nowMs };
}

/** How often the side that failed has done so. */
export function attemptsOf(
  { provider, store, soon }: FailureTally,
  failure: Failure,
): Pick<BackoffInput, 'attempt' | 'soonAttempt'> {
  return { attempt: isStoreFailure(failure) ? store : provider, soonAttempt: soon };
}

/** Nobody waits for the run, so that it may take as long as it takes. */
export function isUnbounded({ maxAttempts }: RefreshRun): boolean {
  return maxAttempts === 'unlimited';
}

/** Whether a run ends with this failure instead of waiting. */
export function isGivenUp({ maxAttempts, attempt }: RefreshRun, { retry }: Failure, waitMs: number): boolean {
  if (maxAttempts === 'unlimited') return false;
  return attempt >= maxAttempts || retry === 'needs-human' || waitMs > MAX_SILENCE_MS;
}

export function describeEndOf({ term, retired }: RefreshRun): Failure {
  return retired.aborted && !term.hasEnded() ? RETIRED : describeEnd(term);
}

/** Whether its token does not come when its time has come, maybe with all tokens of the provider at once. */
export function isOffSchedule({ beganLive, reason, attempt }: RefreshRun): boolean {
  return attempt > 1 || !beganLive || reason === 'start' || reason === 'explicit';
}
