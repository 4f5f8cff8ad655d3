/** PaySecurez: `POST /api/token` with `client_id` and `client_secret` in the body; a JWT for 30 minutes. */
import { createJwtMint, toSeconds } from './issued-text.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { Upstream, UpstreamContext } from './upstream.ts';

export const PAYSECUREZ_LIFETIME_MS = 1_800_000;

export interface PaysecurezCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

export function createPaysecurez(context: UpstreamContext, credentials: PaysecurezCredentials): Upstream {
  const ledger = new TokenLedger();
  const mintJwt = createJwtMint(context.random);

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, ['/api/token']);
      if (!read.ok) return answerJson(read.status, describeError(read.status, read.reason), statedNowMs);
      const clientId = read.body['client_id'];
      const clientSecret = read.body['client_secret'];
      const isKnown = clientId === credentials.clientId && clientSecret === credentials.clientSecret;
      if (!isKnown || distortion.rejectsCredentials) {
        return answerJson(401, describeError(401, 'Unauthorized', 'Invalid client credentials'), statedNowMs);
      }
      const grant = ledger.grant(clientId, nowMs, context.lifetimeMs, distortion, (claims) =>
        mintJwt(clientId, claims),
      );
      context.onSecretIssued?.(grant.token);
      const expiry =
        grant.statedLifetimeMs === undefined ? {} : { expires_in: toSeconds(grant.statedLifetimeMs) };
      return answerJson(200, { access_token: grant.token, ...expiry, token_type: 'Bearer' }, statedNowMs);
    },
    describeError: (status, { message = 'Error' } = {}) => describeError(status, message),
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

function describeError(statusCode: number, message: string, error: string = message): string {
  return JSON.stringify({ statusCode, message, error });
}
