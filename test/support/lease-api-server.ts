import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { LeaseApi, type LeaseApiAnswer, type LeaseApiOptions, refuse } from './lease-api.ts';

/** What happens to a request instead of, or beside, being handled. */
export type LeaseApiFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Never answered; the write does not take place. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  /** Carried out, and the connection is cut before the answer. */
  | { readonly kind: 'lost-answer' }
  /** Status 200 and this text. */
  | { readonly kind: 'body'; readonly text: string };

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
  /** Of the answer; `undefined` when there was none. */
  readonly status: number | undefined;
}

export interface LeaseApiServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly api: LeaseApi;
  readonly requests: readonly LoggedRequest[];
  connectionCount(): number;
  /** Applies to the next `times` requests; to all from now on when left out. */
  setFault(fault: LeaseApiFault, times?: number): void;
  clearFault(): void;
  /** Resolves with the next request, answered or not. */
  nextRequest(): Promise<LoggedRequest>;
}

export interface LeaseApiServerOptions extends LeaseApiOptions {
  /** PEM; https when given. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The API server on a free port of loopback, closed when the test (or whoever else has an end) ends. */
export async function startLeaseApiServer(
  t: { after(stop: () => Promise<void>): void },
  { tls, ...options }: LeaseApiServerOptions = {},
): Promise<LeaseApiServer> {
  const api = new LeaseApi(options);
  const requests: LoggedRequest[] = [];
  const waiters: ((request: LoggedRequest) => void)[] = [];
  let fault: { readonly effect: LeaseApiFault; left: number } | undefined;
  let connections = 0;

  const takeFault = (): LeaseApiFault | undefined => {
    if (fault === undefined || fault.left <= 0) return undefined;
    fault.left -= 1;
    return fault.effect;
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers } = request;
    const body = await readAll(request);
    const effect = takeFault();
    const reaches = effect === undefined || effect.kind === 'lost-answer';
    const { authorization } = headers;
    const answer = reaches ? api.handle({ method, path, authorization, body }) : undefined;
    const status = send(response, effect, answer);
    const logged = { method, path, authorization, userAgent: headers['user-agent'], status };
    requests.push(logged);
    for (const wake of waiters.splice(0)) wake(logged);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void handle(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener);
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    api,
    requests,
    connectionCount: () => connections,
    setFault: (effect, times = Number.POSITIVE_INFINITY) => {
      fault = { effect, left: times };
    },
    clearFault: () => {
      fault = undefined;
    },
    nextRequest: () => new Promise((resolve) => waiters.push(resolve)),
  };
}

/** @returns the status, when there is one */
function send(
  response: ServerResponse,
  effect: LeaseApiFault | undefined,
  answer: LeaseApiAnswer | undefined,
): number | undefined {
  switch (effect?.kind) {
    case undefined: {
      const { status, body } = answer ?? refuse(500, 'InternalError');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return status;
    }
    case 'status':
      response
        .writeHead(effect.status, { 'content-type': 'application/json', ...effect.headers })
        .end(JSON.stringify(refuse(effect.status, 'Fault').body));
      return effect.status;
    case 'body':
      response.writeHead(200, { 'content-type': 'application/json' }).end(effect.text);
      return 200;
    case 'reset':
    case 'lost-answer':
      response.destroy();
      return undefined;
    case 'hang':
      return undefined;
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
