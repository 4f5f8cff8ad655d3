/**
 * What the events have said about each token, and how it is counted. Pure: times come in.
 */
import type { TokenIdentity } from '../../core/token.ts';

const DAY_MS = 86_400_000;

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
  /** Monotonic times of the writes to the document's secret, oldest first. */
  readonly writesAtMonotonicMs: number[];
}

export function createTokenFacts(identity: TokenIdentity): TokenFacts {
  return {
    identity,
    expiresAtMs: undefined,
    refreshAtMs: undefined,
    nextAttemptAtMs: undefined,
    lastSuccessAtMs: undefined,
    writesAtMonotonicMs: [],
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

/** Writes in the last 24 hours. Forgets the older ones, so that the list stays as short as the store's quota. */
export function countRecentWrites(facts: TokenFacts, monotonicMs: number): number {
  const writes = facts.writesAtMonotonicMs;
  const firstRecent = writes.findIndex((writtenAtMs) => monotonicMs - writtenAtMs < DAY_MS);
  writes.splice(0, firstRecent < 0 ? writes.length : firstRecent);
  return writes.length;
}

export function earliest(times: Iterable<number | undefined>): number | undefined {
  let earliestMs: number | undefined;
  for (const timeMs of times) {
    if (timeMs !== undefined && (earliestMs === undefined || timeMs < earliestMs)) earliestMs = timeMs;
  }
  return earliestMs;
}
