/** PIK: `POST /auth/token` with `appId` and `appSecret` in the body; a JWT for 30 minutes. */
import { createJwtMint, toSeconds } from './issued-text.ts';
import { type Grant, TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { Upstream, UpstreamContext } from './upstream.ts';

export const PIK_LIFETIME_MS = 1_800_000;

export interface PikCredentials {
  readonly appId: string;
  readonly appSecret: string;
}

/** `expireTime` is documented as "string" and no more, so all of these may be met. */
export const EXPIRE_TIME_FORMATS = ['iso', 'epoch-seconds', 'epoch-ms', 'seconds'] as const;

export interface PikOptions {
  readonly credentials: PikCredentials;
  /** `iso` by default. */
  readonly expireTimeFormat?: (typeof EXPIRE_TIME_FORMATS)[number];
  /**
   * HTTP status of an answer to wrong credentials. Only 200 and 500 are documented, so it is one of these; the
   * envelope's `code` is 401 both times. 500 by default.
   */
  readonly rejectionStatus?: 200 | 500;
}

export function createPik(context: UpstreamContext, options: PikOptions): Upstream {
  const { credentials, expireTimeFormat = 'iso', rejectionStatus = 500 } = options;
  const ledger = new TokenLedger();
  const mintJwt = createJwtMint(context.random);

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, ['/auth/token']);
      if (!read.ok) return answerJson(read.status, describeError(read.status, read.reason), statedNowMs);
      const { appId, appSecret } = read.body;
      const isKnown = appId === credentials.appId && appSecret === credentials.appSecret;
      if (!isKnown || distortion.rejectsCredentials) {
        return answerJson(rejectionStatus, describeError(401, 'invalid appId or appSecret'), statedNowMs);
      }
      const grant = ledger.grant(appId, nowMs, context.lifetimeMs, distortion, (claims) =>
        mintJwt(appId, claims),
      );
      context.onSecretIssued?.(grant.token);
      const data = { token: grant.token, expireTime: formatExpireTime(grant, expireTimeFormat) };
      return answerJson(200, { code: 200, message: 'success', data }, statedNowMs);
    },
    describeError: (status, { message = 'system error' } = {}) => describeError(status, message),
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

function describeError(code: number, message: string): string {
  return JSON.stringify({ code, message, data: null });
}

function formatExpireTime(
  { statedNowMs, statedLifetimeMs }: Grant,
  format: (typeof EXPIRE_TIME_FORMATS)[number],
): string | undefined {
  if (statedLifetimeMs === undefined) return undefined;
  const expiresAtMs = statedNowMs + statedLifetimeMs;
  switch (format) {
    case 'iso':
      return new Date(expiresAtMs).toISOString();
    case 'epoch-seconds':
      return String(toSeconds(expiresAtMs));
    case 'epoch-ms':
      return String(expiresAtMs);
    case 'seconds':
      return String(toSeconds(statedLifetimeMs));
  }
}
