/**
 * Callers that do not behave, in a process of their own: connections that say nothing, that stay open after an answer,
 * that send their request byte by byte, and that do not read what they asked for. Whatever the server closes is opened anew.
 */
import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { answerParent } from './answer-parent.ts';

/** Before a lost connection is opened anew: tools for such floods do not spin either. */
const REOPEN_MS = 500;
const BYTE_EVERY_MS = 500;
/** Somebody who does not read does not notice that he was closed: after so long he comes anew. */
const READER_STAYS_MS = 10_000;
const UNREAD_PATHS = ['/', '/status.json?size=200', '/?size=200', '/metrics'];

const floodSchema = z.object({ host: z.string(), port: z.number(), idle: z.number(), slow: z.number() });

interface Caller {
  /** What it does once it is connected. */
  readonly begin: (socket: Socket) => void;
  /** Goes and comes anew by itself after so long; `undefined`: stays. */
  readonly staysMs?: number;
}

/** Half of them never sent anything. */
function idleCaller(index: number): Caller {
  return {
    begin: (socket) => {
      if (index % 2 === 0) socket.write(requestFor('/livez'));
      socket.resume();
    },
  };
}

/** Half of them send slowly, half do not read. */
function slowCaller(index: number): Caller {
  if (index % 2 === 0) return { begin: sendSlowly };
  const path = UNREAD_PATHS[((index - 1) / 2) % UNREAD_PATHS.length] ?? '/';
  return { begin: (socket) => socket.write(requestFor(path)), staysMs: READER_STAYS_MS };
}

function sendSlowly(socket: Socket): void {
  const text = requestFor('/livez');
  let sent = 0;
  const sending = setInterval(() => {
    socket.write(text.charAt(sent % text.length));
    sent += 1;
  }, BYTE_EVERY_MS);
  socket.once('close', () => clearInterval(sending));
  socket.resume();
}

function requestFor(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: flood\r\n\r\n`;
}

/** Everything that is open, and what has become of the rest. */
class Flood {
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #place: { readonly host: string; readonly port: number };
  opened = 0;
  /** Closed by the server, before or after it was heard. */
  lost = 0;
  #isOver = false;

  constructor(place: { readonly host: string; readonly port: number }) {
    this.#place = place;
  }

  get size(): number {
    return [...this.#sockets].filter(({ readyState }) => readyState === 'open').length;
  }

  /** Resolves when it is connected for the first time, or was refused. */
  keep(caller: Caller): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(this.#place);
    this.#sockets.add(socket);
    let isLeaving = false;
    socket.once('connect', () => {
      this.opened += 1;
      caller.begin(socket);
      if (caller.staysMs !== undefined)
        this.#after(caller.staysMs, () => {
          isLeaving = !socket.destroyed;
          socket.destroy();
        });
      resolve();
    });
    // What follows is its close.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve();
      this.#sockets.delete(socket);
      if (this.#isOver) return;
      if (!isLeaving) this.lost += 1;
      this.#after(REOPEN_MS, () => void this.keep(caller));
    });
    return promise;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const closed = [...this.#sockets].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #after(delayMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }
}

let flood: Flood | undefined;

answerParent({
  begin: async (input) => {
    const { idle, slow, ...place } = floodSchema.parse(input);
    const begun = new Flood(place);
    flood = begun;
    const callers = Array.from({ length: idle + slow }, (_, index) =>
      index < idle ? idleCaller(index) : slowCaller(index - idle),
    );
    await Promise.all(callers.map((caller) => begun.keep(caller)));
    return {};
  },
  end: async () => {
    if (flood === undefined) throw new Error('there is no flood');
    const { size, opened, lost } = flood;
    await flood.end();
    return { size, opened, lost };
  },
});
