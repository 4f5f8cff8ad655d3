import type { Failure } from '../core/failure.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { RequestContext } from './provider.ts';

/**
 * The refresh token that a request can spend: the newest one, unless it has expired. Depends on its argument alone, so
 * that the parser of an answer knows what the request presented.
 */
export function usableRefreshToken({ chain, nowMs }: RequestContext): SecretText | undefined {
  if (chain === undefined) return undefined;
  const { refreshToken, refreshTokenExpiresAtMs } = chain;
  return refreshTokenExpiresAtMs !== undefined && refreshTokenExpiresAtMs <= nowMs ? undefined : refreshToken;
}

/** The provider no longer takes the newest refresh token. @param answered from `describeAnswer` */
export function chainBroken(answered: string): Failure {
  return {
    code: 'chain-broken',
    retry: 'needs-human',
    message: `${answered}: the refresh token is spent, expired or revoked; a login without it starts a new chain`,
  };
}
