/**
 * Turns of the processes that share a journal directory, and requests to the one that has the turn: a socket in there.
 *
 * Guarantee: of two processes with one directory one refreshes at a time, as far as {@link DirectorySocket} can tell; only
 * who may write the directory can ask.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { untilAborted } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';
import { parseJson } from '../../core/wire/json.ts';
import {
  parseRefreshAnswer,
  type RefreshReport,
  type RefreshRequests,
  serializeRefreshAnswer,
} from '../../core/wire/refresh-request.ts';
import { DirectorySocket } from './directory-socket.ts';

const NAME = '.requests';
const AGAIN_MS = 1000;
const MAX_REQUEST = 4096;
const MAX_ANSWER = 1_048_576;
const BUSY = 'busy';

export class DirectoryRequests {
  readonly #path: string;
  readonly #socket: DirectorySocket;
  readonly #clock: Clock;

  constructor(directory: string, clock: Clock) {
    this.#path = join(directory, NAME);
    this.#socket = new DirectorySocket(this.#path);
    this.#clock = clock;
  }

  /**
   * Waits for the turn; it is held until {@link DirectoryRequests.release} or the end of the process. Rejects when
   * aborted.
   * @param handle carries requests out meanwhile; `undefined`: others have to wait
   */
  async take(handle: RefreshRequests | undefined, signal: AbortSignal): Promise<void> {
    const answerTo = (socket: Socket): void => {
      void answer(socket, handle).catch(() => socket.destroy());
    };
    while (!(await this.#socket.take(answerTo))) await this.#clock.sleep(AGAIN_MS, signal);
  }

  release(): void {
    this.#socket.release();
  }

  /**
   * Asks the process that has the turn, once. `undefined`: none has, or it ended without an answer. Waits for those
   * who cannot be asked; rejects when aborted.
   */
  async ask(name: string, signal: AbortSignal): Promise<readonly RefreshReport[] | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const text = await exchange(this.#path, name, signal);
      if (text !== BUSY) return text === undefined ? undefined : parseRefreshAnswer(text);
      await this.#clock.sleep(AGAIN_MS, signal);
    }
  }
}

async function answer(socket: Socket, handle: RefreshRequests | undefined): Promise<void> {
  socket.on('error', () => socket.destroy());
  const name = requestSchema.safeParse(parseJson((await readLine(socket, MAX_REQUEST)) ?? ''));
  if (!name.success) socket.destroy();
  else if (handle === undefined) socket.end(`${BUSY}\n`);
  else socket.end(`${serializeRefreshAnswer(await handle(name.data.name))}\n`);
}

const requestSchema = z.object({ name: z.string().min(1) });

/** @returns `undefined` when nobody listens, or the connection ended without an answer */
async function exchange(path: string, name: string, signal: AbortSignal): Promise<string | undefined> {
  const socket = createConnection({ path });
  try {
    await once(socket, 'connect', { signal });
    socket.on('error', () => socket.destroy());
    socket.write(`${JSON.stringify({ name })}\n`);
    return await untilAborted(readLine(socket, MAX_ANSWER), signal);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** Leaves the socket open. `undefined` when it ends, or sends too much, before the line does. */
function readLine(socket: Socket, maxLength: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (end >= 0) resolve(text.slice(0, end));
    else if (text.length > maxLength) resolve(undefined);
  });
  socket.once('close', () => resolve(undefined));
  socket.once('end', () => resolve(undefined));
  return promise;
}
