/**
 * The failure that an HTTP status stands for, the same for all kinds. Kinds that put a status of their own into the
 * body (`responseCode`, `code`) classify by that one.
 */
import type { Failure } from '../core/failure.ts';
import { parseRetryAfter } from '../core/retry-after.ts';
import type { TokenResponse } from './provider.ts';
import type { ProviderStatement } from './provider-text.ts';

export interface StatusEvidence {
  readonly response: TokenResponse;
  /** The status to go by: the HTTP status, or the one that the body states. */
  readonly status: number;
  readonly said: ProviderStatement;
  /** What to check when credentials are rejected: `apiKey and apiSecret`. */
  readonly credentialNames: string;
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
  const waiting =
    retryAfterMs === undefined
      ? 'will be tried again'
      : `asked us to wait ${Math.ceil(retryAfterMs / 1000)} s, will be tried again then`;
  switch (status) {
    case 401:
    case 403:
      return credentialsRejected(answered, credentialNames);
    case 404:
    case 405:
    case 410:
      return requestRejected(answered, 'check baseUrl and path');
    case 408:
    case 425:
      return { code: 'provider-unavailable', retry: 'backoff', ...wait, message: `${answered}: ${waiting}` };
    case 409:
      return { code: 'provider-unavailable', retry: 'soon', ...wait, message: `${answered}: ${waiting}` };
    case 429:
      return {
        code: 'rate-limited',
        retry: 'backoff',
        ...wait,
        message: `${answered}: ${waiting}; if it stays, look for other programs that use these credentials`,
      };
    default:
      if (status >= 400 && status <= 499) {
        return requestRejected(
          answered,
          "check the options of this provider against the provider's documentation",
        );
      }
      return { code: 'provider-unavailable', retry: 'backoff', ...wait, message: `${answered}: ${waiting}` };
  }
}

/** @param answered the beginning of the sentence, from {@link describeAnswer} */
export function credentialsRejected(answered: string, credentialNames: string): Failure {
  return {
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `${answered}: check ${credentialNames}; next try in at most 15 min or when they change`,
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
  return `POST ${response.endpoint} answered ${response.status}${code}${message}`;
}

/** The provider's clock when its answer arrived, in milliseconds; ours when it sent no `Date`. */
export function providerNowMs(response: TokenResponse): number {
  return response.receivedAtMs + (response.clockSkewMs ?? 0);
}

function readRetryAfter(response: TokenResponse): number | undefined {
  return parseRetryAfter(response.headers.get('retry-after'), providerNowMs(response));
}
