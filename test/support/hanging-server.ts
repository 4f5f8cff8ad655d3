import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A server on loopback that accepts every connection and answers nothing until it is told to. */
export interface HangingServer extends AsyncDisposable {
  readonly url: string;
  /** Requests so far. */
  readonly count: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Answers from now on; what has come before hangs on. */
  heal(answer: (request: IncomingMessage, response: ServerResponse) => void): void;
  untilAsked(count: number): Promise<void>;
}

export async function startHangingServer(): Promise<HangingServer> {
  let count = 0;
  let open = 0;
  let answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const server = createServer((request, response) => {
    count += 1;
    server.emit('asked');
    answer?.(request, response);
  });
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get count() {
      return count;
    },
    get open() {
      return open;
    },
    heal: (healed) => {
      answer = healed;
    },
    untilAsked: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (count < wanted) return;
          server.off('asked', look);
          resolve();
        };
        server.on('asked', look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
