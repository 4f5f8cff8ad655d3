/**
 * What the events have said about each token, and how it is counted. Pure: times come in.
 */
import type { SecretTarget } from '../../core/events.ts';
import { RecentWrites } from '../../core/limits/recent-writes.ts';
import type { TokenIdentity } from '../../core/token/token.ts';

export const TOKEN_STATES = ['fresh', 'due', 'expired', 'absent'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

/** What is known of one token; wall times in milliseconds. */
export interface TokenFacts {
  readonly identity: TokenIdentity;
  expiresAtMs: number | undefined;
  refreshAtMs: number | undefined;
  /** As `refreshAtMs`, or the next attempt while refreshes fail. */
  nextAttemptAtMs: number | undefined;
  lastSuccessAtMs: number | undefined;
  /** Writes to the token's secrets; `undefined` before the first one. Only kinds with a chain have a state secret. */
  writes: Partial<Record<SecretTarget, RecentWrites>> | undefined;
}

export function createTokenFacts(identity: TokenIdentity): TokenFacts {
  return {
    identity,
    expiresAtMs: undefined,
    refreshAtMs: undefined,
    nextAttemptAtMs: undefined,
    lastSuccessAtMs: undefined,
    writes: undefined,
  };
}

export function decideTokenState(
  { expiresAtMs, refreshAtMs }: Pick<TokenFacts, 'expiresAtMs' | 'refreshAtMs'>,
  nowMs: number,
): TokenState {
  if (expiresAtMs === undefined) return 'absent';
  if (expiresAtMs <= nowMs) return 'expired';
  return refreshAtMs !== undefined && refreshAtMs <= nowMs ? 'due' : 'fresh';
}

export function writesTo(facts: TokenFacts, target: SecretTarget): RecentWrites {
  facts.writes ??= {};
  facts.writes[target] ??= new RecentWrites();
  return facts.writes[target];
}

/** Versions in the last 24 hours of the secret that got the most. */
export function countVersions(facts: TokenFacts, monotonicMs: number): number {
  let most = 0;
  for (const writes of Object.values(facts.writes ?? {})) most = Math.max(most, writes.count(monotonicMs));
  return most;
}

export function earliest(times: Iterable<number | undefined>): number | undefined {
  let earliestMs: number | undefined;
  for (const timeMs of times) {
    if (timeMs !== undefined && (earliestMs === undefined || timeMs < earliestMs)) earliestMs = timeMs;
  }
  return earliestMs;
}
