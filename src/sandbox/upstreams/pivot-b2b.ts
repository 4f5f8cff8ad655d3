/** Pivot's B2B token: `POST /open-api/v1/access-token/b2b` with SNAP headers; an opaque token for 15 minutes. */
import { mintOpaqueText, toSeconds } from './issued-text.ts';
import {
  badField,
  describeSnapProblem,
  findSnapProblem,
  SNAP_UNAUTHORIZED,
  type SnapClient,
} from './snap-verifier.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { Upstream, UpstreamContext } from './upstream.ts';

export const PIVOT_B2B_LIFETIME_MS = 900_000;

export function createPivotB2b(context: UpstreamContext, client: SnapClient): Upstream {
  const ledger = new TokenLedger();

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const read = readTokenRequest(request, ['/open-api/v1/access-token/b2b']);
      if (!read.ok) return answerJson(read.status, describeError(read.status, read.reason), statedNowMs);
      const problem =
        findSnapProblem(request, client, statedNowMs) ??
        (distortion.rejectsCredentials ? SNAP_UNAUTHORIZED : undefined) ??
        (read.body['grantType'] === 'client_credentials' ? undefined : badField('grantType'));
      if (problem !== undefined) {
        return answerJson(problem.status, describeSnapProblem('73', problem), statedNowMs);
      }
      const grant = ledger.grant(client.clientId, nowMs, context.lifetimeMs, distortion, () =>
        mintOpaqueText(context.random, 'b2b'),
      );
      context.onSecretIssued?.(grant.token);
      const expiry =
        grant.statedLifetimeMs === undefined ? {} : { expiresIn: String(toSeconds(grant.statedLifetimeMs)) };
      const answer = { accessToken: grant.token, tokenType: 'Bearer', ...expiry };
      return answerJson(
        200,
        { responseCode: '2007300', responseMessage: 'Successful', ...answer },
        statedNowMs,
      );
    },
    describeError: (status, { message = 'General Error' } = {}) => describeError(status, message),
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

function describeError(status: number, message: string): string {
  return describeSnapProblem('73', { status, caseNumber: '00', message });
}
