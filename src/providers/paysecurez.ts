/**
 * PaySecurez: `POST /api/token` with `{ client_id, client_secret }` -> `{ access_token, expires_in: 1800, token_type }`;
 * 401 comes as `{ statusCode, message, error }`.
 *
 * Source: PaySecurez API documentation, "Authentication". It asks not to share tokens between applications: one
 * provider entry per application, each with a secret of its own.
 */
import { z } from 'zod';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { parseAnswer } from './answer-body.ts';
import { requireCredential } from './credential-value.ts';
import { impliedStatus, statesError } from './oauth-error.ts';
import {
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { readStatement } from './provider-text.ts';
import { classifyStatus, isSuccessStatus } from './response-status.ts';
import { acceptToken, notAnObject } from './token-answer.ts';

const LIFETIME_SECONDS = 1800;

export const paysecurez = defineKind({
  kind: 'paysecurez',
  description: 'PaySecurez: clientId and clientSecret, a token for 30 minutes',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: 'https://api.paysecurez.com',
  credentials: {
    clientId: { description: 'client id, sent as client_id' },
    clientSecret: { description: 'client secret, sent as client_secret' },
  },
  customerCredentials: undefined,
  options: z.strictObject({}),
  configure: () => ({ hasChain: false, chainFallback: 'none', prepare }),
});

function prepare(credentials: Credentials): Result<PreparedKind> {
  const clientId = requireCredential(credentials, 'clientId');
  if (!clientId.ok) return clientId;
  const clientSecret = requireCredential(credentials, 'clientSecret');
  if (!clientSecret.ok) return clientSecret;
  return succeed({
    buildRequest: () => ({
      method: 'POST',
      path: '/api/token',
      headers: {},
      body: JSON.stringify({
        client_id: clientId.value.reveal(),
        client_secret: clientSecret.value.reveal(),
      }),
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
  const stated = answer?.['statusCode'];
  const isStatedError = typeof stated === 'number' && stated >= 400 && stated <= 599;
  if (!isOk || (answer?.['access_token'] === undefined && (isStatedError || statesError(answer)))) {
    const said = readStatement(answer, secrets);
    const status = isOk && isStatedError ? stated : impliedStatus(response, answer);
    return fail(classifyStatus({ response, status, said, credentialNames: 'clientId and clientSecret' }));
  }
  return acceptToken(response, context, {
    accessToken: { field: 'access_token', value: answer?.['access_token'] },
    tokenType: answer?.['token_type'],
    expiry: { field: 'expires_in', value: answer?.['expires_in'] },
    beside: answer ?? {},
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: undefined,
    secrets,
  });
}
