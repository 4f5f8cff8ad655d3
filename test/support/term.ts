import type { Term } from '../../src/refresh/term.ts';

/** A term that ends with signals of this very process, which are never late. */
export function termUntil(signal: AbortSignal, stopping: AbortSignal = signal): Term {
  return { signal, stopping, hasEnded: () => signal.aborted };
}
