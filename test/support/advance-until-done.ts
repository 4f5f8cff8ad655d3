import type { FakeClock } from './fake-clock.ts';

/** Moves the clock on step by step until the work has ended, so that its waits pass and its I/O arrives in between. */
export async function advanceUntilDone<T>(clock: FakeClock, stepMs: number, work: Promise<T>): Promise<T> {
  const end = new AbortController();
  const ended = work.finally(() => end.abort());
  while (!end.signal.aborted) await clock.advance(stepMs);
  return ended;
}
