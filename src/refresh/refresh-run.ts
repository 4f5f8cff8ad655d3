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
 * - `fresh`: the store holds a token that is not due; nothing was fetched, or another process was faster.
 */
export interface Achievement {
  readonly kind: 'refreshed' | 'unchanged' | 'fresh';
}

export type Phase =
  /** Does what is left to do. */
  | { readonly kind: 'working' }
  /** Nothing is left to do but to save a refresh token. */
  | { readonly kind: 'achieved'; readonly achievement: Achievement }
  | BackingOff
  /** The provider must not be called yet, for our own budget's sake or because it fails for all of its tokens. */
  | { readonly kind: 'refused'; readonly refusal: CallRefusal }
  /** A human waits for the outcome, and gets the reason at once. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The term has ended, or the token is not managed any more; what was fetched gets a last try. */
  | { readonly kind: 'ending'; readonly failure: Failure; readonly hasTried: boolean };

/** Waits after a failure; `next` follows. */
export interface BackingOff {
  readonly kind: 'backing-off';
  readonly failure: Failure;
  readonly waitMs: number;
  readonly next: Extract<Phase, { kind: 'working' | 'achieved' }>;
}

export interface RefreshRun {
  readonly reason: RefreshReason;
  readonly term: Term;
  /** Aborted when the token is not managed any more. */
  readonly retired: AbortSignal;
  /** `unlimited`: no human waits for the run. Else the run ends after so many, and when a human or a long wait is needed. */
  readonly maxAttempts: number | 'unlimited';
  readonly startedMs: number;
  /** Whether readers had a live token when the run began. */
  readonly beganLive: boolean;
  /** Fingerprint of the token that readers were refused with: while they see it, another is fetched, due or not. */
  readonly refused: string | undefined;
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
export const REFRESHED: Phase = { kind: 'achieved', achievement: { kind: 'refreshed' } };
export const UNCHANGED: Phase = { kind: 'achieved', achievement: { kind: 'unchanged' } };
export const FRESH: Phase = { kind: 'achieved', achievement: { kind: 'fresh' } };

export const NO_FAILURES: FailureTally = {
  provider: 0,
  store: 0,
  soon: 0,
  total: 0,
  latestCode: undefined,
  sinceMs: undefined,
};

export const RETIRED: Failure = { code: 'aborted', retry: 'soon', message: 'the token is not kept any more' };

/** A human waits for a run with `maxAttempts`, and is better served by the reason than by a minute of silence. */
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

/** Whether a run ends with this failure instead of waiting. */
export function isGivenUp({ maxAttempts, attempt }: RefreshRun, { retry }: Failure, waitMs: number): boolean {
  if (maxAttempts === 'unlimited') return false;
  return attempt >= maxAttempts || retry === 'needs-human' || waitMs > MAX_SILENCE_MS;
}

/** The run begins no further attempt: what was fetched gets a last try. What has its outcome keeps it. */
export function endEarly(run: RefreshRun): RefreshRun {
  const { term, retired, phase } = run;
  if (phase.kind === 'ending' || phase.kind === 'achieved' || phase.kind === 'failed') return run;
  return endWith(run, retired.aborted && !term.hasEnded() ? RETIRED : describeEnd(term));
}

export function endWith(run: RefreshRun, failure: Failure): RefreshRun {
  return { ...run, phase: { kind: 'ending', failure, hasTried: false } };
}
