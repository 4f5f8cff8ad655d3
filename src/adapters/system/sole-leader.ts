import type { Coordinator } from '../../core/ports.ts';

/** Turns of processes on one machine that know of each other. */
export interface SoleLeaderTurn {
  /** Resolves when no other process has the turn; rejects when aborted. */
  take(signal: AbortSignal): Promise<void>;
  release(): void;
}

/**
 * `coordination: none`: this process is always the leader, once it has its turn.
 *
 * Guarantee: the same code path as with an election. Non-guarantee: nothing keeps a second replica on another machine, or
 * without a journal, from refreshing too; the store's compare-and-swap still decides whose token stays, but tokens are
 * fetched twice.
 * @param turn `undefined`: it has not to wait for one
 */
export function createSoleLeader(turn?: SoleLeaderTurn): Coordinator {
  const term = new AbortController();
  return {
    lead: async (signal) => {
      signal.throwIfAborted();
      await turn?.take(signal);
      const { signal: ended } = term;
      return { signal: ended, hasEnded: () => ended.aborted, sinceMonotonicMs: undefined };
    },
    release: () => {
      turn?.release();
      term.abort(new Error('leadership was released'));
      return Promise.resolve();
    },
    stuckReasons: () => [],
    unreadyReasons: () => [],
  };
}
