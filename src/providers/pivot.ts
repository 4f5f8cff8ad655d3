/**
 * Pivot's merchant login: `POST /v1/access-token` with `X-MERCHANT-ID` and `X-MERCHANT-SECRET` and
 * `{ grantType: "client_credentials" }` -> `{ code: "00", message, data: { accessToken, expiresIn: "900", tokenType } }`.
 *
 * Source: public integrations of Pivot (there is no page on it in Pivot's SNAP documentation).
 */
import { z } from 'zod';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { objectIn, parseAnswer } from './answer-body.ts';
import { requireHeaderCredential } from './credential-value.ts';
import { classifyEnvelopeError, isSuccessCode } from './envelope-error.ts';
import { statesError } from './oauth-error.ts';
import {
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { isSuccessStatus } from './response-status.ts';
import { acceptToken, notAnObject } from './token-answer.ts';

const LIFETIME_SECONDS = 900;

export const pivot = defineKind({
  kind: 'pivot',
  description: 'Pivot merchant login: merchantId and merchantSecret, a token for 15 minutes',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: 'https://api.pivot-payment.com',
  credentials: {
    merchantId: { description: 'merchant id, sent as X-MERCHANT-ID' },
    merchantSecret: { description: 'merchant secret, sent as X-MERCHANT-SECRET' },
  },
  customerCredentials: undefined,
  options: z.strictObject({}),
  configure: () => ({ hasChain: false, chainFallback: 'none', prepare }),
});

function prepare(credentials: Credentials): Result<PreparedKind> {
  const merchantId = requireHeaderCredential(credentials, 'merchantId');
  if (!merchantId.ok) return merchantId;
  const merchantSecret = requireHeaderCredential(credentials, 'merchantSecret');
  if (!merchantSecret.ok) return merchantSecret;
  return succeed({
    buildRequest: () => ({
      method: 'POST',
      path: '/v1/access-token',
      headers: {
        'x-merchant-id': merchantId.value.reveal(),
        'x-merchant-secret': merchantSecret.value.reveal(),
      },
      body: JSON.stringify({ grantType: 'client_credentials' }),
    }),
    parseResponse: (response, context) => parseResponse(response, context, [...credentials.values()]),
  });
}

function parseResponse(
  response: TokenResponse,
  context: RequestContext,
  secrets: readonly SecretText[],
): Result<FetchedToken> {
  const answer = parseAnswer(response);
  const isOk = isSuccessStatus(response.status);
  if (isOk && answer === undefined) return notAnObject(response);
  const data = objectIn(answer, 'data');
  // `code` is known from examples alone: its absence is not held against an answer.
  const isSuccess = isSuccessCode(answer?.['code']) ?? !statesError(answer);
  if (!isOk || !isSuccess) {
    return fail(
      classifyEnvelopeError({ response, answer, credentialNames: 'merchantId and merchantSecret', secrets }),
    );
  }
  return acceptToken(response, context, {
    accessToken: { field: 'data.accessToken', value: data['accessToken'] },
    tokenType: data['tokenType'],
    expiry: { field: 'data.expiresIn', value: data['expiresIn'] },
    beside: data,
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: undefined,
    secrets,
  });
}
