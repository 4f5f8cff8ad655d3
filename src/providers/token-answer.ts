/** From the fields of a successful answer to a `FetchedToken`, the same for all kinds. */

import { type Failed, fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { decideExpiry, readRefreshTokenExpiry } from '../core/token/expiry.ts';
import type { FetchedToken, RefreshTokenGrant } from '../core/token/token.ts';
import { parseAge } from '../core/wire/answer-age.ts';
import type { JsonObject } from '../core/wire/json.ts';
import { describeBody } from './answer-body.ts';
import type { RequestContext, TokenResponse } from './provider.ts';
import { NOTHING_SAID } from './provider-text.ts';
import { describeAnswer, responseMalformed } from './response-status.ts';
import { readToken } from './token-text.ts';

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

interface TokenFields {
  readonly accessToken: AnswerField;
  readonly tokenType: unknown;
  readonly expiry: AnswerField;
  /** What else the description names; what it names first has to be right where it is there. */
  readonly otherExpiries: readonly AnswerField[];
  /** The object that holds the token: what it says of the expiry under other names counts too. */
  readonly beside: JsonObject;
  readonly documentedLifetimeSeconds: number;
  /** True when answers are known to say nothing of the expiry. */
  readonly isSilent?: boolean;
  /** `undefined` for kinds without a chain. */
  readonly refresh: RefreshTokenFields | undefined;
  /** What the request presented: none of it is an access token. */
  readonly secrets: readonly SecretText[];
}

/** Checks a successful answer's fields and decides the expiry; fails with `response-malformed` or `clock-skewed`. */
export function acceptToken(
  response: TokenResponse,
  context: Pick<RequestContext, 'lifetimeMs' | 'publishedFingerprint'>,
  fields: TokenFields,
): Result<FetchedToken> {
  const read = readToken(fields);
  if (!read.ok) return malformed(response, read.problem, read.advice);
  const accessToken = read.token;
  const { sentAtMs, receivedAtMs, clockSkewMs } = response;
  const expiry = decideExpiry({
    endpoint: describeAnswer(response, NOTHING_SAID),
    ...fields.expiry,
    others: otherStatements(fields),
    accessToken,
    publishedFingerprint: context.publishedFingerprint,
    documentedLifetimeSeconds: fields.documentedLifetimeSeconds,
    // Beside the token it is there after all.
    isSilent:
      fields.isSilent === true ||
      (fields.expiry.value === undefined && Object.hasOwn(fields.beside, nameOf(fields.expiry))),
    configuredLifetimeSeconds:
      context.lifetimeMs === undefined ? fields.documentedLifetimeSeconds : context.lifetimeMs / 1000,
    sentAtMs,
    receivedAtMs,
    clockSkewMs,
    ageMs: parseAge(response.headers.get('age')),
  });
  if (!expiry.ok) return expiry;
  const tokenType = parseTokenType(fields.tokenType, fields.secrets);
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
    fields: {},
    notes: [...expiry.value.notes, ...read.notes, ...tokenType.notes, ...refresh.notes],
  });
}

/**
 * Other names under which APIs say when a token ends, beside the documented one. A closed set: they are shown in notes.
 * `ext_expires_in` (Azure) is later by design, `refresh_expires_in` is about another token.
 */
const EXPIRY_NAMES: readonly string[] = [
  'expires_in',
  'expiresIn',
  'expire_in',
  'expireIn',
  'expires',
  'expires_at',
  'expiresAt',
  'expire_at',
  'expireAt',
  'expires_on',
  'expiresOn',
  'expiry',
  'expiryTime',
  'expiry_time',
  'expireTime',
  'expire_time',
  'expiry_date',
  'expiryDate',
  '.expires',
  'validUntil',
  'valid_until',
  'expiration',
  'expirationDate',
  'expiration_date',
  'expirationTime',
  'expiration_time',
  'exp',
  'accessTokenExpiryTime',
  'accessTokenExpiresIn',
  'access_token_expires_in',
  'access_token_expires_at',
];

function nameOf({ field }: Pick<AnswerField, 'field'>): string {
  return field.split('.').at(-1) ?? '';
}

function otherStatements({ expiry, otherExpiries, beside }: TokenFields): readonly AnswerField[] {
  const known = new Set(
    [expiry, ...otherExpiries].flatMap(({ field, value }) =>
      value === undefined ? [] : [nameOf({ field })],
    ),
  );
  return [
    ...otherExpiries,
    ...EXPIRY_NAMES.filter((name) => !known.has(name) && Object.hasOwn(beside, name)).map((name) => ({
      field: name,
      value: beside[name],
    })),
  ];
}

/** A shorter credential (an id of a shop) may well be part of an address. */
const TELLING = 8;

/** Whether a text is a secret or holds one. @param text without outer white space, so the secret's own does not count */
export function shows(text: string, secret: SecretText): boolean {
  const bare = secret.reveal().trim();
  return text === bare || (bare.length >= TELLING && text.includes(bare));
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
function malformed(
  response: TokenResponse,
  what: string,
  advice = 'check that this is the address of a token API',
): Failed {
  return fail(responseMalformed(`${describeAnswer(response, NOTHING_SAID)} ${what}: ${advice}`));
}

/** A success without a JSON object. */
export function notAnObject(response: TokenResponse): Failed {
  const answered = `${response.call} answered ${response.status} with ${describeBody(response)}`;
  return fail(responseMalformed(`${answered}: check that this is the address of a token API`));
}

/** An HTTP authentication scheme (RFC 9110, 5.6.2). */
const TOKEN_TYPE = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** What stands in the place of a scheme and is none (RFC 8693, 2.2.1, and the name of the field itself). */
const NO_SCHEME = /^(?:n[_/-]?a|none|null|undefined|access[_-]?token)$/i;

/** The scheme for the `Authorization` header: any spelling of bearer is `Bearer`, which every reader's API knows. */
function parseTokenType(
  value: unknown,
  secrets: readonly SecretText[],
): { readonly name: string; readonly notes: readonly string[] } {
  const text = typeof value === 'string' ? value.trim() : value;
  if (text === undefined || text === null || text === '') return { name: 'Bearer', notes: [] };
  if (typeof text === 'string' && /bearer/i.test(text.slice(0, 64))) return { name: 'Bearer', notes: [] };
  const isUsable =
    typeof text === 'string' &&
    TOKEN_TYPE.test(text) &&
    !NO_SCHEME.test(text) &&
    // Readers get it.
    !secrets.some((secret) => shows(text, secret));
  if (!isUsable) {
    return { name: 'Bearer', notes: ['token type unusable, assumed Bearer'] };
  }
  const isBound = /^(?:dpop|mac|pop)$/i.test(text);
  return {
    name: text,
    notes: isBound ? ['the token type binds the token to a key, which readers do not get'] : [],
  };
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
  const ageMs = parseAge(response.headers.get('age'));
  const expiry = readRefreshTokenExpiry({ ...response, ageMs, ...refresh.expiry });
  return { token: new SecretText(refresh.token), ...expiry };
}
