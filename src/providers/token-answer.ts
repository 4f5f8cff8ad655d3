/** From the fields of a successful answer to a `FetchedToken`, the same for all kinds. */
import { decideExpiry, readRefreshTokenExpiry } from '../core/expiry.ts';
import { isJsonObject, type JsonObject, parseJson } from '../core/json.ts';
import { type Failed, fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import type { FetchedToken, RefreshTokenGrant } from '../core/token.ts';
import type { TokenResponse } from './provider.ts';
import type { ProviderStatement } from './provider-text.ts';
import { describeAnswer } from './response-status.ts';

/** A value of an answer and the name it has there, for messages. */
export interface AnswerField {
  readonly field: string;
  readonly value: unknown;
}

/** The refresh token of an answer, for kinds with a chain. */
export interface RefreshTokenFields {
  readonly token: unknown;
  readonly expiry: AnswerField;
}

export interface TokenFields {
  readonly accessToken: AnswerField;
  readonly tokenType: unknown;
  readonly expiry: AnswerField;
  readonly documentedLifetimeSeconds: number;
  /** `undefined` for kinds without a chain. */
  readonly refresh: RefreshTokenFields | undefined;
}

/** What a header can carry without quoting; RFC 6750, 2.1 allows less, real tokens use more. */
const USABLE_TOKEN = /^[\x21-\x7e]+$/;
/** An HTTP authentication scheme (RFC 9110, 5.6.2). */
const TOKEN_TYPE = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const NOTHING_SAID: ProviderStatement = { code: undefined, message: undefined };

/** The answer's JSON object; `undefined` when it is anything else. */
export function parseAnswer(response: TokenResponse): JsonObject | undefined {
  const answer = parseJson(response.body.reveal());
  return isJsonObject(answer) ? answer : undefined;
}

/** The named object inside an answer; an empty one when there is none. */
export function objectIn(answer: JsonObject | undefined, name: string): JsonObject {
  const value = answer?.[name];
  return isJsonObject(value) ? value : {};
}

/** Checks a successful answer's fields and decides the expiry; fails with `response-malformed` or `clock-skewed`. */
export function acceptToken(response: TokenResponse, fields: TokenFields): Result<FetchedToken> {
  const { field, value } = fields.accessToken;
  if (typeof value !== 'string' || value === '') return malformed(response, `without a token in ${field}`);
  if (!USABLE_TOKEN.test(value)) {
    return malformed(response, `with a token in ${field} that holds white space or non-ASCII characters`);
  }
  const accessToken = new SecretText(value);
  const { sentAtMs, receivedAtMs, clockSkewMs } = response;
  const expiry = decideExpiry({
    endpoint: describeAnswer(response, NOTHING_SAID),
    ...fields.expiry,
    accessToken,
    documentedLifetimeSeconds: fields.documentedLifetimeSeconds,
    sentAtMs,
    receivedAtMs,
    clockSkewMs,
  });
  if (!expiry.ok) return expiry;
  const tokenType = parseTokenType(fields.tokenType);
  const refresh = readRefreshToken(response, fields.refresh);
  return succeed({
    accessToken,
    tokenType: tokenType.name,
    issuedAtMs: sentAtMs,
    issuedAtMonotonicMs: response.sentAtMonotonicMs,
    expiresAtMs: expiry.value.expiresAtMs,
    expiresInSeconds: expiry.value.expiresInSeconds,
    refreshToken: refresh.token,
    refreshTokenExpiresAtMs: refresh.expiresAtMs,
    notes: [...expiry.value.notes, ...tokenType.notes, ...refresh.notes],
  });
}

/** The refresh token of a successful answer whose access token is of no use; `undefined` when there is none. */
export function salvageRefresh(
  response: TokenResponse,
  refresh: RefreshTokenFields | undefined,
): RefreshTokenGrant | undefined {
  const { token, expiresAtMs } = readRefreshToken(response, refresh);
  if (token === undefined) return undefined;
  return { refreshToken: token, refreshTokenExpiresAtMs: expiresAtMs, issuedAtMs: response.sentAtMs };
}

/** @param what continues `POST … answered 200`: `without a token in data.token` */
export function malformed(response: TokenResponse, what: string): Failed {
  return fail({
    code: 'response-malformed',
    retry: 'backoff',
    message: `${describeAnswer(response, NOTHING_SAID)} ${what}: check that baseUrl is this provider's token API`,
  });
}

function parseTokenType(value: unknown): { readonly name: string; readonly notes: readonly string[] } {
  if (typeof value === 'string' && TOKEN_TYPE.test(value)) return { name: value, notes: [] };
  const isMissing = value === undefined || value === null || value === '';
  return { name: 'Bearer', notes: isMissing ? [] : ['token type unusable, assumed Bearer'] };
}

interface RefreshTokenReading {
  readonly token: SecretText | undefined;
  readonly expiresAtMs: number | undefined;
  readonly notes: readonly string[];
}

function readRefreshToken(
  response: TokenResponse,
  refresh: RefreshTokenFields | undefined,
): RefreshTokenReading {
  if (refresh === undefined || typeof refresh.token !== 'string' || refresh.token === '') {
    return { token: undefined, expiresAtMs: undefined, notes: [] };
  }
  const expiry = readRefreshTokenExpiry({ ...response, ...refresh.expiry });
  return { token: new SecretText(refresh.token), ...expiry };
}
