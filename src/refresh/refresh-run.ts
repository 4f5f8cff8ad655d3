/** One refresh, from its start to its end over all attempts. */
import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
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

export interface RefreshRun {
  readonly reason: RefreshReason;
  readonly term: Term;
  /** Aborted when the token is not kept any more. */
  readonly retired: AbortSignal;
  /** Aborted then, and when the term ends in either way: no further attempt is begun. */
  readonly over: AbortSignal;
  /** The run is given up after so many failed attempts, and at once when a human or a long wait is needed. */
  readonly maxAttempts: number;
  readonly startedMs: number;
  /** Whether readers had a live token when the run began. */
  readonly beganLive: boolean;
  /** The token itself is not due: only a refresh token has to be saved that was left over. */
  readonly isForChain: boolean;
}

export const RETIRED: Failure = { code: 'aborted', retry: 'soon', message: 'the token is not kept any more' };

/** Somebody waits for a run with `maxAttempts`, and is better served by the reason than by a minute of silence. */
export const IMPATIENT_WAIT_MS = 15_000;

/** Nobody waits for the run, so that it may take as long as it takes. */
export function hasPatience({ maxAttempts }: RefreshRun): boolean {
  return maxAttempts === Number.POSITIVE_INFINITY;
}

export function describeEndOf({ term, retired }: RefreshRun): Failure {
  return retired.aborted && !term.signal.aborted ? RETIRED : describeEnd(term);
}

/** Began for another reason than that the time had come, maybe for all tokens of the provider at once. */
export function isOffSchedule({ beganLive, reason }: RefreshRun): boolean {
  return !beganLive || reason === 'start' || reason === 'explicit';
}
