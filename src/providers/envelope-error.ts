/**
 * Errors of APIs that wrap their answers as `{ code, message, data }` and document no error codes (PIK, Pivot's
 * merchant login): the HTTP status alone cannot be trusted, bad credentials may come with 200 or 500.
 */
import type { Failure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import type { SecretText } from '../core/secret-text.ts';
import { impliedStatus, statesError } from './oauth-error.ts';
import type { TokenResponse } from './provider.ts';
import { readStatement } from './provider-text.ts';
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

/** Zeros, a status of success (SNAP's too), or a word for it. */
const SUCCESS_CODE = /^(?:0+|2\d\d(?:\d{4})?|ok|true|success|successful|succeeded)$/i;

/** Whether an envelope says that the call succeeded; `undefined` when it has no code. */
export function isSuccessCode(code: unknown): boolean | undefined {
  if (code === undefined || code === null) return undefined;
  const text = typeof code === 'number' || typeof code === 'boolean' ? String(code) : code;
  return typeof text === 'string' && SUCCESS_CODE.test(text.trim());
}

/** Classifies an answer that is not a success by its HTTP status, its `code` and its `message`. */
export function classifyEnvelopeError({
  response,
  answer,
  credentialNames,
  secrets,
}: EnvelopeError): Failure {
  const said = readStatement(answer, secrets);
  const stated = Number(answer?.['code']);
  const hasStatedStatus = Number.isInteger(stated) && stated >= 400 && stated <= 599;
  const isVague = isSuccessStatus(response.status) || response.status === 500;
  const byStatus = (status: number): Failure => classifyStatus({ response, status, said, credentialNames });
  // Only a vague HTTP status is overruled: a proxy's 503 is a 503, whatever its body says.
  if (!isVague || (!hasStatedStatus && statesError(answer))) return byStatus(impliedStatus(response, answer));
  const message = answer?.['message'];
  const isServerError = hasStatedStatus && stated > 500;
  if (!isServerError && typeof message === 'string' && ABOUT_CREDENTIALS.test(message)) {
    return credentialsRejected(describeAnswer(response, said), credentialNames, response.clockSkewMs);
  }
  if (response.status === 500)
    return byStatus(stated === 401 || stated === 403 || stated === 429 ? stated : 500);
  // HTTP 200 with a code that nobody documents is a deliberate "no": asking every few seconds might lock the account.
  return byStatus(hasStatedStatus ? stated : 400);
}
