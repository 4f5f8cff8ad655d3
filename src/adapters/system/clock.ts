import type { Clock } from '../../core/ports.ts';

/** Longest delay that a Node timer holds; a longer one fires after 1 ms, which would turn a long wait into a storm. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The machine's clock. The globals are looked up at every call, so that a test may install faked ones under it.
 *
 * Guarantee: a sleep of any length, `Infinity` included, holds; a finished sleep leaves neither a timer nor a listener.
 * Non-guarantee: while the machine is suspended, monotonic time stands still and sleeps get longer by as much.
 */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep,
  };
}

/** Resolves when all that waits for the event loop now has had its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (Number.isNaN(delayMs)) throw new RangeError('cannot sleep for NaN milliseconds');
  let leftMs = Math.max(0, Math.ceil(delayMs));
  while (leftMs > MAX_TIMER_MS) {
    await waitForTimer(MAX_TIMER_MS, signal);
    signal?.throwIfAborted();
    leftMs -= MAX_TIMER_MS;
  }
  await waitForTimer(leftMs, signal);
  signal?.throwIfAborted();
}

/** Resolves when the timer fires or the signal is aborted, whichever comes first. */
function waitForTimer(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, delayMs);
    signal?.addEventListener('abort', wake, { once: true });
  });
}
