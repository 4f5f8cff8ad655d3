/**
 * The daemon's own HTTP server: `/livez`, `/readyz`, `/metrics`, and where there is one the status page, for GET and HEAD.
 *
 * Guarantee: nothing it says is secret. Every request is bounded in size and time, connections in number; `stop` closes
 * all of them at once, kept ones included.
 * Non-guarantee: no authentication and no TLS. Whoever reaches the port sees provider and token names; a NetworkPolicy
 * says who may.
 */
import { type FastifyReply, fastify } from 'fastify';
import type { Health, HealthReport } from './health.ts';
import { describeListenError, reachableHost } from './listen-address.ts';
import { addStatusRoutes, STATUS_PATHS, type StatusSource } from './status-routes.ts';

const PROBE_PATHS = ['/livez', '/readyz', '/metrics'];
/** Prometheus scrapes every 15 to 60 s over a kept connection. */
const KEEP_ALIVE_MS = 65_000;
/** From the first byte of a request to its last. */
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_BODY_BYTES = 1_024;
const DEFAULT_MAX_CONNECTIONS = 100;

export interface HttpServerOptions {
  /** Address or host name to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly health: Health;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  /** Makes the status page; there is none without. */
  readonly status?: StatusSource;
  /** Told about errors that a handler threw: bugs. The client sees status 500 and no detail. */
  readonly onFault: (error: unknown) => void;
  /** Further connections are closed unanswered; 100 by default. */
  readonly maxConnections?: number;
}

export interface HttpServer {
  /** Where this machine reaches the server, without a slash at the end: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. May be called again. */
  stop(): Promise<void>;
}

/** @throws Error with a message for people when it cannot listen: port in use or not allowed, host not ours */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, health, metrics } = options;
  const server = fastify({
    logger: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: REQUEST_TIMEOUT_MS },
  });
  server.server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;

  server.get('/livez', (_request, reply) => sendHealth(reply, health.liveness()));
  server.get('/readyz', (_request, reply) => sendHealth(reply, health.readiness()));
  server.get('/metrics', async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type(metrics.contentType)
      .send(await metrics.text()),
  );

  const paths = options.status === undefined ? PROBE_PATHS : [...PROBE_PATHS, ...STATUS_PATHS];
  if (options.status !== undefined) addStatusRoutes(server, options.status);

  // Before the body is read: what is refused anyway may send none, and its connection is not kept.
  server.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return undefined;
    reply.header('connection', 'close');
    const [path] = request.url.split('?', 1);
    return path !== undefined && paths.includes(path)
      ? reply.code(405).header('allow', 'GET, HEAD').send({ error: 'method not allowed, use GET or HEAD' })
      : reply.code(404).send({ error: `not found, there are ${paths.join(', ')}` });
  });
  server.setErrorHandler(async (error, _request, reply) => {
    options.onFault(error);
    return reply.code(500).send({ error: 'internal error, see the log' });
  });

  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw new Error(describeListenError(error, host, port), { cause: error });
  }
  const address = server.server.address();
  const actualPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${reachableHost(host)}:${actualPort}`,
    port: actualPort,
    stop: async () => {
      await server.close();
    },
  };
}

function sendHealth(reply: FastifyReply, report: HealthReport): FastifyReply {
  return reply
    .code(report.ok ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ ok: report.ok, reasons: report.reasons });
}
