/**
 * Errors of APIs that wrap their answers as `{ code, message, data }` and document no error codes (PIK, Pivot's
 * merchant login): the HTTP status alone cannot be trusted, bad credentials may come with 200 or 500.
 */
import type { Failure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { TokenResponse } from './provider.ts';
import { parseStatement } from './provider-text.ts';
import { classifyStatus, credentialsRejected, describeAnswer, isSuccessStatus } from './response-status.ts';

/** Words with which such an API turns a login down. */
const ABOUT_CREDENTIALS =
  /credential|secret|app[ _-]?id|app[ _-]?key|merchant[ _-]?id|unauthori[sz]ed|forbidden/i;

export interface EnvelopeError {
  readonly response: TokenResponse;
  /** `undefined` when the body is no JSON object. */
  readonly answer: JsonObject | undefined;
  /** What to check when credentials are rejected. */
  readonly credentialNames: string;
  readonly secrets: readonly SecretText[];
}

/** Classifies an answer that is not a success by its HTTP status, its `code` and its `message`. */
export function classifyEnvelopeError({
  response,
  answer,
  credentialNames,
  secrets,
}: EnvelopeError): Failure {
  const said = parseStatement(answer?.['code'], answer?.['message'], secrets);
  const stated = Number(answer?.['code']);
  const hasStatedStatus = Number.isInteger(stated) && stated >= 400 && stated <= 599;
  const isVague = isSuccessStatus(response.status) || response.status === 500;
  // Only a vague HTTP status is overruled: a proxy's 503 is a 503, whatever its body says.
  if (!isVague) return classifyStatus({ response, status: response.status, said, credentialNames });
  const message = answer?.['message'];
  const isServerError = hasStatedStatus && stated > 500;
  if (!isServerError && typeof message === 'string' && ABOUT_CREDENTIALS.test(message)) {
    return credentialsRejected(describeAnswer(response, said), credentialNames);
  }
  if (response.status === 500) {
    const status = stated === 401 || stated === 403 || stated === 429 ? stated : 500;
    return classifyStatus({ response, status, said, credentialNames });
  }
  // HTTP 200 with a code that nobody documents is a deliberate "no": asking every few seconds might lock the account.
  return classifyStatus({ response, status: hasStatedStatus ? stated : 400, said, credentialNames });
}
