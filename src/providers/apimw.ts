/**
 * APIMW: `POST /v1/auth/token` with `{ api_key, api_secret }` ->
 * `{ success, data: { access_token, token_type, expires_in: 3600, refresh_token } }`, or `POST /v1/auth/refresh` with
 * `{ refresh_token }` -> the same with a new refresh token. Refresh tokens are good for one use and live 30 days.
 *
 * Source: APIMW API documentation, "Generate Token", "Refresh Token", "Rate Limits". A plain login each time is
 * stateless, so it is the default.
 *
 * With `useRefreshToken`, when an answer is lost on the way, the same refresh token is presented once more, because it
 * may not have been spent. Refused or lost again, it is given up, and a login begins a new chain (`start-again`), as the
 * documentation asks for after `INVALID_REFRESH_TOKEN`.
 */
import { z } from 'zod';
import type { Failure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import {
  longestWait,
  parseRateLimitReset,
  parseRetryAfter,
  parseRetryAfterSeconds,
} from '../core/retry-after.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { objectIn, parseAnswer } from './answer-body.ts';
import { chainBroken, usableRefreshToken } from './chain.ts';
import { requireCredential } from './credential-value.ts';
import { impliedStatus, statesError } from './oauth-error.ts';
import {
  type ConfiguredKind,
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { readStatement } from './provider-text.ts';
import { classifyStatus, describeAnswer, isSuccessStatus, providerNowMs } from './response-status.ts';
import { acceptToken, notAnObject, type RefreshTokenFields, salvageRefresh } from './token-answer.ts';

const LIFETIME_SECONDS = 3600;
const REFRESH_TOKEN_LIFETIME_SECONDS = 30 * 86_400;

export const apimw = defineKind({
  kind: 'apimw',
  description: 'APIMW: apiKey and apiSecret, a JWT for 60 minutes',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: 'https://api.apimw.com',
  credentials: {
    apiKey: { description: 'API key, sent as api_key' },
    apiSecret: { description: 'API secret, sent as api_secret' },
  },
  customerCredentials: undefined,
  options: z.strictObject({
    useRefreshToken: z
      .boolean()
      .default(false)
      .describe(
        'spend the refresh token of the last answer instead of logging in each time; it is kept in stateSecret',
      ),
  }),
  configure: ({ useRefreshToken }): ConfiguredKind => ({
    hasChain: useRefreshToken,
    chainFallback: useRefreshToken ? 'start-again' : 'none',
    prepare: (credentials) => prepare(credentials, useRefreshToken),
  }),
});

function prepare(credentials: Credentials, useRefreshToken: boolean): Result<PreparedKind> {
  const apiKey = requireCredential(credentials, 'apiKey');
  if (!apiKey.ok) return apiKey;
  const apiSecret = requireCredential(credentials, 'apiSecret');
  if (!apiSecret.ok) return apiSecret;
  const spentToken = (context: RequestContext): SecretText | undefined =>
    useRefreshToken ? usableRefreshToken(context) : undefined;
  return succeed({
    buildRequest: (context) => {
      const refreshToken = spentToken(context);
      const body =
        refreshToken === undefined
          ? { api_key: apiKey.value.reveal(), api_secret: apiSecret.value.reveal() }
          : { refresh_token: refreshToken.reveal() };
      const path = refreshToken === undefined ? '/v1/auth/token' : '/v1/auth/refresh';
      return { method: 'POST', path, headers: {}, body: JSON.stringify(body) };
    },
    parseResponse: (response, context) =>
      parseResponse(response, context, { credentials, spentToken: spentToken(context), useRefreshToken }),
    salvageRefreshToken: (response) => {
      const answer = parseAnswer(response);
      return isSuccess(response, answer)
        ? salvageRefresh(response, refreshFieldsOf(objectIn(answer, 'data'), useRefreshToken))
        : undefined;
    },
  });
}

interface Presented {
  readonly credentials: Credentials;
  readonly spentToken: SecretText | undefined;
  readonly useRefreshToken: boolean;
}

function parseResponse(
  response: TokenResponse,
  context: RequestContext,
  { credentials, spentToken, useRefreshToken }: Presented,
): Result<FetchedToken> {
  const answer = parseAnswer(response);
  const secrets = [...credentials.values(), ...(spentToken === undefined ? [] : [spentToken])];
  if (isSuccessStatus(response.status) && answer === undefined) return notAnObject(response);
  if (!isSuccess(response, answer)) {
    return fail(classifyError(response, answer, secrets, spentToken !== undefined));
  }
  const data = objectIn(answer, 'data');
  return acceptToken(response, context, {
    accessToken: { field: 'data.access_token', value: data['access_token'] },
    tokenType: data['token_type'],
    expiry: { field: 'data.expires_in', value: data['expires_in'] },
    beside: data,
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: refreshFieldsOf(data, useRefreshToken),
    secrets,
  });
}

/** `success: false` and `error` count more than the HTTP status. */
function isSuccess(response: TokenResponse, answer: JsonObject | undefined): boolean {
  const saysNo = /^(?:false|0)$/i.test(String(answer?.['success'])) || statesError(answer);
  return isSuccessStatus(response.status) && !saysNo;
}

function refreshFieldsOf(data: JsonObject, useRefreshToken: boolean): RefreshTokenFields | undefined {
  if (!useRefreshToken) return undefined;
  return {
    token: data['refresh_token'],
    expiry: { field: 'data.refresh_token', value: REFRESH_TOKEN_LIFETIME_SECONDS },
  };
}

function classifyError(
  response: TokenResponse,
  answer: JsonObject | undefined,
  secrets: readonly SecretText[],
  hasSpentRefreshToken: boolean,
): Failure {
  const error = objectIn(answer, 'error');
  const said = readStatement(answer, secrets);
  const status = statusOf(response, answer, error['code']);
  // The refresh token is all that such a request presents, so it is what a 401 rejects; a page for people rejects nothing.
  if (status === 401 && hasSpentRefreshToken && answer !== undefined)
    return chainBroken(describeAnswer(response, said));
  const retryAfterMs = status === 429 ? readWait(response, error) : undefined;
  return classifyStatus({ response, status, said, credentialNames: 'apiKey and apiSecret', retryAfterMs });
}

/** The status that an error code stands for; it counts also when the HTTP status is 200. */
function statusOf(response: TokenResponse, answer: JsonObject | undefined, code: unknown): number {
  switch (code) {
    case 'INVALID_CREDENTIALS':
    case 'INVALID_REFRESH_TOKEN':
    case 'INVALID_TOKEN':
    case 'EXPIRED_TOKEN':
    case 'REVOKED_TOKEN':
      return 401;
    case 'RATE_LIMIT_EXCEEDED':
      return 429;
    default:
      return impliedStatus(response, answer);
  }
}

/** `error.retry_after` (seconds), `X-RateLimit-Reset` (Unix seconds) and `Retry-After`: the longest of them. */
function readWait(response: TokenResponse, error: JsonObject): number | undefined {
  const nowMs = providerNowMs(response);
  return longestWait(
    parseRetryAfterSeconds(error['retry_after'], nowMs),
    parseRateLimitReset(response.headers.get('x-ratelimit-reset'), nowMs),
    parseRetryAfter(response.headers.get('retry-after'), nowMs),
  );
}
