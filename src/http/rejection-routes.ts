/**
 * Where readers report that a token was refused: `POST /v1/tokens/NAME[/CUSTOMER]/rejections`, on a port of its own.
 *
 * Guarantee: no token is in an answer, nor in what is logged; a caller that goes away leaves nothing behind; requests,
 * waits, connections and reports of one caller are bounded. A replica that stands by passes a report on to the leader,
 * once, so that readers need to know one address alone.
 * Non-guarantee: no TLS; a NetworkPolicy says who reaches the port.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { Clock } from '../core/ports.ts';
import { outcomeOf, type RejectionVerdict } from '../core/rejection/decide-rejection.ts';
import {
  PASSED_ON,
  type PassedAnswer,
  type PassedReport,
  type RejectionAnswer,
  type RejectionReport,
  type RejectionReports,
} from '../core/rejection/rejection-reports.ts';
import { describeOutcome } from '../core/rejection/rejection-text.ts';
import type { SecretText } from '../core/secret-text.ts';
import { readBearer } from '../core/wire/bearer-token.ts';
import { parseDuration } from '../core/wire/duration.ts';
import { isJsonObject } from '../core/wire/json.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import { createCallerPace } from './caller-pace.ts';
import { createGuardedServer, type HttpLimits, type HttpServer, listenOn } from './guarded-server.ts';

/** Who a bearer token belongs to. */
export type Authentication =
  | { readonly kind: 'caller'; readonly name: string; mayReport(token: string): boolean }
  | { readonly kind: 'refused' }
  /** It cannot be found out now. */
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number };

export type Authenticate = (bearer: SecretText, signal: AbortSignal) => Promise<Authentication>;

/** Who leads, as far as is known here. */
export interface ReportLeader {
  /** As people call it. */
  readonly name: string;
  /** The command that brings its status page. */
  readonly reach: string | undefined;
  /**
   * Passes a report on; left out where it takes reports is not known.
   * @returns `undefined`: no answer came
   */
  pass?(report: PassedReport, signal: AbortSignal): Promise<PassedAnswer | undefined>;
}

export interface RejectionServerOptions {
  /** Address or host name to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly clock: Clock;
  readonly reports: RejectionReports;
  readonly authenticate: Authenticate;
  /** Who leads while this replica does not. */
  readonly findLeader: () => ReportLeader | undefined;
  /** Told about errors that a handler threw: bugs. The caller sees status 500 and no detail. */
  readonly onFault: (error: unknown) => void;
  /** Most reports of one caller at once; 1,000 by default. */
  readonly burst?: number;
  /** Most of them that wait for an outcome, or for the leader's answer; 400 by default. */
  readonly maxWaiting?: number;
}

const MAX_WAIT_MS = 30_000;
/** Readers of one Deployment are one caller, and all of them get a 401 at once. */
const BURST = 1_000;
const LEADER_RETRY_MS = 2_000;
const STATUSES = [400, 401, 403] as const;
/** Parts of a path that a URL drops. */
const DOTS = /^\.{1,2}$/;
const UNKNOWN = 'there is no token of that name';
const PLACE = 'POST /v1/tokens/NAME[/CUSTOMER]/rejections';
const PATHS = ['/v1/tokens/:name/rejections', '/v1/tokens/:name/:customer/rejections'];
const OTHER_METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const BODY_FORM =
  '{ "sha256": the SHA-256 of the access token as 64 hexadecimal digits, "status": what the API answered, 400, 401 or 403 }';

/** When more of them wait, or are passed on, the one that has waited longest is answered. */
const MAX_WAITING = 400;

const LIMITS: HttpLimits = {
  // More than report at once: each has a connection of its own, which its answer ends.
  maxConnections: 1_200,
  // Readers that wait have nothing in memory but their connection.
  maxAnswers: 1_100,
  requestTimeoutMs: 5_000,
  lookEveryMs: 1_000,
  stalledMs: MAX_WAIT_MS + 10_000,
};

const bodySchema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/),
  status: z.literal(STATUSES),
});

/** Ends what is done for a caller that does not wait for it. */
const GONE = new Error('the caller has gone away');

interface Place {
  readonly name: string;
  readonly customer?: string;
}

interface Answer {
  readonly status: number;
  /** Whole seconds. */
  readonly retryAfter?: string | undefined;
  /** JSON. */
  readonly body: string;
}

