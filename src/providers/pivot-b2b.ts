/**
 * Pivot's B2B token: `POST /open-api/v1/access-token/b2b` with SNAP headers and `{ grantType, additionalInfo }` ->
 * `{ responseCode: "2007300", responseMessage, accessToken, tokenType, expiresIn: "900" }`.
 *
 * Source: Pivot's documentation, "Authentication". (Its pattern `yyyy-MMddTHH:mm:ssTZD` is a misprint of
 * `yyyy-MM-dd'T'HH:mm:ssXXX`.)
 */
import { z } from 'zod';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { parseAnswer } from './answer-body.ts';
import {
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { isSuccessStatus } from './response-status.ts';
import {
  buildSnapHeaders,
  prepareSigner,
  SNAP_CREDENTIALS,
  type SnapOptions,
  snapOptionShape,
  spellGrant,
} from './snap.ts';
import { classifySnapError, isSnapSuccess } from './snap-answer.ts';
import { acceptToken, notAnObject } from './token-answer.ts';

const LIFETIME_SECONDS = 900;

export const pivotB2b = defineKind({
  kind: 'pivot-b2b',
  description: 'Pivot SNAP B2B: clientId and an RSA key, a token for 15 minutes',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: 'https://api.pivot-payment.com',
  credentials: SNAP_CREDENTIALS,
  customerCredentials: undefined,
  options: z.strictObject(snapOptionShape('/open-api/v1/access-token/b2b')),
  configure: (options) => ({
    hasChain: false,
    chainFallback: 'none',
    prepare: (credentials) => prepare(credentials, options),
  }),
});

function prepare(credentials: Credentials, options: SnapOptions): Result<PreparedKind> {
  const signer = prepareSigner(credentials, options);
  if (!signer.ok) return signer;
  const body = JSON.stringify({ ...spellGrant('client_credentials', options), additionalInfo: {} });
  return succeed({
    buildRequest: async ({ nowMs }) => ({
      method: 'POST',
      path: options.path,
      headers: await buildSnapHeaders(signer.value, nowMs, options.timestampFormat),
      body,
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
  if (answer === undefined && isSuccessStatus(response.status)) {
    return notAnObject(response);
  }
  if (!isSnapSuccess(response, answer)) {
    return fail(classifySnapError({ response, answer, secrets, hasSpentRefreshToken: false }));
  }
  return acceptToken(response, context, {
    accessToken: { field: 'accessToken', value: answer?.['accessToken'] },
    tokenType: answer?.['tokenType'],
    expiry: { field: 'expiresIn', value: answer?.['expiresIn'] },
    beside: answer ?? {},
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: undefined,
    secrets,
  });
}
