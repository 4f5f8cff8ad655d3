/**
 * Which connections are kept when there are more than the server bears.
 *
 * Guarantee: a newcomer is let in whatever the others do, and they are bounded all the same: whoever has gone longest
 * without taking an answer is closed in its place. A probe asks at once, takes its answer at once and is gone; so no
 * number of idle or slow connections keeps it out. Refusing newcomers instead, as `server.maxConnections` does, would let
 * a hundred silent connections have the pod killed, because kubelet opens a new one for each probe.
 * Non-guarantee: whoever opens a whole limit of connections in the time that a probe takes can push it out.
 */
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

export interface ConnectionBounds {
  /** Idle and slow ones included. */
  readonly maxConnections: number;
  /** Answers that are being made or have not been taken whole: each may hold its text in memory. */
  readonly maxAnswers: number;
}

/**
 * Watches the connections of a server from now on.
 * @returns to be asked about each request. False: its connection is closed, because it asks again before it took its
 *   answer. Requests in a row (pipelining) are used by no client of ours, and 64 kB of them would have a thousand answers
 *   made at once
 */
export function guardConnections(
  server: Server,
  { maxConnections, maxAnswers }: ConnectionBounds,
): (request: { readonly socket: Socket }, response: ServerResponse) => boolean {
  /** Ordered by when they came, or took their last answer. */
  const waiting = new Set<Socket>();
  /** Those with an answer under way, ordered by when it was asked for; among the others too. */
  const answering = new Set<Socket>();
  server.on('connection', (socket) => {
    socket.once('close', () => {
      waiting.delete(socket);
      answering.delete(socket);
    });
    waiting.add(socket);
    closeFirst(waiting, maxConnections);
  });
  return ({ socket }, response) => {
    if (answering.has(socket)) {
      socket.destroy();
      return false;
    }
    answering.add(socket);
    closeFirst(answering, maxAnswers);
    response.once('finish', () => {
      answering.delete(socket);
      if (waiting.delete(socket)) waiting.add(socket);
    });
    return !socket.destroyed;
  };
}

function closeFirst(sockets: Set<Socket>, most: number): void {
  if (sockets.size <= most) return;
  const [first] = sockets;
  if (first === undefined) return;
  sockets.delete(first);
  first.destroy();
}
