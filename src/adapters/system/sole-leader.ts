import type { Coordinator } from '../../core/ports.ts';

/**
 * `coordination: none`: this process is always the leader.
 *
 * Guarantee: the same code path as with an election. Non-guarantee: nothing keeps a second replica from refreshing too;
 * the store's compare-and-swap still decides whose token stays, but tokens are fetched twice.
 */
export function createSoleLeader(): Coordinator {
  const term = new AbortController();
  return {
    lead: (signal) => {
      signal.throwIfAborted();
      return Promise.resolve({ signal: term.signal, sinceMonotonicMs: Number.NEGATIVE_INFINITY });
    },
    release: () => {
      term.abort(new Error('leadership was released'));
      return Promise.resolve();
    },
    stuckReasons: () => [],
    unreadyReasons: () => [],
  };
}
