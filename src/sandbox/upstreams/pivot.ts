/** Pivot's merchant login: `POST /v1/access-token` with id and secret in headers; an opaque token for 15 minutes. */
import { mintOpaqueText, toSeconds } from './issued-text.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { Upstream, UpstreamContext } from './upstream.ts';

export const PIVOT_LIFETIME_MS = 900_000;

export interface PivotCredentials {
  readonly merchantId: string;
  readonly merchantSecret: string;
}

export function createPivot(context: UpstreamContext, credentials: PivotCredentials): Upstream {
  const ledger = new TokenLedger();

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, ['/v1/access-token']);
      if (!read.ok) return answerJson(read.status, describeError(read.status, read.reason), statedNowMs);
      const merchantId = request.headers.get('x-merchant-id');
      const isKnown =
        merchantId === credentials.merchantId &&
        request.headers.get('x-merchant-secret') === credentials.merchantSecret;
      if (!isKnown || distortion.rejectsCredentials) {
        return answerJson(401, describeError(401, 'Unauthorized'), statedNowMs);
      }
      if (read.body['grantType'] !== 'client_credentials') {
        return answerJson(400, describeError(400, 'Invalid Field Format grantType'), statedNowMs);
      }
      const grant = ledger.grant(merchantId, nowMs, context.lifetimeMs, distortion, () =>
        mintOpaqueText(context.random, 'pivot'),
      );
      context.onSecretIssued?.(grant.token);
      const expiry =
        grant.statedLifetimeMs === undefined ? {} : { expiresIn: String(toSeconds(grant.statedLifetimeMs)) };
      const data = { accessToken: grant.token, ...expiry, tokenType: 'Bearer' };
      return answerJson(200, { code: '00', message: 'Successful', data }, statedNowMs);
    },
    describeError: (status, { message = 'General Error' } = {}) => describeError(status, message),
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

function describeError(status: number, message: string): string {
  return JSON.stringify({ code: String(status), message });
}
