/**
 * APIMW: `POST /v1/auth/token` with key and secret, or `POST /v1/auth/refresh` with a single-use refresh token that
 * lives 30 days; a JWT for an hour.
 */
import type { JsonObject } from '../../core/wire/json.ts';
import { createJwtMint, mintOpaqueText, toSeconds } from './issued-text.ts';
import { RateLimit } from './rate-limit.ts';
import { RefreshTokenChain } from './refresh-token-chain.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { ErrorDetail, Upstream, UpstreamContext, UpstreamRequest } from './upstream.ts';

export const APIMW_LIFETIME_MS = 3_600_000;
export const APIMW_REFRESH_TOKEN_LIFETIME_MS = 30 * 86_400_000;

const TOKEN_PATH = '/v1/auth/token';
const REFRESH_PATH = '/v1/auth/refresh';

export interface ApimwCredentials {
  readonly apiKey: string;
  readonly apiSecret: string;
}

export interface ApimwOptions {
  readonly credentials: ApimwCredentials;
  readonly refreshTokenLifetimeMs: number;
  /** True: the free plan's 10 requests a minute, 100 an hour and 1000 a day. False by default. */
  readonly hasRateLimit?: boolean;
}

interface Rejection {
  readonly code: string;
  readonly message: string;
}

export function createApimw(context: UpstreamContext, options: ApimwOptions): Upstream {
  const { credentials, refreshTokenLifetimeMs } = options;
  const ledger = new TokenLedger();
  const chain = new RefreshTokenChain();
  const mintJwt = createJwtMint(context.random);
  const rateLimit = options.hasRateLimit ? new RateLimit() : undefined;

  /** Why the request gets no token; spends the refresh token when it does. */
  const reject = (request: UpstreamRequest, body: JsonObject, nowMs: number): Rejection | undefined => {
    if (request.path === TOKEN_PATH) {
      const isKnown = body['api_key'] === credentials.apiKey && body['api_secret'] === credentials.apiSecret;
      return isKnown ? undefined : INVALID_CREDENTIALS;
    }
    const refreshToken = body['refresh_token'];
    if (
      typeof refreshToken !== 'string' ||
      chain.inspect(refreshToken, credentials.apiKey, nowMs) !== 'current'
    ) {
      return INVALID_REFRESH_TOKEN;
    }
    chain.spend(refreshToken);
    return undefined;
  };

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, [TOKEN_PATH, REFRESH_PATH]);
      if (!read.ok) return answerJson(read.status, describeError(read.status), statedNowMs);
      const retryAfterMs = rateLimit?.take(nowMs) ?? 0;
      if (retryAfterMs > 0) {
        const retryAfterSeconds = Math.ceil(retryAfterMs / 1000);
        const reset = String(toSeconds(statedNowMs) + retryAfterSeconds);
        return answerJson(429, describeError(429, { retryAfterSeconds }), statedNowMs, {
          'x-ratelimit-reset': reset,
        });
      }
      const rejection = distortion.rejectsCredentials
        ? request.path === TOKEN_PATH
          ? INVALID_CREDENTIALS
          : INVALID_REFRESH_TOKEN
        : reject(request, read.body, nowMs);
      if (rejection !== undefined) return answerJson(401, { success: false, error: rejection }, statedNowMs);
      const grant = ledger.grant(credentials.apiKey, nowMs, context.lifetimeMs, distortion, (claims) =>
        mintJwt(credentials.apiKey, claims),
      );
      const refreshToken = mintOpaqueText(context.random, 'rt_');
      chain.add(refreshToken, credentials.apiKey, nowMs + refreshTokenLifetimeMs);
      context.onSecretIssued?.(grant.token);
      context.onSecretIssued?.(refreshToken);
      const expiry =
        grant.statedLifetimeMs === undefined ? {} : { expires_in: toSeconds(grant.statedLifetimeMs) };
      const data = {
        access_token: grant.token,
        token_type: 'Bearer',
        ...expiry,
        refresh_token: refreshToken,
      };
      return answerJson(200, { success: true, data }, statedNowMs);
    },
    describeError,
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

const INVALID_CREDENTIALS: Rejection = {
  code: 'INVALID_CREDENTIALS',
  message: 'Invalid API Key or Secret',
};
const INVALID_REFRESH_TOKEN: Rejection = {
  code: 'INVALID_REFRESH_TOKEN',
  message: 'Invalid or expired refresh token',
};

function describeError(status: number, { message, retryAfterSeconds }: ErrorDetail = {}): string {
  const rejection = rejectionFor(status);
  const retry = retryAfterSeconds === undefined ? {} : { retry_after: retryAfterSeconds };
  return JSON.stringify({
    success: false,
    error: { ...rejection, message: message ?? rejection.message, ...retry },
  });
}

function rejectionFor(status: number): Rejection {
  if (status === 401) return INVALID_CREDENTIALS;
  if (status === 429) return { code: 'RATE_LIMIT_EXCEEDED', message: 'Too many requests' };
  // Only the codes above are documented for the token calls; the rest is what such APIs usually say.
  return status < 500
    ? { code: 'INVALID_REQUEST', message: 'Invalid request' }
    : { code: 'INTERNAL_ERROR', message: 'Internal error' };
}
