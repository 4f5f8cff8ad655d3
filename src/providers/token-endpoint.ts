/**
 * The one HTTP call that every kind shares.
 *
 * Guarantee: it ends by its limits, reads at most 1 MiB, follows no redirect (a credential goes to the configured
 * host or nowhere), sends nothing unencrypted except to loopback, and turns everything that a network can do into a
 * `Failure` that quotes neither request nor answer.
 *
 * Non-guarantee: after a failure it is often unknown whether the provider handled the request (`isAmbiguous`): whenever
 * anything of it was sent. A connection that breaks off in the middle of an answer is `provider-unavailable`, not
 * `response-malformed`: the network is to blame.
 */

import type { Failure } from '../core/failure.ts';
import { type Failed, type Success, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { VERSION } from '../core/version.ts';
import { measureSkew } from '../core/wire/answer-age.ts';
import type { CallTls } from '../core/wire/call-tls.ts';
import { CONNECT_LIMIT_MS, type HttpAnswer, HttpFault, type HttpTransport } from '../core/wire/http-call.ts';
import { isLoopback } from '../core/wire/loopback.ts';
import { isAmbiguousAnswer } from './chain.ts';
import type { TokenRequest, TokenResponse } from './provider.ts';
import { responseMalformed } from './response-status.ts';

export interface TokenCall {
  readonly request: TokenRequest;
  /**
   * Limit for the answer in milliseconds, from the moment the request is sent: an answer always has all of it. The
   * connection has a limit of its own before that, the same or {@link CONNECT_LIMIT_MS} if that is less.
   */
  readonly timeoutMs: number;
  /** The connection counts too, since requests before this one have used up a part of the time. */
  readonly isTotal?: boolean;
  readonly transport: HttpTransport;
  readonly signal: AbortSignal;
  readonly tls?: CallTls | undefined;
  /** Asked right before the request is sent. */
  readonly isOver?: () => boolean;
}

/** No answer that can be read. */
interface Unanswered extends Failed {
  /** True when the provider may have handled the request; false when nothing of it was sent, or the answer says so. */
  readonly isAmbiguous: boolean;
}

/**
 * Sends a token request and reads the answer, whatever its status.
 * Fails with `provider-unavailable` (network, limits), `response-malformed` (too large, unreadable), `request-rejected`
 * (redirect) or `aborted`.
 * @throws when a header is not valid, which the request's description has been checked for: a bug
 */
export async function sendTokenRequest(call: TokenCall): Promise<Success<TokenResponse> | Unanswered> {
  const { signal, timeoutMs, request, isTotal = false, isOver = () => false } = call;
  const { url, shown } = request;
  if (signal.aborted) return unanswered(describeAbort(shown), false);
  try {
    const answer = await call.transport.send(
      {
        method: request.method,
        url,
        headers: {
          accept: 'application/json',
          'user-agent': `token-refresher/${VERSION}`,
          ...request.headers,
        },
        body: request.body,
        tls: call.tls,
        connectLimitMs: Math.min(timeoutMs, CONNECT_LIMIT_MS),
        answerLimitMs: timeoutMs,
        totalLimitMs: isTotal ? timeoutMs : undefined,
        isOver,
      },
      signal,
    );
    return readAnswer(answer, url, shown);
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    const { isSent } = error;
    if (signal.aborted || (!isSent && isOver())) return unanswered(describeAbort(shown), isSent);
    const message = `${shown} failed: ${error.message}`;
    // What the certificate is about no network can mend.
    if (error.isCertificateRefused)
      return unanswered({ code: 'credentials-rejected', retry: 'needs-human', message }, isSent);
    return unanswered({ code: 'provider-unavailable', retry: 'backoff', message }, isSent);
  }
}

function unanswered(failure: Failure, isAmbiguous: boolean): Unanswered {
  return { ok: false, failure, isAmbiguous };
}

/** `aborted`: the caller gave up on a fetch. */
export function describeAbort(call: string): Failure {
  return {
    code: 'aborted',
    retry: 'soon',
    message: `${call} was given up: the program stops or is no longer the leader`,
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

function readAnswer(answer: HttpAnswer, url: URL, call: string): Success<TokenResponse> | Unanswered {
  const { status, sentAtMs, sentAtMonotonicMs, receivedAtMs } = answer;
  const headers = readHeaders(answer);
  if (status >= 300 && status <= 399)
    return unanswered(describeRedirect(status, headers.get('location'), url, call), false);
  // Of an error the status says enough, and must not be tried as often as a broken answer.
  if ('problem' in answer.body && status < 400) {
    const answered = `${call} answered ${status} with ${answer.body.problem}`;
    const unreadable = responseMalformed(`${answered}: check that this is the address of a token API`);
    return unanswered(unreadable, isAmbiguousAnswer(status, unreadable));
  }
  const body = new SecretText('bytes' in answer.body ? new TextDecoder().decode(answer.body.bytes) : '');
  const dated = { date: headers.get('date'), age: headers.get('age') };
  const clockSkewMs = measureSkew(dated, { sentAtMs, receivedAtMs });
  return succeed({ status, headers, body, call, sentAtMs, sentAtMonotonicMs, receivedAtMs, clockSkewMs });
}

/**
 * Of a repeated header the first value; several `Retry-After` as a list (RFC 9110, 5.3), since the longest counts; cookies
 * one a line.
 */
function readHeaders({ headers }: HttpAnswer): ReadonlyMap<string, string> {
  return new Map(
    [...headers].map(([name, values]) => [
      name,
      SEPARATORS.has(name) ? values.join(SEPARATORS.get(name)) : (values[0] ?? ''),
    ]),
  );
}

const SEPARATORS: ReadonlyMap<string, string> = new Map([
  ['retry-after', ', '],
  ['set-cookie', '\n'],
]);

/** The host of a redirect to elsewhere may be made of anything, a credential too: it is not shown. */
function describeRedirect(status: number, location: string | undefined, from: URL, call: string): Failure {
  const target = URL.parse(location ?? '', from);
  const where =
    location === undefined || target === null
      ? 'a redirect to nowhere'
      : target.host !== from.host
        ? 'a redirect to another host'
        : target.protocol === from.protocol
          ? 'a redirect to another path of the same host'
          : `a redirect to ${from.protocol === 'https:' ? 'http' : 'another protocol'} on the same host`;
  return {
    code: 'request-rejected',
    // Moved for good (RFC 9110, 15.4), or elsewhere for now: a page about maintenance, a login.
    retry: status === 301 || status === 308 ? 'needs-human' : 'backoff',
    message: `${call} answered ${status}, ${where}: nothing was sent there; correct the address`,
  };
}
