import type { Clock } from './ports.ts';
import { formatDuration } from './wire/duration.ts';

/** The reason of a signal that was aborted because time ran out. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  /** As Node.js names it, for messages that quote a system error's code. */
  readonly code = 'ETIMEDOUT';
}

/** Made once: an abort without a reason makes a DOMException with a stack trace, which is dear at every call. */
const ENDED = new Error('the work has ended');

/**
 * Runs `work` with a signal that is aborted after `limitMs` (reason: {@link DeadlineExceeded}) or with `signal`.
 * Rejects as soon as that happens, also when `work` ignores its signal; `work` is not begun when it already has.
 * @param lastLook awaited when the time is up, before `work` is given up: it may end meanwhile
 */
export async function withDeadline<T>(
  clock: Pick<Clock, 'sleep'>,
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  lastLook?: () => Promise<void>,
): Promise<T> {
  if (signal.aborted) throw abortReason(signal);
  const limit = new AbortController();
  const giveUp = (): void => limit.abort(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  const expiry = clock.sleep(limitMs, limit.signal).then(
    async () => {
      await lastLook?.();
      limit.abort(new DeadlineExceeded(`no answer within ${formatDuration(limitMs)}`));
    },
    () => undefined,
  );
  try {
    return await Promise.race([work(limit.signal), rejectOnAbort(limit.signal)]);
  } finally {
    signal.removeEventListener('abort', giveUp);
    limit.abort(ENDED);
    await expiry;
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true });
  });
}

/** As `work`, but rejects with the signal's reason once that is aborted; the work goes on, for others who wait for it. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const given = Promise.withResolvers<never>();
  const giveUp = (): void => given.reject(abortReason(signal));
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  return Promise.race([work, given.promise]).finally(() => signal.removeEventListener('abort', giveUp));
}

/** Why a signal was aborted, as what a promise is rejected with. */
export function abortReason({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('aborted');
}
