import type { Failure } from '../core/failure.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { RequestContext } from './provider.ts';
import { isSuccessStatus } from './response-status.ts';

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
    message: `${answered}: the refresh token is spent, expired or revoked`,
  };
}

/**
 * Whether an answer without a usable token may have spent the refresh token that was presented. A provider that says no
 * has spent nothing; a gateway that lost the provider's answer (502, 504), or a success that cannot be read, may hide
 * one that did.
 */
export function isAmbiguousAnswer(status: number, { code }: Failure): boolean {
  if (status === 502 || status === 504) return true;
  return isSuccessStatus(status) && (code === 'response-malformed' || code === 'clock-skewed');
}
