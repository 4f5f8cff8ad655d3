/** A TCP connection to the first of several addresses that answers (RFC 8305, "happy eyeballs"). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { untilAborted } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';

/** How long an address is waited for before the next one is tried beside it (RFC 8305, section 5). */
const HEAD_START_MS = 250;

/**
 * Unlike `autoSelectFamily` of Node.js, an attempt goes on when the next begins: a far address beside a dead one is
 * reached too.
 * @param addresses at least one
 * @throws the error of the first address that failed, once all have; the signal's reason
 */
export async function connectToFirst(
  addresses: readonly string[],
  port: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const [only, ...others] = addresses;
  if (only !== undefined && others.length === 0) return connectTo(only, port, signal);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const attempts: Promise<Socket>[] = [];
  const errors: unknown[] = [];
  const won = Promise.withResolvers<Socket>();
  const race = async (): Promise<void> => {
    for (const host of addresses) {
      const attempt = connectTo(host, port, ended);
      attempts.push(attempt);
      attempt.then(won.resolve, (error: unknown) => errors.push(error));
      // The next one begins when this one has failed, or has had its time.
      await Promise.race([
        attempt.catch(() => undefined),
        clock.sleep(HEAD_START_MS, ended).catch(() => undefined),
      ]);
      if (ended.aborted) return;
    }
    await Promise.allSettled(attempts);
    won.reject(errors[0]);
  };
  try {
    void race();
    return await untilAborted(won.promise, signal);
  } finally {
    over.abort();
  }
}

/** A connection that comes about too late is closed. */
async function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.on('error', () => {}).destroy();
    throw signal.aborted ? signal.reason : error;
  }
}
