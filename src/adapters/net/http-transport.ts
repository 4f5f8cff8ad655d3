/**
 * Every HTTP call that the program makes: to providers, to AWS, to receivers of alerts and to the API server.
 *
 * Guarantee: each call has a connection of its own, from a new look-up of the name to the end of the answer. So no bytes
 * of one answer can be taken for another's, no call waits for a connection that others hold, and a name that has moved
 * is followed by the next call. A call ends by its limits; after that nothing of it is left.
 *
 * A client of undici serves one request over one connection of ours, so that it is known whether and when it was sent.
 *
 * What it costs: 0.5 ms of CPU over a kept connection, 2 ms with TLS.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Client, type Dispatcher } from 'undici';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import type { CallTls } from '../../core/wire/call-tls.ts';
import { formatDuration } from '../../core/wire/duration.ts';
import {
  CONNECT_LIMIT_MS,
  type HttpAnswer,
  type HttpCall,
  HttpFault,
  type HttpTransport,
  MAX_BODY_BYTES,
} from '../../core/wire/http-call.ts';
import { describeConnectFault, describeExchangeFault, SENT, UNSENT } from './connection-faults.ts';
import {
  CLOSED,
  type Connection,
  type ConnectorOptions,
  createConnector,
  describeEarlyBytes,
  type OpenConnection,
} from './connector.ts';
import { decodeBody, TOO_LARGE } from './content-coding.ts';
import { skipInterimAnswers } from './interim-answers.ts';
import { validateHeaderName, validateHeaderValue } from './node-http.ts';

/** Some APIs set a dozen cookies with every answer. */
const MAX_HEADER_BYTES = 65_536;
const NO_BYTES = new Uint8Array();

export interface HttpTransportOptions extends ConnectorOptions {
  /** Certificates (PEM) to trust instead of the system's, unless a call brings its own. */
  readonly ca?: string | undefined;
}

/** Opens no connection yet, and keeps none. */
export function createHttpTransport({ clock, ca, ...options }: HttpTransportOptions): HttpTransport {
  const open = createConnector({ clock, ...options });
  const trusted = ca === undefined ? {} : { ca: new SecretText(ca) };
  return {
    send: async (call, signal) => {
      verifyHeaders(call);
      const tls = call.tls?.ca === undefined ? { ...call.tls, ...trusted } : call.tls;
      const startedMs = clock.monotonicMs();
      const connection = await openConnection(open, call, tls, clock, signal);
      try {
        await verifySilence(connection, tls);
        if (signal.aborted || call.isOver?.() === true) throw describeGivingUp(UNSENT);
        const spentMs = clock.monotonicMs() - startedMs;
        return await exchangeWithin(answerLimitOf(call, spentMs), call, tls, connection, clock, signal);
      } finally {
        connection.socket.destroy();
      }
    },
  };
}

/** @throws TypeError; `node:http` would do it only after the connection was made */
function verifyHeaders({ headers }: HttpCall): void {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}

async function openConnection(
  open: OpenConnection,
  { url, connectLimitMs = CONNECT_LIMIT_MS }: HttpCall,
  tls: CallTls,
  clock: Clock,
  signal: AbortSignal,
): Promise<Connection> {
  const progress = { step: '' };
  try {
    return await withDeadline(clock, connectLimitMs, signal, (limited) => open(url, tls, progress, limited));
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    if (signal.aborted) throw describeGivingUp(UNSENT);
    if (!(error instanceof DeadlineExceeded)) throw describeConnectFault(error, tls);
    const reason = `there was no connection within ${formatDuration(connectLimitMs)}${progress.step}`;
    throw new HttpFault('ETIMEDOUT', reason, 'check the host, DNS, proxies and the network policy', UNSENT);
  }
}

/** Two turns of the event loop, so that what has arrived is read. */
async function readArrived(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await nextTurn();
}

/**
 * What was there before the request is no answer to it.
 * @throws {HttpFault} when the other side has said something, or goodbye
 */
