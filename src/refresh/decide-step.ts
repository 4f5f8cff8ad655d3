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
import type { RefreshOutcome, RefreshRun } from './refresh-run.ts';
import { isStale, type TokenState } from './token-state.ts';

export type Step =
  | { readonly kind: 'read-store' }
  | { readonly kind: 'fetch' }
  | { readonly kind: 'save-refresh-token' }
  | { readonly kind: 'publish' }
  /** Until one of the provider's turns is free. */
  | { readonly kind: 'wait-for-turn' }
  /** Until the provider may be asked again, or takes writes again. */
  | { readonly kind: 'wait'; readonly waitMs: number }
  /** The same after a failure: ends early when somebody wants it tried, or it may have become different. */
  | { readonly kind: 'wait-after-failure'; readonly failure: Failure; readonly waitMs: number }
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
const FRESH: Step = { kind: 'end', outcome: { kind: 'fresh' } };

export function decideStep(facts: TokenFacts, run: RefreshRun, limits: LimitsView, now: Now): Step {
  const { phase } = run;
  switch (phase.kind) {
    case 'working':
      return run.goal === 'chain' ? decideForChain(facts, limits) : decideWork(facts, run, limits, now);
    case 'achieved':
      return facts.hasUnsaved ? SAVE : { kind: 'end', outcome: phase.achievement };
    case 'backing-off':
      return { kind: 'wait-after-failure', failure: phase.failure, waitMs: phase.waitMs };
    case 'refused':
      return { kind: 'wait-for-permit', refusal: phase.refusal };
    case 'failed':
      return { kind: 'end', outcome: { kind: 'failed', failure: phase.failure } };
    case 'ending': {
      const lastTry = phase.hasTried || run.term.hasEnded() ? undefined : decideWrite(facts);
      return lastTry ?? { kind: 'end', outcome: { kind: 'failed', failure: phase.failure } };
    }
  }
}

function decideForChain({ hasUnsaved }: TokenFacts, { hasTurn }: LimitsView): Step {
  if (!hasUnsaved) return FRESH;
  return hasTurn ? SAVE : { kind: 'wait-for-turn' };
}

function decideWork(facts: TokenFacts, run: RefreshRun, limits: LimitsView, now: Now): Step {
  const { state, policy } = facts;
  const { pending } = state;
  // What is pending waits for what was demanded alone: the interval is between two fetches.
  const waitMs = pending === undefined ? Math.max(limits.demandedMs, limits.intervalMs) : limits.demandedMs;
  if (waitMs > 0) return { kind: 'wait', waitMs };
  if (!limits.hasTurn) return { kind: 'wait-for-turn' };
  if (state.kind === 'unread' || isStale(pending, now)) return { kind: 'read-store' };
  const write = decideWrite(facts);
  if (pending !== undefined && write !== undefined) return write;
  if (run.onlyIfDue && !isDue(state, policy, now)) return write ?? FRESH;
  if (limits.heldBack !== undefined) return { kind: 'fail', failure: limits.heldBack };
  return write ?? { kind: 'fetch' };
}

/** The refresh token first: without it the next fetch would present a spent one. */
function decideWrite({ state, hasUnsaved }: TokenFacts): Step | undefined {
  if (hasUnsaved) return SAVE;
  return state.pending === undefined ? undefined : { kind: 'publish' };
}

/** True when there is no token, or its refresh is nearer to now than to the next tick. */
export function isDue(state: TokenState, policy: CadencePolicy, now: Now): boolean {
  const { published } = state;
  if (published === undefined) return true;
  const { tickMs } = decideTolerableCadence(published.lifetimeMs, policy);
  return isDueAtTick(msUntil(published.refreshAt, now), tickMs);
}
