/**
 * The one HTTP call that reaches every receiver of alerts.
 *
 * Guarantee: it ends by {@link ALERT_LIMIT_MS}, keeps nothing of an answer but its status and `Retry-After`, follows no
 * redirect (a key goes to the configured host or nowhere), sends nothing unencrypted except to loopback or where the
 * caller says that there is no secret in it, and turns everything that a network can do into a `Failure` that names the
 * receiver and never its URL: with Slack and its like the URL is the secret.
 * Non-guarantee: after a failure it is unknown whether the receiver has taken the message.
 */
import { ALERT_LIMIT_MS } from '../../core/alert.ts';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { parseRetryAfter } from '../../core/limits/retry-after.ts';
import type { Clock } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import type { ReceiverCall, ReceiverClient } from '../../core/sink-kind.ts';
import { VERSION } from '../../core/version.ts';
import { formatDuration } from '../../core/wire/duration.ts';
import { HttpFault, type HttpTransport } from '../../core/wire/http-call.ts';
import { isLoopback } from '../../core/wire/loopback.ts';

export interface ReceiverClientOptions {
  readonly clock: Clock;
  readonly transport: HttpTransport;
}

export function createReceiverClient({ clock, transport }: ReceiverClientOptions): ReceiverClient {
  return {
    send: async (call, signal) => {
      const url = URL.parse(call.url.reveal());
      if (url === null || !isAllowed(url, call.isPublic === true)) return fail(describeWrongUrl(call));
      if (signal.aborted) return fail(describeAbort(call.receiver));
      try {
        return await withDeadline(clock, ALERT_LIMIT_MS, signal, (limited) =>
          exchange(call, url, { transport, clock }, limited),
        );
      } catch (error) {
        if (signal.aborted) return fail(describeAbort(call.receiver));
        // A key with a line break in it, for one.
        if (error instanceof TypeError) return fail(describeWrongUrl(call));
        return fail(describeNetworkError(call, error));
      }
    },
  };
}

function isAllowed(url: URL, isPublic: boolean): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && (isPublic || isLoopback(url.hostname)));
}

async function exchange(
  { receiver, method, headers, body, readRefusal }: ReceiverCall,
  url: URL,
  { transport, clock }: ReceiverClientOptions,
  signal: AbortSignal,
): Promise<Result<void>> {
  const sent = {
    'user-agent': `token-refresher/${VERSION}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  };
  // A status says that the message was taken; an answer that takes its time is not waited for.
  const wantsBody = (status: number): boolean => status === 400 && readRefusal !== undefined;
  const answer = await transport.send({ method, url, headers: sent, body, wantsBody }, signal);
  const { status, headers: answered } = answer;
  if (status >= 200 && status <= 299) return succeed(undefined);
  if (wantsBody(status) && 'bytes' in answer.body) readRefusal?.(new TextDecoder().decode(answer.body.bytes));
  return fail(describeStatus(receiver, status, parseRetryAfter(answered.get('retry-after'), clock.now())));
}

function describeStatus(receiver: string, status: number, retryAfterMs: number | undefined): Failure {
  const answered = `${receiver} answered with status ${status}`;
  const waits = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return { code: 'rate-limited', retry: 'backoff', ...waits, message: `${answered}: rate-limited` };
  if (status >= 500 || status === 408)
    return { code: 'provider-unavailable', retry: 'backoff', ...waits, message: answered };
  if (status < 400 || [401, 403, 404, 410].includes(status)) {
    const message = `${answered}: check its URL and its key, which are read anew for each attempt`;
    return { code: 'credentials-rejected', retry: 'needs-human', message };
  }
  const message = `${answered}: it does not take this message, which is given up`;
  return { code: 'request-rejected', retry: 'needs-human', message };
}

export function describeAbort(receiver: string): Failure {
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
      ? `gave no complete answer within ${formatDuration(ALERT_LIMIT_MS)}`
      : `cannot be told: ${error instanceof HttpFault ? error.message : 'an error that nobody expected'}`;
  return { code: 'provider-unavailable', retry: 'backoff', message: `${receiver} ${reason}` };
}
