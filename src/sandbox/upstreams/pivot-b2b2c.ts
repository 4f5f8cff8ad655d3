/**
 * Pivot's B2B2C token: `POST /open-api/v1/access-token/b2b2c` with SNAP headers, one token per customer.
 *
 * How its refresh tokens behave is not documented; this is the strictest reading. Each is good for one use. Presenting
 * a spent one revokes everything the customer has (RFC 9700, 4.14.2) until a login with the binding id alone.
 */
import { defineUpstream, type Exchange } from './define-upstream.ts';
import { mintOpaqueText, toJakartaTime } from './issued-text.ts';
import { RefreshTokenChain } from './refresh-token-chain.ts';
import {
  badField,
  describeSnapErrors,
  describeSnapProblem,
  findSnapProblem,
  missingField,
  SNAP_CREDENTIALS,
  SNAP_UNAUTHORIZED,
  type SnapProblem,
} from './snap-verifier.ts';

const INVALID_TOKEN: SnapProblem = { status: 401, caseNumber: '01', message: 'Invalid Token (B2B2C)' };

export const PIVOT_B2B2C = defineUpstream({
  name: 'pivot-b2b2c',
  credentials: SNAP_CREDENTIALS,
  lifetimeMs: 900_000,
  // Less than the access token's life makes the refresh token die first, as in Pivot's own sample.
  refreshTokenLifetimeMs: 86_400_000,
  paths: ['/open-api/v1/access-token/b2b2c'],
  create: ({ reveal, random, publicKey, bindingIds, refreshTokenLifetimeMs }) => {
    const chain = new RefreshTokenChain();

    /** Whose token to issue, after spending the refresh token that pays for it. */
    const authorize = ({ body, nowMs, revoke }: Exchange): string | SnapProblem => {
      const { grantType, authCode, refreshToken } = body;
      if (grantType !== 'authorization_code' && grantType !== 'refresh_token') return badField('grantType');
      const hasAuthCode = typeof authCode === 'string' && authCode !== '';
      const hasRefreshToken = typeof refreshToken === 'string' && refreshToken !== '';
      if (grantType === 'authorization_code' && !hasAuthCode) return missingField('authCode');
      if (grantType === 'refresh_token' && !hasRefreshToken) return missingField('refreshToken');
      const bindingId = hasAuthCode ? authCode : hasRefreshToken ? chain.ownerOf(refreshToken) : undefined;
      if (bindingId === undefined) return INVALID_TOKEN;
      if (!bindingIds.includes(bindingId)) return SNAP_UNAUTHORIZED;
      if (hasRefreshToken) {
        const presented = chain.inspect(refreshToken, bindingId, nowMs);
        if (presented === 'spent') {
          chain.spendAll(bindingId);
          revoke(bindingId);
        }
        if (presented !== 'current') return INVALID_TOKEN;
      }
      // A new login starts a new chain, so what is left of the old one counts as spent.
      chain.spendAll(bindingId);
      return bindingId;
    };

    return {
      answer: (exchange) => {
        const { nowMs, statedNowMs, grant, issue, reply } = exchange;
        const client = { clientId: reveal('clientId'), publicKey };
        const outcome = findSnapProblem(exchange, client) ?? authorize(exchange);
        if (typeof outcome !== 'string') return reply(outcome.status, describeSnapProblem('74', outcome));
        const { token, statedLifetimeMs } = grant(outcome, () => mintOpaqueText(random, 'b2b2c'));
        const refreshToken = issue(mintOpaqueText(random, 'rtb2b2c'));
        chain.add(refreshToken, outcome, nowMs + refreshTokenLifetimeMs);
        return reply(200, {
          accessToken: token,
          accessTokenExpiryTime:
            statedLifetimeMs === undefined ? undefined : toJakartaTime(statedNowMs + statedLifetimeMs),
          refreshToken,
          refreshTokenExpiryTime: toJakartaTime(statedNowMs + refreshTokenLifetimeMs),
          responseCode: '2007400',
          responseMessage: 'Successful',
          tokenType: 'Bearer',
        });
      },
      describeError: describeSnapErrors('74'),
    };
  },
});
