import type { Term } from '../../src/refresh/term.ts';

/** A term that ends with the first signal; by default it never does. */
export function createTerm(
  signal: AbortSignal = new AbortController().signal,
  stopping: AbortSignal = new AbortController().signal,
): Term {
  return { signal, stopping, hasEnded: () => signal.aborted };
}