/** @throws Error with a message for people when it cannot listen: port in use or not allowed, host not ours */
export async function startRejectionServer(options: RejectionServerOptions): Promise<HttpServer> {
  const { clock, reports } = options;
  const server = createGuardedServer(LIMITS);
  const countReport = createCallerPace(clock, options.burst ?? BURST);
  const maxWaiting = options.maxWaiting ?? MAX_WAITING;
  /** What ends each wait early, the longest first. */
  const waits = new Set<AbortController>();
  server.removeContentTypeParser('text/plain');

  for (const url of PATHS) {
    server.post<{ Params: Place }>(url, async (request, reply) => {
      const left = new AbortController();
      // An answer that is complete closes too; then nobody listens any more.
      reply.raw.once('close', () => left.abort(GONE));
      const answer = await handle(request, left.signal);
      return send(reply, answer);
    });
    server.route({
      method: OTHER_METHODS,
      url,
      handler: (_, reply) =>
        send(reply.header('allow', 'POST'), refuse(405, `method not allowed, use ${PLACE}`)),
    });
  }
  server.setNotFoundHandler((_, reply) => send(reply, refuse(404, `not found, there is ${PLACE}`)));
  server.setErrorHandler(async (error, _, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    const known = UNREADABLE.get(status);
    if (known !== undefined) return send(reply, refuse(status, known));
    if (error !== GONE) options.onFault(error);
    return send(reply, refuse(500, 'internal error, see the log'));
  });
  return listenOn(server, options, 'rejections');

  async function handle(request: FastifyRequest<{ Params: Place }>, signal: AbortSignal): Promise<Answer> {
    const { name, customer } = request.params;
    const token = customer === undefined ? name : `${name}/${customer}`;
    const waitMs = readWait(request.query);
    if (waitMs === undefined)
      return refuse(400, `wait must be a duration up to ${MAX_WAIT_MS / 1000}s, such as ?wait=5s`);
    const body = bodySchema.safeParse(request.body);
    if (!body.success) return refuse(400, `the body must be JSON: ${BODY_FORM}`);
    const bearer = readBearer(request.headers.authorization);
    const { sha256, status } = body.data;
    const fingerprint = Buffer.from(sha256, 'hex').toString('base64url');
    // No token is called so, and on the way to the leader such a part would lead to another one: /v1/tokens/./pik.
    if (DOTS.test(name) || DOTS.test(customer ?? '')) return refuse(404, UNKNOWN);
    // The leader knows callers and tokens; here nothing is looked up.
    if (!reports.isLeading) return passOn(request, waitMs, bearer, signal);
    if (bearer === undefined) return refuse(401, 'send Authorization: Bearer with a token of the caller');
    const known = await options.authenticate(bearer, signal);
    if (known.kind === 'refused')
      return refuse(
        401,
        "the bearer token is not accepted: a service account's needs the audience in rejections.audience, any other has to be that of rejections.bearer",
      );
    if (known.kind === 'unavailable')
      return refuse(
        503,
        'callers cannot be authenticated now, see the log of the leader',
        known.retryAfterMs,
      );
    if (!known.mayReport(token))
      return refuse(403, `${known.name} may not report this token: see rejections.allow`);
    const waitForPaceMs = countReport(known.name);
    if (waitForPaceMs > 0) return refuse(429, `${known.name} reports too often`, waitForPaceMs);
    const report: RejectionReport = { token, fingerprint, status, caller: known.name };
    const first = reports.report(report);
    const isWorthWaiting = waitMs > 0 && first.kind === 'decided' && isUnderWay(first.verdict);
    const answer = isWorthWaiting ? await waitFor(report, waitMs, signal) : first;
    switch (answer.kind) {
      case 'decided':
        return describeVerdict(answer.verdict);
      case 'unknown':
        return refuse(404, UNKNOWN);
      case 'standby':
        // It has waited already where it did.
        return passOn(request, isWorthWaiting ? 0 : waitMs, bearer, signal);
    }
  }

  /** Does something that takes long, unless too many do: then the first of them is ended. */
  async function whileWaiting<T>(signal: AbortSignal, work: (ending: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController();
    const [first] = waits;
    if (first !== undefined && waits.size >= maxWaiting) {
      waits.delete(first);
      first.abort(new Error('too many wait'));
    }
    waits.add(over);
    try {
      return await work(AbortSignal.any([signal, over.signal]));
    } finally {
      waits.delete(over);
    }
  }

  function waitFor(report: RejectionReport, waitMs: number, signal: AbortSignal): Promise<RejectionAnswer> {
    return whileWaiting(signal, async (cut) => {
      const over = new AbortController();
      const ending = AbortSignal.any([cut, over.signal]);
      const limit = clock.sleep(waitMs, ending).then(
        () => over.abort(),
        () => undefined,
      );
      try {
        return await reports.settle(report, ending);
      } finally {
        over.abort();
        await limit;
      }
    });
  }

  async function passOn(
    { params, headers, body }: FastifyRequest<{ Params: Place }>,
    waitMs: number,
    bearer: SecretText | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    const leader = options.findLeader();
    if (leader === undefined || headers[PASSED_ON] !== undefined)
      return refuse(503, 'no replica is known to lead at present', LEADER_RETRY_MS);
    const { name, reach } = leader;
    const how = reach === undefined ? '' : `; it is reached by: ${reach}`;
    if (leader.pass === undefined)
      return refuse(503, `this replica stands by; ${name} leads, at no known address${how}`, LEADER_RETRY_MS);
    const report: PassedReport = { path: pathOf(params, waitMs), waitMs, bearer, body: JSON.stringify(body) };
    const passed = await whileWaiting(signal, async (ending) => leader.pass?.(report, ending));
    return passed ?? refuse(503, `${name} leads, and has not answered this replica${how}`, LEADER_RETRY_MS);
  }
}

/** Made anew: the target of a request may be a whole URL, and then names any host. */
function pathOf({ name, customer }: Place, waitMs: number): string {
  const parts = [name, ...(customer === undefined ? [] : [customer])].map(encodeURIComponent);
  return `/v1/tokens/${parts.join('/')}/rejections${waitMs === 0 ? '' : `?wait=${waitMs}ms`}`;
}

/** What Fastify says of requests that it cannot read; its own texts may quote them. */
const UNREADABLE: ReadonlyMap<number, string> = new Map([
  [400, `the body must be JSON: ${BODY_FORM}`],
  [413, 'the body is larger than 1 kB'],
  [415, 'send Content-Type: application/json'],
]);

function isUnderWay({ kind }: RejectionVerdict): boolean {
  return kind === 'refreshing' || kind === 'fetch';
}

function describeVerdict(verdict: RejectionVerdict): Answer {
  const outcome = outcomeOf(verdict);
  const message = describeOutcome(outcome, 'cap' in verdict ? verdict.cap : undefined);
  switch (verdict.kind) {
    case 'replaced': {
      const { generation, expiresAtMs } = verdict;
      const body = { outcome, generation, expires_at: formatUtc(expiresAtMs), message };
      return { status: 200, body: JSON.stringify(body) };
    }
    case 'fetch':
    case 'refreshing':
      return withRetry(202, { outcome: 'refreshing', message }, verdict.retryAfterMs);
    case 'blocked':
      return withRetry(429, { outcome: 'blocked', reason: verdict.reason, message }, verdict.retryAfterMs);
    case 'absent':
      return withRetry(503, { outcome, error: message }, verdict.retryAfterMs);
  }
}

function refuse(status: number, error: string, retryAfterMs?: number): Answer {
  return retryAfterMs === undefined
    ? { status, body: JSON.stringify({ error }) }
    : withRetry(status, { error }, retryAfterMs);
}

function withRetry(status: number, body: Readonly<Record<string, string>>, retryAfterMs: number): Answer {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return { status, retryAfter: `${seconds}`, body: JSON.stringify({ ...body, retry_after: seconds }) };
}

function send(reply: FastifyReply, { status, retryAfter, body }: Answer): FastifyReply {
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  // Reports are rare: thousands of readers must not each keep a connection, for which those that wait would be closed.
  reply.header('connection', 'close');
  return reply.code(status).header('cache-control', 'no-store').type('application/json').send(body);
}

/** @returns `undefined`: it cannot be read, or is too long; 0 when it is left out */
function readWait(query: unknown): number | undefined {
  const wait = isJsonObject(query) ? query['wait'] : undefined;
  if (wait === undefined) return 0;
  const parsed = typeof wait === 'string' ? parseDuration(wait) : undefined;
  return parsed?.ok === true && parsed.durationMs <= MAX_WAIT_MS ? parsed.durationMs : undefined;
}
