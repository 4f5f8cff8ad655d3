import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';

export interface LoopbackServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Requests so far. */
  readonly requests: readonly IncomingMessage[];
  /** Connections so far. */
  connectionCount(): number;
  /** Resolves with the first request, as soon as there is one. */
  firstRequest(): Promise<IncomingMessage>;
}

/** A real HTTP server on a free port of loopback; disposing closes it and cuts its connections. */
export async function startLoopbackServer(handle: RequestListener): Promise<LoopbackServer> {
  const requests: IncomingMessage[] = [];
  const first = Promise.withResolvers<IncomingMessage>();
  let connections = 0;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    first.resolve(request);
    handle(request, response);
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    connectionCount: () => connections,
    firstRequest: () => first.promise,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
