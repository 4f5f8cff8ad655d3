/** Errors as RFC 6749 (5.2) and its relatives name them, which APIs of other forms send too, with whatever status. */
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import type { TokenResponse } from './provider.ts';
import { isSuccessStatus } from './response-status.ts';

/** The status that says the same. */
const STATUS_BY_ERROR: ReadonlyMap<string, number> = new Map([
  ['invalid_client', 401],
  ['unauthorized_client', 401],
  ['access_denied', 401],
  ['invalid_grant', 401],
  ['invalid_token', 401],
  ['invalid_credentials', 401],
  ['bad_refresh_token', 401],
  ['invalid_refresh_token', 401],
  ['interaction_required', 401],
  ['login_required', 401],
  ['consent_required', 401],
  ['invalid_request', 400],
  ['invalid_scope', 400],
  ['invalid_target', 400],
  ['unsupported_grant_type', 400],
  ['unsupported_response_type', 400],
  ['slow_down', 429],
  ['rate_limit_exceeded', 429],
  ['too_many_requests', 429],
  ['server_error', 500],
  ['temporarily_unavailable', 503],
]);

/** Statuses that say less than an error's name: sent for everything, or for any refusal. */
const VAGUE: ReadonlySet<number> = new Set([400, 401, 403, 500]);

/**
 * The status to classify an answer by that is no success: the one that its `error` stands for, or its own. An error
 * without a known name that comes with a success is a deliberate no (400): asking every few seconds might lock the account.
 */
export function impliedStatus({ status }: TokenResponse, answer: JsonObject | undefined): number {
  const isSuccess = isSuccessStatus(status);
  const named = isSuccess || VAGUE.has(status) ? STATUS_BY_ERROR.get(errorName(answer)) : undefined;
  // 401 and 403 say more than "invalid request".
  if (named !== undefined && (named !== 400 || isSuccess || status === 400)) return named;
  return isSuccess ? 400 : status;
}

/** True when the answer has an `error` that is not empty. */
export function statesError(answer: JsonObject | undefined): boolean {
  const error = answer?.['error'];
  return isJsonObject(error) ? Object.keys(error).length > 0 : errorName(answer) !== '';
}

/**
 * A refresh token, a code or a password was refused, and not the client: RFC 6749 (5.2), then GitHub and Slack, then
 * OpenID Connect Core (3.1.2.6), which Microsoft Entra ID answers to a refresh token whose user has to sign in again.
 */
const REFUSED_GRANTS: ReadonlySet<string> = new Set([
  'invalid_grant',
  'bad_refresh_token',
  'invalid_refresh_token',
  'interaction_required',
  'login_required',
  'consent_required',
]);

export function isInvalidGrant(answer: JsonObject | undefined): boolean {
  return REFUSED_GRANTS.has(errorName(answer));
}

function errorName(answer: JsonObject | undefined): string {
  const error = answer?.['error'];
  const name = isJsonObject(error) ? error['code'] : error;
  return typeof name === 'string' ? name.trim().toLowerCase() : '';
}
