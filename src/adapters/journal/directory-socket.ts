/**
 * A socket in a directory, which one process at a time has: it listens, and the next one finds it answered.
 *
 * Guarantee: what a process had that has ended, however it ended, stops nobody: the kernel no longer answers for it,
 * whatever its process id was, in whatever container. One that lives has it, however slow it is.
 * Non-guarantee: of two processes that begin at the same instant, over the socket of a dead one, both may succeed; a file
 * system without sockets, a path beyond the 107 bytes of a socket's name, or several machines with one directory tell
 * nothing: everybody has it then.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { errnoOf } from '../../core/file-error.ts';

export class DirectorySocket {
  readonly #path: string;
  #server: Server | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes it until {@link DirectorySocket.release} or the end of the process.
   * @param onConnection is given, and has to end, each connection of others; they are closed when left out
   * @returns false when another process has it
   */
  async take(onConnection = (socket: Socket): void => void socket.destroy()): Promise<boolean> {
    this.#server ??= await listen(this.#path, onConnection);
    if (this.#server !== undefined) return true;
    if (await isAnswered(this.#path)) return false;
    await rm(this.#path, { force: true }).catch(() => undefined);
    this.#server = await listen(this.#path, onConnection);
    return this.#server !== undefined || !(await isAnswered(this.#path));
  }

  release(): void {
    this.#server?.close();
    this.#server = undefined;
  }
}

/** @returns `undefined` when the name is taken, or nothing can listen here */
async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server | undefined> {
  const server = createServer(onConnection);
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
    // Its queue is full: somebody is there who is slow, or stopped.
    return errnoOf(error) === 'EAGAIN';
  } finally {
    socket.destroy();
  }
}
