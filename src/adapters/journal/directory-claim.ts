/**
 * Notices that two processes use one directory: the first listens on a socket in there, the next one finds it answered.
 *
 * Guarantee: the claim of a process that has ended, however it ended, stops nobody: the kernel no longer answers for it,
 * whatever its process id was, in whatever container.
 * Non-guarantee: of two processes that begin at the same instant, over the claim of a dead one, both may succeed; a file
 * system without sockets, or one that several machines share, tells nothing.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { errnoOf } from '../../core/file-error.ts';

const NAME = '.in-use';
const IN_USE =
  'is used by another process of this program: end that one, or give each of them a directory of its own';

export class DirectoryClaim {
  readonly #path: string;
  #server: Server | undefined;

  constructor(directory: string) {
    this.#path = join(directory, NAME);
  }

  /** Held until {@link DirectoryClaim.release} or the end of the process. @returns why there is none, for people */
  async take(): Promise<string | undefined> {
    if (this.#server !== undefined) return undefined;
    this.#server = await listen(this.#path);
    if (this.#server !== undefined) return undefined;
    if (await isAnswered(this.#path)) return IN_USE;
    await rm(this.#path, { force: true }).catch(() => undefined);
    this.#server = await listen(this.#path);
    return this.#server === undefined && (await isAnswered(this.#path)) ? IN_USE : undefined;
  }

  release(): void {
    this.#server?.close();
    this.#server = undefined;
  }
}

/** @returns `undefined` when the name is taken, or nothing can listen here */
async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  // It must not keep the process alive.
  server.unref();
  try {
    server.listen({ path });
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}

/** Whether a living process listens there; the kernel says so at once. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = createConnection({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    // Its queue is full: somebody is there who is slow.
    return errnoOf(error) === 'EAGAIN';
  } finally {
    socket.destroy();
  }
}
