/**
 * The one HTTP call that every kind shares.
 *
 * Guarantee: it ends by the deadline, reads at most 1 MiB, follows no redirect (a credential goes to the configured
 * host or nowhere), sends nothing unencrypted except to loopback, and turns everything that a network can do into a
 * `Failure` that quotes neither request nor answer.
 *
 * Non-guarantee: after a failure it is often unknown whether the provider handled the request (`isAmbiguous`, which is
 * also true when the deadline passes before the connection stands). A connection that breaks off
 * in the middle of an answer is `provider-unavailable`, not `response-malformed`: the network is to blame.
 */
import { Agent, type Dispatcher, errors, request as sendRequest } from 'undici';
import { measureSkew } from '../core/answer-age.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import type { Failure } from '../core/failure.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Clock } from '../core/ports.ts';
import { type Failed, type Success, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { VERSION } from '../core/version.ts';
import { isAmbiguousAnswer } from './chain.ts';
import type { TokenRequest, TokenResponse } from './provider.ts';

export const MAX_BODY_BYTES = 1_048_576;

/** One connection is enough for a token every few minutes; more serve providers with many customers. */
const CONNECTIONS_PER_ORIGIN = 8;
/** Longer than most servers keep a connection, so theirs counts; undici's 4 s would reconnect at every refresh. */
const KEEP_ALIVE_MS = 120_000;
/** Frees the socket of a connection attempt that the deadline gave up on; the deadline itself is the caller's. */
const CONNECT_LIMIT_MS = 60_000;

export interface TokenDispatcherOptions {
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string;
}

/** Makes the connection pool that all providers share. Close it when the program stops. */
export function createTokenDispatcher({ ca }: TokenDispatcherOptions = {}): Agent {
  return new Agent({
    // HTTP/2 costs 1.3 to 1.7 times the CPU at a request every few minutes.
    allowH2: false,
    connections: CONNECTIONS_PER_ORIGIN,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 2 * KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_LIMIT_MS, ...(ca === undefined ? {} : { ca }) },
  });
}

export interface TokenCall {
  /** `https://api.example.com` or `https://gateway.example.com/prefix`. */
  readonly baseUrl: string;
  readonly request: TokenRequest;
  /** Limit for connection, headers and body together, in milliseconds. */
  readonly timeoutMs: number;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** No answer that can be read. */
export interface Unanswered extends Failed {
  /** True when the provider may have handled the request. */
  readonly isAmbiguous: boolean;
}

/**
 * Sends a token request and reads the answer, whatever its status.
 * Fails with `provider-unavailable` (network, deadline), `response-malformed` (too large), `request-rejected`
 * (redirect) or `aborted`.
 * @throws when `baseUrl` is not allowed or a header is not valid: the configuration and the kinds check both
 */
export async function postTokenRequest(call: TokenCall): Promise<Success<TokenResponse> | Unanswered> {
  const { clock, signal, timeoutMs } = call;
  const url = resolveEndpoint(call.baseUrl, call.request.path);
  const endpoint = `${url.origin}${url.pathname}`;
  if (signal.aborted) return unanswered(describeAbort(endpoint), false);
  try {
    return await withDeadline(clock, timeoutMs, signal, (limited) => exchange(call, url, endpoint, limited));
  } catch (error) {
    if (signal.aborted) return unanswered(describeAbort(endpoint), true);
    if (error instanceof errors.InvalidArgumentError) throw error;
    const isUnsent = UNSENT.test(findErrorCode(error) ?? '');
    return unanswered(describeNetworkError(error, endpoint, timeoutMs), !isUnsent);
  }
}

/** What keeps a connection from coming about, so that the request never left. All else may have come later. */
const UNSENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|E(?:HOST|NET)(?:UNREACH|DOWN)|EADDRNOTAVAIL|EPROTO|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_\w+)$/;

function unanswered(failure: Failure, isAmbiguous: boolean): Unanswered {
  return { ok: false, failure, isAmbiguous };
}

/** `aborted`: the caller gave up on a fetch. */
export function describeAbort(endpoint: string): Failure {
  return {
    code: 'aborted',
    retry: 'soon',
    message: `POST ${endpoint} was given up: the program stops or is no longer the leader`,
  };
}

/** The URL of a token call. @throws for a base URL that must not be used */
export function resolveEndpoint(baseUrl: string, path: string): URL {
  const base = new URL(baseUrl);
  const isAllowed = base.protocol === 'https:' || (base.protocol === 'http:' && isLoopback(base.hostname));
  if (!isAllowed) throw new Error('baseUrl must be https, or http on loopback');
  if (base.username !== '' || base.password !== '') throw new Error('baseUrl must not hold credentials');
  if (base.search !== '' || base.hash !== '') throw new Error('baseUrl must not hold a query or fragment');
  return new URL(`${base.origin}${base.pathname.replace(/\/+$/, '')}${path}`);
}

