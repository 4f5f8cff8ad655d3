/**
 * The daemon's own HTTP server: `/livez`, `/readyz`, `/metrics`, and where there are such the status page and the
 * runbook, for GET and HEAD.
 *
 * Guarantee: nothing it says is secret. Every request is bounded in size and time, connections in number, and probes get
 * through whatever other connections do (`guardConnections`); `stop` closes all of them at once, kept ones included.
 * Non-guarantee: no authentication and no TLS. Whoever reaches the port sees provider and token names; a NetworkPolicy
 * says who may. A reader that takes a little now and then keeps its connection until others need it.
 */
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/ports.ts';
import { createAnswerPace } from './answer-pace.ts';
import { createGuardedServer, type HttpLimits, type HttpServer, listenOn } from './guarded-server.ts';
import type { Health, HealthReport } from './health.ts';
import { addRunbookRoutes, RUNBOOK_PAGE, RUNBOOK_PATH, type RunbookSource } from './runbook-routes.ts';
import { shareText } from './shared-text.ts';
import { addStatusRoutes, STATUS_PATHS, type StatusSource } from './status-routes.ts';

export type { HttpLimits, HttpServer } from './guarded-server.ts';

const PROBE_PATHS = ['/livez', '/readyz', '/metrics'];
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

/** @throws Error with a message for people when it cannot listen: port in use or not allowed, host not ours */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { health, metrics } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const server = createGuardedServer(limits);

  server.get('/livez', (_request, reply) => sendHealth(reply, health.liveness()));
  server.get('/readyz', (_request, reply) => sendHealth(reply, health.readiness()));
  const scrape = shareText(() => metrics.text(), options.clock);
  const takeTurn = createAnswerPace(options);
  server.get('/metrics', async ({ raw }, reply) => {
    await takeTurn(() => raw.socket.destroyed);
    return reply
      .header('cache-control', 'no-store')
      .type(metrics.contentType)
      .send(await scrape());
  });

  const { status, runbook } = options;
  const paths = [
    ...PROBE_PATHS,
    ...(status === undefined ? [] : STATUS_PATHS),
    ...(runbook === undefined ? [] : [RUNBOOK_PATH]),
  ];
  if (runbook !== undefined) addRunbookRoutes(server, runbook);
  if (status !== undefined) addStatusRoutes(server, status, createAnswerPace(options));

  // Before the body is read: what is refused anyway may send none, and its connection is not kept.
  server.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return undefined;
    reply.header('connection', 'close');
    const [path] = request.url.split('?', 1);
    return path !== undefined && (paths.includes(path) || (runbook !== undefined && RUNBOOK_PAGE.test(path)))
      ? reply.code(405).header('allow', 'GET, HEAD').send({ error: 'method not allowed, use GET or HEAD' })
      : reply.code(404).send({ error: `not found, there are ${paths.join(', ')}` });
  });
  server.setErrorHandler(async (error, _request, reply) => {
    options.onFault(error);
    return reply.code(500).send({ error: 'internal error, see the log' });
  });

  return listenOn(server, options, 'http');
}

function sendHealth(reply: FastifyReply, report: HealthReport): FastifyReply {
  return reply
    .code(report.ok ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ ok: report.ok, reasons: report.reasons });
}
