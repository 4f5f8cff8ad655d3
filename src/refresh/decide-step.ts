/**
 * What a refresh does next: pure, total, and all in one place.
 *
 * Guarantee: a refresh token is saved before anything is published or fetched; a token that was fetched is published
 * before another one is fetched; whatever reaches the provider or reads the store has one of the provider's turns.
 */

import type { Failure } from '../core/failure.ts';
import { type CadencePolicy, decideTolerableCadence, isDueAtTick } from '../core/schedule/cadence.ts';
import { msUntil, type Now } from '../core/schedule/moment.ts';
import type { CallRefusal, LimitsView } from './limits/token-limits.ts';
import type { PendingToken } from './planned-token.ts';
import type { BackingOff, RefreshOutcome, RefreshRun } from './refresh-run.ts';
import type { TokenState } from './token-state.ts';

export type Step =
  | { readonly kind: 'read-store' }
  | { readonly kind: 'fetch' }
  | { readonly kind: 'save-refresh-token' }
  | { readonly kind: 'publish'; readonly pending: PendingToken }
  /** Until one of the provider's turns is free. */
  | { readonly kind: 'wait-for-turn' }
  /** Until the provider may be asked again, or takes writes again. */
  | { readonly kind: 'wait'; readonly waitMs: number }
  /** The same after a failure: ends early when a human wants the next attempt, or its cause may be gone. */
  | (Omit<BackingOff, 'kind'> & { readonly kind: 'wait-after-failure' })
  | { readonly kind: 'wait-for-permit'; readonly refusal: CallRefusal }
  /** Without a call: the provider was asked too lately. */
  | { readonly kind: 'fail'; readonly failure: Failure }
  | { readonly kind: 'end'; readonly outcome: RefreshOutcome };

export interface TokenFacts {
  readonly state: TokenState;
  /** The store lacks the newest refresh token. */
  readonly hasUnsaved: boolean;
  readonly policy: CadencePolicy;
}

const SAVE: Step = { kind: 'save-refresh-token' };
const TURN: Step = { kind: 'wait-for-turn' };
const FRESH: Step = { kind: 'end', outcome: { kind: 'fresh' } };

export function decideStep(
  { state, hasUnsaved, policy }: TokenFacts,
  { phase, goal, term, onlyIfDue, refused }: RefreshRun,
  limits: LimitsView,
  now: Now,
): Step {
  const { pending } = state;
  // The refresh token first: without it the next fetch would present a spent one.
  const unwritten: Step | undefined = pending && { kind: 'publish', pending };
  const write = hasUnsaved ? SAVE : unwritten;
  switch (phase.kind) {
    case 'achieved':
      return hasUnsaved ? SAVE : { kind: 'end', outcome: phase.achievement };
    case 'backing-off':
      return { ...phase, kind: 'wait-after-failure' };
    case 'refused':
      return { kind: 'wait-for-permit', refusal: phase.refusal };
    case 'failed':
      return { kind: 'end', outcome: { kind: 'failed', failure: phase.failure } };
    case 'ending': {
      const lastTry = phase.hasTried || term.hasEnded() ? undefined : write;
      return lastTry ?? { kind: 'end', outcome: { kind: 'failed', failure: phase.failure } };
    }
    case 'working':
  }
  if (goal === 'chain') {
    if (!hasUnsaved) return FRESH;
    return limits.hasTurn ? SAVE : TURN;
  }
  // What is pending waits for what was demanded alone: the interval is between two fetches.
  const waitMs = pending === undefined ? Math.max(limits.demandedMs, limits.intervalMs) : limits.demandedMs;
  if (waitMs > 0) return { kind: 'wait', waitMs };
  if (!limits.hasTurn) return TURN;
  if (state.stored === 'unread' || isStale(pending, now)) return { kind: 'read-store' };
  if (pending !== undefined && write !== undefined) return write;
  const isRefused = refused !== undefined && state.published?.token.fingerprint === refused;
  if (onlyIfDue && !isRefused && !isDue(state, policy, now)) return write ?? FRESH;
  if (limits.currentBlock !== undefined) return { kind: 'fail', failure: limits.currentBlock };
  return write ?? { kind: 'fetch' };
}

/** True when there is no token, or its refresh is nearer to now than to the next tick. */
export function isDue(state: TokenState, policy: CadencePolicy, now: Now): boolean {
  const { published } = state;
  if (published === undefined) return true;
  const { tickMs } = decideTolerableCadence(published.lifetimeMs, policy);
  return isDueAtTick(msUntil(published.refreshAt, now), tickMs);
}

/**
 * Whether what is pending is dropped: the store was away for so long that it is due itself. The store is then read before
 * anything is fetched, so that no token is fetched for a store that does not answer.
 */
export function isStale(pending: PendingToken | undefined, now: Now): boolean {
  return pending?.hasWaited === true && msUntil(pending.refreshAt, now) <= 0;
}