async function verifySilence({ socket, findFault }: Connection, tls: CallTls): Promise<void> {
  socket.read(0);
  await readArrived();
  if (socket.readableLength > 0) throw describeEarlyBytes();
  const fault = findFault() ?? (socket.readableEnded || socket.destroyed ? CLOSED : undefined);
  if (fault !== undefined) throw describeConnectFault(fault, tls);
}

function answerLimitOf({ answerLimitMs, totalLimitMs }: HttpCall, spentMs: number): number | undefined {
  if (totalLimitMs === undefined) return answerLimitMs;
  return Math.max(1, Math.min(answerLimitMs ?? Number.POSITIVE_INFINITY, totalLimitMs - spentMs));
}

async function exchangeWithin(
  answerLimitMs: number | undefined,
  call: HttpCall,
  tls: CallTls,
  connection: Connection,
  clock: Clock,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const work = (limited: AbortSignal): Promise<HttpAnswer> => exchange(call, connection, clock, limited);
  try {
    return await (answerLimitMs === undefined
      ? work(signal)
      : // A process that was stopped meanwhile finds its time over before it has read the answer that is there; a refresh
        // token in it would be lost.
        withDeadline(clock, answerLimitMs, signal, work, readArrived));
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    if (signal.aborted) throw describeGivingUp(SENT);
    if (!(error instanceof DeadlineExceeded)) throw describeExchangeFault(error, tls);
    const reason = `it gave no complete answer within ${formatDuration(answerLimitMs ?? 0)}`;
    throw new HttpFault('ETIMEDOUT', reason, "check the other side's state and the configured timeout", SENT);
  }
}

async function exchange(
  { method, url, headers, body, wantsBody }: HttpCall,
  { socket, proxy, untilBroken }: Connection,
  clock: Clock,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const giveUp = (): void => void socket.destroy();
  signal.addEventListener('abort', giveUp, { once: true });
  const client = new Client(url.origin, {
    // Not at once: the client does not look whether that has happened while it asked.
    connect: (_, callback) => queueMicrotask(() => callback(null, socket)),
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The call's limit covers both; undici's own run on a clock that tests cannot move.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  skipInterimAnswers(socket);
  const sentAtMs = clock.now();
  const sentAtMonotonicMs = clock.monotonicMs();
  try {
    const answered = client.request({
      method,
      // RFC 9112, 3.2.2: a proxy is told the whole URL.
      path:
        proxy === undefined ? `${url.pathname}${url.search}` : `${url.origin}${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        ...headers,
        ...(proxy?.authorization === undefined
          ? {}
          : { 'proxy-authorization': proxy.authorization.reveal() }),
      },
      body: body ?? null,
      reset: true,
    });
    const answer = await Promise.race([answered, untilBroken]);
    const receivedAtMs = clock.now();
    const read = readHeaders(answer);
    const status = answer.statusCode;
    const isWanted = wantsBody?.(status) !== false;
    const raw = isWanted ? await readBody(answer.body, read.get('content-length')?.[0]) : NO_BYTES;
    const decoded =
      raw === undefined
        ? { problem: TOO_LARGE }
        : decodeBody(raw, isWanted ? (read.get('content-encoding') ?? []) : []);
    return { status, headers: read, body: decoded, sentAtMs, sentAtMonotonicMs, receivedAtMs };
  } finally {
    signal.removeEventListener('abort', giveUp);
    void client.destroy();
  }
}

function readHeaders({ headers }: Dispatcher.ResponseData): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(headers).map(([name, value = '']) => [name.toLowerCase(), [value].flat()] as const),
  );
}

/** Reads a body of at most 1 MiB; `undefined` as soon as it is known to be larger. */
async function readBody(
  body: Dispatcher.ResponseData['body'],
  contentLength: string | undefined,
): Promise<Buffer | undefined> {
  // A body that is destroyed before its end emits an error, which would otherwise end the process.
  body.on('error', () => {});
  if (Number(contentLength ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part: unknown = chunk;
    if (!(part instanceof Uint8Array)) throw new Error('an HTTP body yields bytes');
    bytes += part.byteLength;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** Callers look at their own signal, and never show this. */
function describeGivingUp(when: { readonly isSent: boolean }): HttpFault {
  return new HttpFault('ECANCELED', 'it was given up', 'the program stops or is no longer the leader', when);
}
