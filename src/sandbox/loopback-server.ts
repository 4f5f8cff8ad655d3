/** What every simulated server of the sandbox does with its connections. Nothing is logged. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { listenOnLoopback } from './listen.ts';

export interface LoopbackServerOptions {
  /** On 127.0.0.1. Any free port by default, and where this one is taken. */
  readonly port?: number;
  /** PEM; https when given. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface LoopbackServer {
  /** `http://127.0.0.1:43210` */
  readonly url: string;
  readonly port: number;
  /** Connections that were made so far. */
  connectionCount(): number;
  /** Those that are open. */
  openConnections(): number;
  /** Ends every connection at once, idle ones and those with a request in progress, and frees the port. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts serving. @throws when it cannot listen
 * @param serve rejects when there is nobody left to answer. @param stopping aborted by {@link LoopbackServer.stop}
 */
export async function startLoopbackServer(
  serve: (request: IncomingMessage, response: ServerResponse, stopping: AbortSignal) => Promise<void>,
  { port: wanted, tls }: LoopbackServerOptions,
): Promise<LoopbackServer> {
  const stopping = new AbortController();
  let connections = 0;
  let open = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, stopping.signal).catch(() => request.socket.resetAndDestroy());
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', (socket) => {
    connections += 1;
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
  });
  const port = await listenOnLoopback(server, wanted);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    connectionCount: () => connections,
    openConnections: () => open,
    stop: async () => {
      stopping.abort(new Error('the server stops'));
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * A request's body. What is too large is read to its end and dropped, so that the client gets to see the refusal.
 * @returns `undefined` when it is larger than `maxBytes`
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a request body arrives as bytes');
    sizeBytes += chunk.byteLength;
    if (sizeBytes <= maxBytes) chunks.push(chunk);
  }
  return sizeBytes <= maxBytes ? Buffer.concat(chunks) : undefined;
}
