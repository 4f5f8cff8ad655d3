/**
 * PIK: `POST /auth/token` with `{ appId, appSecret }` -> `{ code: 200, message, data: { token, expireTime } }`.
 *
 * Source: PIK's API documentation, "Authentication Token" (2026-05-27). It gives 200 and 500 as the only statuses, the
 * lifetime as 30 minutes, and `expireTime` as "string" in no stated format.
 */
import { z } from 'zod';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { objectIn, parseAnswer } from './answer-body.ts';
import { requireCredential } from './credential-value.ts';
import { classifyEnvelopeError, isSuccessCode } from './envelope-error.ts';
import {
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { isSuccessStatus } from './response-status.ts';
import { acceptToken, notAnObject } from './token-answer.ts';

const LIFETIME_SECONDS = 1800;

export const pik = defineKind({
  kind: 'pik',
  description: 'PIK: appId and appSecret, a JWT for 30 minutes',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: undefined,
  credentials: {
    appId: { description: 'application id, sent as appId' },
    appSecret: { description: 'application secret, sent as appSecret' },
  },
  customerCredentials: undefined,
  options: z.strictObject({}),
  configure: () => ({ hasChain: false, chainFallback: 'none', prepare }),
});

function prepare(credentials: Credentials): Result<PreparedKind> {
  const appId = requireCredential(credentials, 'appId');
  if (!appId.ok) return appId;
  const appSecret = requireCredential(credentials, 'appSecret');
  if (!appSecret.ok) return appSecret;
  return succeed({
    buildRequest: () => ({
      method: 'POST',
      path: '/auth/token',
      headers: {},
      body: JSON.stringify({ appId: appId.value.reveal(), appSecret: appSecret.value.reveal() }),
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
  // An answer without a code may be a "no" that is not documented, unless it brings a token.
  const isSuccess = isSuccessCode(answer?.['code']) ?? data['token'] !== undefined;
  if (!isOk || !isSuccess) {
    return fail(classifyEnvelopeError({ response, answer, credentialNames: 'appId and appSecret', secrets }));
  }
  return acceptToken(response, context, {
    accessToken: { field: 'data.token', value: data['token'] },
    tokenType: undefined,
    expiry: { field: 'data.expireTime', value: data['expireTime'] },
    beside: data,
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: undefined,
    secrets,
  });
}
