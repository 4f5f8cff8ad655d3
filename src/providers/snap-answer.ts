/**
 * SNAP answers: `responseCode` is HTTP status (3), service (2: 73 = B2B, 74 = B2B2C) and case (2); text, at some banks
 * a number. It counts more than the HTTP status, which gateways put at 200 or 500 for everything.
 *
 * Source: Bank Indonesia's SNAP technical standard, and Pivot's documentation.
 */
import { describeSkew, isSuspectSkew } from '../core/clock-skew.ts';
import type { Failure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import type { SecretText } from '../core/secret-text.ts';
import { chainBroken } from './chain.ts';
import { impliedStatus, isInvalidGrant, statesError } from './oauth-error.ts';
import type { TokenResponse } from './provider.ts';
import { readStatement } from './provider-text.ts';
import { classifyStatus, credentialsRejected, describeAnswer, isSuccessStatus } from './response-status.ts';
import { SNAP_CREDENTIAL_NAMES } from './snap.ts';

/** A `responseCode`, taken apart. */
export interface SnapCode {
  readonly status: number;
  readonly caseNumber: string;
}

const RESPONSE_CODE = /^([1-5]\d\d)\d\d(\d\d)$/;
/** Words with which a refresh token is turned down; SNAP has no case of its own for it. */
const ABOUT_REFRESH_TOKEN = /refresh[ _-]?token|invalid[ _]grant/i;

export function parseSnapCode(value: unknown): SnapCode | undefined {
  const match = RESPONSE_CODE.exec(typeof value === 'number' ? String(value) : asText(value));
  const [, status, caseNumber] = match ?? [];
  return status === undefined || caseNumber === undefined
    ? undefined
    : { status: Number(status), caseNumber };
}

/** True for an HTTP status and a `responseCode` that both say success; without one, for an answer without `error`. */
export function isSnapSuccess(response: TokenResponse, answer: JsonObject | undefined): boolean {
  const code = parseSnapCode(answer?.['responseCode']);
  return (
    isSuccessStatus(response.status) &&
    (code === undefined ? !statesError(answer) : isSuccessStatus(code.status))
  );
}

export interface SnapError {
  readonly response: TokenResponse;
  readonly answer: JsonObject | undefined;
  readonly secrets: readonly SecretText[];
  /** True when the request presented a refresh token. */
  readonly hasSpentRefreshToken: boolean;
}

/** Classifies an answer for which {@link isSnapSuccess} is false. */
export function classifySnapError({ response, answer, secrets, hasSpentRefreshToken }: SnapError): Failure {
  const said = readStatement(answer, secrets);
  const code = parseSnapCode(answer?.['responseCode']);
  const hasErrorCode = code !== undefined && !isSuccessStatus(code.status);
  const status = hasErrorCode ? code.status : impliedStatus(response, answer);
  const caseNumber = hasErrorCode ? code.caseNumber : undefined;
  const answered = describeAnswer(response, said);
  const { clockSkewMs } = response;

  if (status === 400 && caseNumber === '01') return timestampRefused(answered, clockSkewMs);
  const isNamed = namesRefreshToken(status, answer?.['responseMessage']) || isInvalidGrant(answer);
  // While a clock is wrong, a token that is called invalid may be fine.
  const isCoded = status === 401 && caseNumber === '01' && !isSuspectSkew(clockSkewMs);
  if (hasSpentRefreshToken && (isNamed || isCoded)) return chainBroken(answered);
  if (status === 401 && caseNumber === '00') {
    const causes = `${SNAP_CREDENTIAL_NAMES}, that the provider holds the public key and that it allows our IP address`;
    return credentialsRejected(answered, `${causes} (one code covers all of these)`, clockSkewMs);
  }
  return classifyStatus({ response, status, said, credentialNames: SNAP_CREDENTIAL_NAMES });
}

function timestampRefused(answered: string, clockSkewMs: number | undefined): Failure {
  const cause =
    clockSkewMs === undefined
      ? 'the provider refused our timestamp: check time synchronisation (NTP) and timestampFormat'
      : isSuspectSkew(clockSkewMs)
        ? `${describeSkew(clockSkewMs)}: check time synchronisation (NTP)`
        : 'the provider refused our timestamp though the clocks agree: check timestampFormat';
  return { code: 'clock-skewed', retry: 'backoff', message: `${answered}: ${cause}` };
}

function namesRefreshToken(status: number, message: unknown): boolean {
  return [400, 401, 403, 404].includes(status) && ABOUT_REFRESH_TOKEN.test(asText(message));
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
