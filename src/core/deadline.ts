import type { Clock } from './ports.ts';

/** The reason of a signal that was aborted because time ran out. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  /** As Node.js names it, for messages that quote a system error's code. */
  readonly code = 'ETIMEDOUT';
}

/**
 * Runs `work` with a signal that is aborted after `limitMs` (reason: {@link DeadlineExceeded}) or with `signal`.
 * Rejects as soon as that happens, also when `work` ignores its signal; `work` is not begun when it already has.
 */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw asError(signal.reason);
  const done = new AbortController();
  const limit = new AbortController();
  const stopWaiting = AbortSignal.any([done.signal, signal]);
  const expiry = clock.sleep(limitMs, stopWaiting).then(
    () => limit.abort(new DeadlineExceeded(`no answer within ${limitMs} ms`)),
    () => limit.abort(signal.reason),
  );
  try {
    return await Promise.race([work(limit.signal), rejectOnAbort(limit.signal)]);
  } finally {
    done.abort();
    await expiry;
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(asError(signal.reason)), { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted');
}
