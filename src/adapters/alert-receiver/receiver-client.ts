/**
 * The one HTTP call that every receiver of alerts is told with.
 *
 * Guarantee: it ends by {@link ALERT_LIMIT_MS}, keeps nothing of an answer but its status and `Retry-After`, follows no
 * redirect (a key goes to the configured host or nowhere), sends nothing unencrypted except to loopback or where the
 * caller says that there is no secret in it, and turns everything that a network can do into a `Failure` that names the
 * receiver and never its URL: with Slack and its like the URL is the secret.
 * Non-guarantee: after a failure it is unknown whether the receiver has taken the message.
 */
import { Agent, type Dispatcher, errors, request as sendRequest } from 'undici';
import { ALERT_LIMIT_MS } from '../../core/alert.ts';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { isLoopback } from '../../core/loopback.ts';
import type { Clock } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { parseRetryAfter } from '../../core/retry-after.ts';
import type { SecretText } from '../../core/secret-text.ts';
import { VERSION } from '../../core/version.ts';

export interface ReceiverCall {
  /** As the configuration calls it, for messages. */
  readonly receiver: string;
  readonly method: 'POST' | 'GET';
  readonly url: SecretText;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
  /** True when neither URL nor headers hold a secret: then http is allowed beyond loopback. */
  readonly isPublic?: boolean;
}

export interface ReceiverClient {
  send(call: ReceiverCall, signal: AbortSignal): Promise<Result<void>>;
  /** Closes all connections. */
  close(): Promise<void>;
}

export interface ReceiverClientOptions {
  readonly clock: Clock;
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string;
}

const KEEP_ALIVE_MS = 120_000;
/** Answers are dropped; one that is longer costs its connection. */
const DROPPED_BYTES = 65_536;

/** Opens no connection yet. */
export function createReceiverClient({ clock, ca }: ReceiverClientOptions): ReceiverClient {
  const dispatcher = new Agent({
    allowH2: false,
    connections: 2,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 2 * KEEP_ALIVE_MS,
    connect: { timeout: ALERT_LIMIT_MS, ...(ca === undefined ? {} : { ca }) },
  });
  return {
    send: async (call, signal) => {
      const url = URL.parse(call.url.reveal());
      if (url === null || !isAllowed(url, call.isPublic === true)) return fail(describeWrongUrl(call));
      if (signal.aborted) return fail(describeAbort(call));
      try {
        return await withDeadline(clock, ALERT_LIMIT_MS, signal, (limited) =>
          exchange(call, url, { dispatcher, clock }, limited),
        );
      } catch (error) {
        if (signal.aborted) return fail(describeAbort(call));
        // A key with a line break in it, for one.
        if (error instanceof errors.InvalidArgumentError) return fail(describeWrongUrl(call));
        return fail(describeNetworkError(call, error));
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function isAllowed(url: URL, isPublic: boolean): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && (isPublic || isLoopback(url.hostname)));
}

async function exchange(
  { receiver, method, headers, body }: ReceiverCall,
  url: URL,
  { dispatcher, clock }: { readonly dispatcher: Dispatcher; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Result<void>> {
  const answer = await sendRequest(url, {
    method,
    headers: {
      'user-agent': `token-refresher/${VERSION}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    dispatcher,
    signal,
    // The deadline covers both; undici's own limits run on a clock that tests cannot move.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // A body that is destroyed before its end emits an error, which would otherwise end the process.
  answer.body.on('error', () => {});
  await answer.body.dump({ limit: DROPPED_BYTES, signal });
  if (answer.statusCode >= 200 && answer.statusCode <= 299) return succeed(undefined);
  const header = answer.headers['retry-after'];
  const retryAfterMs = parseRetryAfter(header, clock.now());
  return fail(describeStatus(receiver, answer.statusCode, retryAfterMs));
}

function describeStatus(receiver: string, status: number, retryAfterMs: number | undefined): Failure {
  const answered = `${receiver} answered with status ${status}`;
  const waits = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return { code: 'rate-limited', retry: 'backoff', ...waits, message: `${answered}: it asks for patience` };
  if (status >= 500 || status === 408)
    return { code: 'provider-unavailable', retry: 'backoff', ...waits, message: answered };
  if (status < 400 || [401, 403, 404, 410].includes(status)) {
    const message = `${answered}: check its URL and its key, which are read anew for each attempt`;
    return { code: 'credentials-rejected', retry: 'needs-human', message };
  }
  const message = `${answered}: it does not take this message, which is given up`;
  return { code: 'request-rejected', retry: 'needs-human', message };
}

function describeAbort({ receiver }: ReceiverCall): Failure {
  return { code: 'aborted', retry: 'soon', message: `telling ${receiver} was given up: the program stops` };
}

function describeWrongUrl({ receiver }: ReceiverCall): Failure {
  return {
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `the URL or key of ${receiver} is not usable: an https URL (http for loopback hosts only), each on one line`,
  };
}

function describeNetworkError({ receiver }: ReceiverCall, error: unknown): Failure {
  const reason =
    error instanceof DeadlineExceeded
      ? `gave no complete answer within ${ALERT_LIMIT_MS} ms`
      : `cannot be reached (${codeOf(error)}): check DNS, proxy and network policy`;
  return { code: 'provider-unavailable', retry: 'backoff', message: `${receiver} ${reason}` };
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …; messages are not used, they quote the URL. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code;
  return /^[A-Z][A-Za-z]{1,63}$/.test(error.name) ? error.name : 'network error';
}
