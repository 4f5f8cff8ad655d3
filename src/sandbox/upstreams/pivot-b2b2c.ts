/**
 * Pivot's B2B2C token: `POST /open-api/v1/access-token/b2b2c` with SNAP headers, one token per customer.
 *
 * How its refresh tokens behave is not documented; this is the strictest reading. Each is good for one use. Presenting
 * a spent one revokes everything the customer has (RFC 9700, 4.14.2) until a login with the binding id alone.
 */
import { mintOpaqueText, toJakartaTime } from './issued-text.ts';
import { RefreshTokenChain } from './refresh-token-chain.ts';
import {
  badField,
  describeSnapProblem,
  findSnapProblem,
  missingField,
  SNAP_UNAUTHORIZED,
  type SnapClient,
  type SnapProblem,
} from './snap-verifier.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { Upstream, UpstreamContext } from './upstream.ts';

export const PIVOT_B2B2C_LIFETIME_MS = 900_000;
export const PIVOT_B2B2C_REFRESH_TOKEN_LIFETIME_MS = 86_400_000;

export interface PivotB2b2cOptions extends SnapClient {
  readonly bindingIds: readonly string[];
  /** Less than the access token's life makes the refresh token die first, as in Pivot's own sample. */
  readonly refreshTokenLifetimeMs: number;
}

const INVALID_TOKEN: SnapProblem = { status: 401, caseNumber: '01', message: 'Invalid Token (B2B2C)' };

export function createPivotB2b2c(context: UpstreamContext, options: PivotB2b2cOptions): Upstream {
  const ledger = new TokenLedger();
  const chain = new RefreshTokenChain();

  /** Whose token to issue, after spending the refresh token that pays for it. */
  const authorize = (
    grantType: unknown,
    authCode: unknown,
    refreshToken: unknown,
    nowMs: number,
  ): string | SnapProblem => {
    if (grantType !== 'authorization_code' && grantType !== 'refresh_token') return badField('grantType');
    const hasAuthCode = typeof authCode === 'string' && authCode !== '';
    const hasRefreshToken = typeof refreshToken === 'string' && refreshToken !== '';
    if (grantType === 'authorization_code' && !hasAuthCode) return missingField('authCode');
    if (grantType === 'refresh_token' && !hasRefreshToken) return missingField('refreshToken');
    const bindingId = hasAuthCode ? authCode : hasRefreshToken ? chain.ownerOf(refreshToken) : undefined;
    if (bindingId === undefined) return INVALID_TOKEN;
    if (!options.bindingIds.includes(bindingId)) return SNAP_UNAUTHORIZED;
    if (hasRefreshToken) {
      const presented = chain.inspect(refreshToken, bindingId, nowMs);
      if (presented === 'spent') {
        chain.spendAll(bindingId);
        ledger.revoke(bindingId);
      }
      if (presented !== 'current') return INVALID_TOKEN;
    }
    // A new login starts a new chain, so what is left of the old one counts as spent.
    chain.spendAll(bindingId);
    return bindingId;
  };

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, ['/open-api/v1/access-token/b2b2c']);
      if (!read.ok) return answerJson(read.status, describeError(read.status, read.reason), statedNowMs);
      const { grantType, authCode, refreshToken } = read.body;
      const outcome =
        findSnapProblem(request, options, statedNowMs) ??
        (distortion.rejectsCredentials ? SNAP_UNAUTHORIZED : undefined) ??
        authorize(grantType, authCode, refreshToken, nowMs);
      if (typeof outcome !== 'string') {
        return answerJson(outcome.status, describeSnapProblem('74', outcome), statedNowMs);
      }
      const grant = ledger.grant(outcome, nowMs, context.lifetimeMs, distortion, () =>
        mintOpaqueText(context.random, 'b2b2c'),
      );
      const nextRefreshToken = mintOpaqueText(context.random, 'rtb2b2c');
      chain.add(nextRefreshToken, outcome, nowMs + options.refreshTokenLifetimeMs);
      context.onSecretIssued?.(grant.token);
      context.onSecretIssued?.(nextRefreshToken);
      const expiry =
        grant.statedLifetimeMs === undefined
          ? {}
          : { accessTokenExpiryTime: toJakartaTime(statedNowMs + grant.statedLifetimeMs) };
      const answer = {
        accessToken: grant.token,
        ...expiry,
        refreshToken: nextRefreshToken,
        refreshTokenExpiryTime: toJakartaTime(statedNowMs + options.refreshTokenLifetimeMs),
        responseCode: '2007400',
        responseMessage: 'Successful',
        tokenType: 'Bearer',
      };
      return answerJson(200, answer, statedNowMs);
    },
    describeError: (status, { message = 'General Error' } = {}) => describeError(status, message),
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

function describeError(status: number, message: string): string {
  return describeSnapProblem('74', { status, caseNumber: '00', message });
}
