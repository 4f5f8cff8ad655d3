/**
 * The daemon's own HTTP server: `/livez`, `/readyz`, `/metrics`, and where there are such the status page and the
 * runbook, for GET and HEAD.
 *
 * Guarantee: nothing it says is secret. Every request is bounded in size and time, connections in number, and probes get
 * through whatever other connections do ({@link ConnectionGuard}); `stop` closes all of them at once, kept ones included.
 * Non-guarantee: no authentication and no TLS. Whoever reaches the port sees provider and token names; a NetworkPolicy
 * says who may. A reader that takes a little now and then keeps its connection until others need it.
 */
import { type FastifyReply, fastify } from 'fastify';
import type { Clock } from '../core/ports.ts';
import { AnswerPace } from './answer-pace.ts';
import { ConnectionGuard } from './connection-guard.ts';
import type { Health, HealthReport } from './health.ts';
import { chooseHost, describeListenError, reachableHost } from './listen-address.ts';
import { addRunbookRoutes, RUNBOOK_PATH, type RunbookSource } from './runbook-routes.ts';
import { SharedText } from './shared-text.ts';
import { addStatusRoutes, STATUS_PATHS, type StatusSource } from './status-routes.ts';

const PROBE_PATHS = ['/livez', '/readyz', '/metrics'];
/** Prometheus scrapes every 15 to 60 s over a kept connection. */
const KEEP_ALIVE_MS = 65_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_BODY_BYTES = 1_024;

/** What one connection may take, and all together. */
export interface HttpLimits {
  /**
   * More than the kernel queues for a server that is busy (511): these are let in all at once when it gets on, and a
   * probe among them must not be closed for those behind it before it was heard. An idle one costs about 10 kB.
   */
  readonly maxConnections: number;
  /** Answers under way; a page or a scrape has up to a few hundred kB. */
  readonly maxAnswers: number;
  /** For a whole request: from the connection or, on a kept one, its first byte to its last. */
  readonly requestTimeoutMs: number;
  /** Node looks every so often whether a request is late; its default of 30 s would make 5 s up to 35 s. */
  readonly lookEveryMs: number;
  /** An answer of which nothing is taken for so long is given up. */
  readonly stalledMs: number;
}

const DEFAULT_LIMITS: HttpLimits = {
  maxConnections: 600,
  maxAnswers: 50,
  requestTimeoutMs: 5_000,
  lookEveryMs: 1_000,
  stalledMs: 10_000,
};

export interface HttpServerOptions {
  /** Address or host name to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  /** Makes the status page; there is none without. */
  readonly status?: StatusSource;
  /** What alerts and failure codes mean; there is none without. */
  readonly runbook?: RunbookSource;
  /** Told about errors that a handler threw: bugs. The client sees status 500 and no detail. */
  readonly onFault: (error: unknown) => void;
  /** Where they are not the defaults: 600 connections, 50 answers, 5 s for a request, looked at every 1 s, stalled for 10 s. */
  readonly limits?: Partial<HttpLimits>;
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
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const server = fastify({
    logger: false,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.stalledMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    bodyLimit: MAX_BODY_BYTES,
    // A long name is one that is not known; the router's own refusal would repeat it.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    forceCloseConnections: true,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.lookEveryMs,
    },
  });
  const guard = new ConnectionGuard(limits);
  guard.watch(server.server);
  server.addHook('onRequest', async (request, reply) =>
    guard.admit(request.raw, reply.raw) ? undefined : reply.hijack(),
  );

  server.get('/livez', (_request, reply) => sendHealth(reply, health.liveness()));
  server.get('/readyz', (_request, reply) => sendHealth(reply, health.readiness()));
  const scrape = new SharedText(() => metrics.text(), options.clock);
  const pace = new AnswerPace(options);
  server.get('/metrics', async ({ raw }, reply) => {
    await pace.turn(() => raw.socket.destroyed);
    return reply
      .header('cache-control', 'no-store')
      .type(metrics.contentType)
      .send(await scrape.get());
  });

  const { status, runbook } = options;
  const paths = [
    ...PROBE_PATHS,
    ...(status === undefined ? [] : STATUS_PATHS),
    ...(runbook === undefined ? [] : [RUNBOOK_PATH]),
  ];
  if (runbook !== undefined) addRunbookRoutes(server, runbook);
  if (status !== undefined) addStatusRoutes(server, status, new AnswerPace(options));

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
    await server.listen({ host: await chooseHost(host), port });
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
