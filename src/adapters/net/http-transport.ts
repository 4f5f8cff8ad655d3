/**
 * Every HTTP call that the program makes: to providers, to AWS, to receivers of alerts and to the API server.
 *
 * Guarantee: each call has a connection of its own, from a new look-up of the name to the end of the answer. So no bytes
 * of one answer can be taken for another's, no call waits for a connection that others hold, and a name that has moved
 * is followed by the next call. A call ends by its limits; after that nothing of it is left.
 *
 * Why `node:http` and not undici: undici takes an interim answer that nobody asked for (`100 Continue`) for a fault,
 * though RFC 9110, 15.2 demands that it is understood, and tells neither whether a request was sent nor when.
 *
 * What it costs: 0.5 ms of CPU over a kept connection, 2 ms with TLS.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  request as sendRequest,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import {
  CONNECT_LIMIT_MS,
  type HttpAnswer,
  type HttpCall,
  HttpFault,
  type HttpTransport,
  MAX_BODY_BYTES,
} from '../../core/http-call.ts';
import type { Clock } from '../../core/ports.ts';
import { describeConnectFault, describeExchangeFault, SENT, UNSENT } from './connection-faults.ts';
import { CLOSED, type Connection, Connector, describeEarlyBytes } from './connector.ts';
import { decodeBody, TOO_LARGE } from './content-coding.ts';
import type { Names } from './names.ts';
import type { ReadEnv } from './proxy-settings.ts';

/** Some APIs set a dozen cookies with every answer. */
const MAX_HEADER_BYTES = 65_536;
/** Answers before the answer: 100, 102, 103. */
const MAX_INTERIM_ANSWERS = 32;
const NO_BYTES = new Uint8Array();

export interface HttpTransportOptions {
  readonly clock: Clock;
  /** Where the proxy variables are read; `undefined`: nothing is proxied. */
  readonly readEnv: ReadEnv | undefined;
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string | undefined;
  readonly names?: Names;
}

/** Opens no connection yet, and keeps none. */
export function createHttpTransport({ clock, ca, ...options }: HttpTransportOptions): HttpTransport {
  const connector = new Connector({ clock, ...options });
  return {
    send: async (call, signal) => {
      verifyHeaders(call);
      const connection = await openConnection(connector, call, ca, clock, signal);
      try {
        await verifySilence(connection);
        if (signal.aborted || call.isOver?.() === true) throw describeGivingUp(UNSENT);
        return await exchangeWithin(call, connection, clock, signal);
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
  connector: Connector,
  { url, connectLimitMs = CONNECT_LIMIT_MS }: HttpCall,
  ca: string | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Connection> {
  const progress = { step: '' };
  try {
    return await withDeadline(clock, connectLimitMs, signal, (limited) =>
      connector.open(url, ca, progress, limited),
    );
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    if (signal.aborted) throw describeGivingUp(UNSENT);
    if (!(error instanceof DeadlineExceeded)) throw describeConnectFault(error, ca !== undefined);
    const reason = `there was no connection within ${connectLimitMs} ms${progress.step}`;
    throw new HttpFault('ETIMEDOUT', reason, 'check the host, DNS, proxies and the network policy', UNSENT);
  }
}

/**
 * What was there before the request is no answer to it. Two turns of the event loop, so that what has arrived is read.
 * @throws {HttpFault} when the other side has said something, or goodbye
 */
async function verifySilence({ socket, findFault }: Connection): Promise<void> {
  socket.read(0);
  for (let turn = 0; turn < 2; turn += 1) await nextTurn();
  if (socket.readableLength > 0) throw describeEarlyBytes();
  const fault = findFault() ?? (socket.readableEnded || socket.destroyed ? CLOSED : undefined);
  if (fault !== undefined) throw describeConnectFault(fault);
}

async function exchangeWithin(
  call: HttpCall,
  connection: Connection,
  clock: Clock,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { answerLimitMs } = call;
  const work = (limited: AbortSignal): Promise<HttpAnswer> => exchange(call, connection, clock, limited);
  try {
    return await (answerLimitMs === undefined
      ? work(signal)
      : withDeadline(clock, answerLimitMs, signal, work));
  } catch (error) {
    if (error instanceof HttpFault) throw error;
    if (signal.aborted) throw describeGivingUp(SENT);
    if (!(error instanceof DeadlineExceeded)) throw describeExchangeFault(error);
    const reason = `it gave no complete answer within ${answerLimitMs} ms`;
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
  const sentAtMs = clock.now();
  const sentAtMonotonicMs = clock.monotonicMs();
  try {
    const request = sendRequest({
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
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
    });
    const answered = waitForAnswer(request);
    request.end(body);
    const answer = await Promise.race([answered, untilBroken]);
    const receivedAtMs = clock.now();
    const read = readHeaders(answer);
    const status = answer.statusCode ?? 0;
    const isWanted = wantsBody?.(status) !== false;
    const raw = isWanted ? await readBody(answer, read.get('content-length')?.[0]) : NO_BYTES;
    const decoded =
      raw === undefined
        ? { problem: TOO_LARGE }
        : decodeBody(raw, isWanted ? (read.get('content-encoding') ?? []) : []);
    return { status, headers: read, body: decoded, sentAtMs, sentAtMonotonicMs, receivedAtMs };
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Resolves with the headers of the final answer. */
function waitForAnswer(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    request.on('information', () => {
      interim += 1;
      if (interim > MAX_INTERIM_ANSWERS) request.destroy(new TooManyInterimAnswers());
    });
    // After the answer has begun, its own stream says what is wrong with it; surplus bytes behind it are nobody's.
    request.on('error', reject);
    request.once('response', resolve);
    // Not asked for, so it is no answer.
    request.once('upgrade', () => reject(new UnaskedUpgrade()));
  });
}

class TooManyInterimAnswers extends Error {
  readonly code = 'HPE_TOO_MANY_INTERIM_ANSWERS';
}

class UnaskedUpgrade extends Error {
  readonly code = 'HPE_UNASKED_UPGRADE';
}

function readHeaders({ rawHeaders }: IncomingMessage): ReadonlyMap<string, readonly string[]> {
  const read = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const values = read.get(name) ?? [];
    values.push(rawHeaders[at + 1] ?? '');
    read.set(name, values);
  }
  return read;
}

/** Reads a body of at most 1 MiB; `undefined` as soon as it is known to be larger. */
async function readBody(
  answer: IncomingMessage,
  contentLength: string | undefined,
): Promise<Buffer | undefined> {
  // A body that is destroyed before its end emits an error, which would otherwise end the process.
  answer.on('error', () => {});
  if (Number(contentLength ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
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