async function exchange(
  { request, dispatcher, clock }: TokenCall,
  url: URL,
  endpoint: string,
  signal: AbortSignal,
): Promise<Success<TokenResponse> | Unanswered> {
  const sentAtMs = clock.now();
  const sentAtMonotonicMs = clock.monotonicMs();
  const answer = await sendRequest(url, {
    method: request.method,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': `token-refresher/${VERSION}`,
      ...request.headers,
    },
    body: request.body,
    dispatcher,
    signal,
    // The deadline covers both; undici's own limits run on a clock that tests cannot move.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const receivedAtMs = clock.now();
  // A body that is destroyed before its end emits an error, which would otherwise end the process.
  answer.body.on('error', () => {});
  const headers = readHeaders(answer.headers);
  if (answer.statusCode >= 300 && answer.statusCode <= 399) {
    answer.body.destroy();
    return unanswered(describeRedirect(answer.statusCode, headers.get('location'), url, endpoint), false);
  }
  const body = await readBody(answer.body, headers.get('content-length'));
  if (body === undefined) {
    const oversize = describeOversize(endpoint, answer.statusCode);
    return unanswered(oversize, isAmbiguousAnswer(answer.statusCode, oversize));
  }
  const dated = { date: headers.get('date'), age: headers.get('age') };
  const clockSkewMs = measureSkew(dated, { sentAtMs, receivedAtMs });
  const { statusCode: status } = answer;
  return succeed({ status, headers, body, endpoint, sentAtMs, sentAtMonotonicMs, receivedAtMs, clockSkewMs });
}

/** Reads a body of at most 1 MiB; `undefined` as soon as it is known to be larger. */
async function readBody(
  body: Dispatcher.ResponseData['body'],
  contentLength: string | undefined,
): Promise<SecretText | undefined> {
  if (Number(contentLength ?? 0) > MAX_BODY_BYTES) {
    body.destroy();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part: unknown = chunk;
    if (!(part instanceof Uint8Array)) throw new Error('an HTTP body yields bytes');
    bytes += part.byteLength;
    // Leaving the loop destroys the body and with it the connection.
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(part);
  }
  return new SecretText(new TextDecoder().decode(Buffer.concat(chunks)));
}

function readHeaders(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, string> {
  const read = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) read.set(name.toLowerCase(), first);
  }
  return read;
}

function describeRedirect(
  status: number,
  location: string | undefined,
  from: URL,
  endpoint: string,
): Failure {
  const target =
    location !== undefined && URL.canParse(location, from) ? new URL(location, from).host : undefined;
  const where = target === undefined ? 'elsewhere' : `to ${target}`;
  return {
    code: 'request-rejected',
    retry: 'backoff',
    message: `POST ${endpoint} answered ${status}, a redirect ${where}: nothing was sent there; correct baseUrl`,
  };
}

function describeOversize(endpoint: string, status: number): Failure {
  return {
    code: 'response-malformed',
    retry: 'backoff',
    message: `POST ${endpoint} answered ${status} with more than 1 MiB: check that baseUrl is a token API`,
  };
}

function describeNetworkError(error: unknown, endpoint: string, timeoutMs: number): Failure {
  const reason =
    error instanceof DeadlineExceeded
      ? `gave no complete answer within ${timeoutMs} ms: check the provider's state and timeout`
      : `failed with ${findErrorCode(error) ?? findErrorName(error)}: check baseUrl, DNS, proxy and network policy`;
  return { code: 'provider-unavailable', retry: 'backoff', message: `POST ${endpoint} ${reason}` };
}

const ERROR_CODE = /^[A-Z][A-Z0-9_]{1,63}$/;
const ERROR_NAME = /^[A-Z][A-Za-z]{1,63}$/;

/** The code of an error or of what caused it, like `ECONNREFUSED`; messages are not used, they may quote. */
function findErrorCode(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const inner = error instanceof AggregateError ? error.errors : [];
  for (const cause of [error.cause, ...inner]) {
    const code = findErrorCode(cause, depth + 1);
    if (code !== undefined) return code;
  }
  return 'code' in error && typeof error.code === 'string' && ERROR_CODE.test(error.code)
    ? error.code
    : undefined;
}

/** undici's parser errors have no code; their names say enough (`HTTPParserError`). */
function findErrorName(error: unknown): string {
  return error instanceof Error && ERROR_NAME.test(error.name) ? error.name : 'a network error';
}
