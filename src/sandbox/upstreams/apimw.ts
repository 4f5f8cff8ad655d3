/**
 * APIMW: `POST /v1/auth/token` with key and secret, or `POST /v1/auth/refresh` with a single-use refresh token that
 * lives 30 days; a JWT for an hour.
 */
import { defineUpstream, type Exchange } from './define-upstream.ts';
import { createJwtMint, mintOpaqueText, statedSeconds } from './issued-text.ts';
import { RefreshTokenChain } from './refresh-token-chain.ts';
import type { ErrorDetail } from './upstream.ts';

const TOKEN_PATH = '/v1/auth/token';
const REFRESH_PATH = '/v1/auth/refresh';

interface Rejection {
  readonly code: string;
  readonly message: string;
}

export const APIMW = defineUpstream({
  name: 'apimw',
  credentials: { apiKey: 'ak_test_', apiSecret: 'sk_test_' },
  lifetimeMs: 3_600_000,
  refreshTokenLifetimeMs: 30 * 86_400_000,
  paths: [TOKEN_PATH, REFRESH_PATH],
  create: ({ reveal, random, refreshTokenLifetimeMs }) => {
    const apiKey = reveal('apiKey');
    const chain = new RefreshTokenChain();
    const mintJwt = createJwtMint(random);

    /** Why the request gets no token; spends the refresh token when it does. */
    const reject = ({ request, body, nowMs, rejectsCredentials }: Exchange): Rejection | undefined => {
      if (request.path === TOKEN_PATH) {
        const isKnown = body['api_key'] === apiKey && body['api_secret'] === reveal('apiSecret');
        return isKnown && !rejectsCredentials ? undefined : INVALID_CREDENTIALS;
      }
      const refreshToken = body['refresh_token'];
      const isCurrent =
        typeof refreshToken === 'string' && chain.inspect(refreshToken, apiKey, nowMs) === 'current';
      if (!isCurrent || rejectsCredentials) return INVALID_REFRESH_TOKEN;
      chain.spend(refreshToken);
      return undefined;
    };

    return {
      answer: (exchange) => {
        const { nowMs, grant, issue, reply } = exchange;
        const rejection = reject(exchange);
        if (rejection !== undefined) return reply(401, { success: false, error: rejection });
        const granted = grant(apiKey, (claims) => mintJwt(apiKey, claims));
        const refreshToken = issue(mintOpaqueText(random, 'rt_'));
        chain.add(refreshToken, apiKey, nowMs + refreshTokenLifetimeMs);
        const data = {
          access_token: granted.token,
          token_type: 'Bearer',
          expires_in: statedSeconds(granted),
          refresh_token: refreshToken,
        };
        return reply(200, { success: true, data });
      },
      describeError,
      describeProblem: describeError,
    };
  },
});

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
