/**
 * The failure that an HTTP status stands for, the same for all kinds. Kinds that put a status of their own into the
 * body (`responseCode`, `code`) classify by that one.
 */

import type { Failure } from '../core/failure.ts';
import { parseRetryAfter } from '../core/limits/retry-after.ts';
import { describeSkew, isSuspectSkew } from '../core/token/clock-skew.ts';
import { formatPeriod } from '../core/wire/time-text.ts';
import { describeBody, isHtmlPage } from './answer-body.ts';
import type { TokenResponse } from './provider.ts';
import type { ProviderStatement } from './provider-text.ts';

interface StatusEvidence {
  readonly response: TokenResponse;
  /** The status to go by: the HTTP status, or the one that the body states. */
  readonly status: number;
  readonly said: ProviderStatement;
  /** What to check when credentials are rejected: `clientId and clientSecret`. */
  readonly credentialNames: string;
  /** What to do, in place of what the status suggests. */
  readonly advice?: string;
  /** The wait that the body asks for, in milliseconds; without it `Retry-After` counts. */
  readonly retryAfterMs?: number | undefined;
}

/** True for 200 to 299: RFC 9110 gives all of them the same meaning, and some APIs answer a login with 201. */
export function isSuccessStatus(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Classifies an answer that is not a success; a status that is neither 4xx nor 5xx counts as an unavailable provider. */
export function classifyStatus(evidence: StatusEvidence): Failure {
  const { response, status, said, credentialNames } = evidence;
  const answered = describeAnswer(response, said);
  const retryAfterMs = evidence.retryAfterMs ?? readRetryAfter(response);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  const again =
    retryAfterMs === undefined
      ? 'will be tried again'
      : `asked us to wait ${formatPeriod(Math.ceil(retryAfterMs / 1000) * 1000)}, will be tried again then`;
  const waiting = evidence.advice === undefined ? again : `${evidence.advice}; ${again}`;
  const unavailable: Failure = {
    code: 'provider-unavailable',
    retry: 'backoff',
    ...wait,
    message: `${answered}: ${waiting}`,
  };
  const refusal = CERTIFICATE_PAGE.exec(response.body.reveal().slice(0, 1_000))?.[1];
  if (status === 400 && refusal !== undefined)
    return credentialsRejected(
      `${response.call} answered 400, ${CERTIFICATE_REFUSALS.get(refusal) ?? ''}`,
      'tls.certificate, with the certificates in between after it, and tls.key',
      response.clockSkewMs,
    );
  switch (status) {
    case 401:
    case 403:
      return saysNothingAboutCredentials(response)
        ? unavailable
        : credentialsRejected(answered, credentialNames, response.clockSkewMs);
    case 408:
    case 425:
      return unavailable;
    case 409:
      return { ...unavailable, retry: 'soon' };
    case 429:
      return {
        code: 'rate-limited',
        retry: 'backoff',
        ...wait,
        message: `${answered}: ${waiting}; if it stays, look for other programs that use these credentials`,
      };
    default:
      return status >= 400 && status <= 499
        ? requestRejected(
            answered,
            evidence.advice ??
              ADVICE.get(status) ??
              'check the options of this provider against its documentation',
          )
        : unavailable;
  }
}

/** nginx takes any client certificate in the handshake, or none, and refuses the request by a page of its own. */
const CERTIFICATE_REFUSALS: ReadonlyMap<string, string> = new Map([
  ['No required SSL certificate was sent', 'it demands a client certificate'],
  ['The SSL certificate error', 'it refused the client certificate'],
]);
const CERTIFICATE_PAGE = new RegExp(`<title>400 (${[...CERTIFICATE_REFUSALS.keys()].join('|')})</title>`);

const ADVICE: ReadonlyMap<number, string> = new Map([
  [404, 'check the address'],
  [405, 'check the address, this one does not take the method'],
  [407, 'a proxy wants credentials: check HTTPS_PROXY'],
  [410, 'the provider has taken this endpoint away: check the address'],
  [415, 'this endpoint does not take such a body: check the address, and how the body is sent'],
  [421, 'this server does not answer for that host: check the address'],
]);

/**
 * True for a refusal by a page for people: a firewall's. A server that asks for authentication itself says so
 * (RFC 9110, 11.6.1), also when a page comes with it.
 */
function saysNothingAboutCredentials(response: TokenResponse): boolean {
  return !response.headers.has('www-authenticate') && isHtmlPage(response);
}

/** An answer that cannot be used, though it says that it is a success. */
export function responseMalformed(message: string): Failure {
  return { code: 'response-malformed', retry: 'backoff', message };
}

/** @param answered the beginning of the sentence, from {@link describeAnswer} */
export function credentialsRejected(
  answered: string,
  credentialNames: string,
  clockSkewMs: number | undefined,
): Failure {
  const clock = isSuspectSkew(clockSkewMs)
    ? `${describeSkew(clockSkewMs)}, a probable cause: check time synchronisation (NTP); else `
    : '';
  return {
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `${answered}: ${clock}check ${credentialNames}; next try in at most 15 min or when they change`,
  };
}

function requestRejected(answered: string, advice: string): Failure {
  return {
    code: 'request-rejected',
    retry: 'needs-human',
    message: `${answered}: ${advice}; next try in at most 15 min`,
  };
}

/** `POST https://api.example.com/auth/token answered 401 INVALID_CREDENTIALS (Invalid API Key or Secret)` */
export function describeAnswer(response: TokenResponse, said: ProviderStatement): string {
  const code = said.code === undefined || said.code === String(response.status) ? '' : ` ${said.code}`;
  const message = said.message === undefined ? '' : ` (${said.message})`;
  const page = isHtmlPage(response) ? ` with ${describeBody(response)}` : '';
  return `${response.call} answered ${response.status}${page}${code}${message}`;
}

/** The provider's clock when its answer arrived, in milliseconds; ours when it sent no `Date`. */
export function providerNowMs(response: TokenResponse): number {
  return response.receivedAtMs + (response.clockSkewMs ?? 0);
}

/** The wait that the answer's `Retry-After` asks for, in milliseconds. */
export function readRetryAfter(response: TokenResponse): number | undefined {
  return parseRetryAfter(response.headers.get('retry-after'), providerNowMs(response));
}
