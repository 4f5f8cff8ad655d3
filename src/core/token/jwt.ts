import type { SecretText } from '../secret-text.ts';
import { parseIsoTime } from '../wire/iso-time.ts';
import { isJsonObject, parseJson } from '../wire/json.ts';

/**
 * When a JWT was issued, from when it is valid and when it ends, in milliseconds since the Unix epoch, as far as it says
 * so.
 */
export interface JwtTimes {
  readonly expiresAtMs?: number | undefined;
  readonly issuedAtMs?: number | undefined;
  readonly notBeforeMs?: number | undefined;
}

/**
 * Some issuers write milliseconds, some microseconds: these are in this century from here on. As seconds, what is less is
 * up to the year 33658: the year 9999 is a common "never".
 */
const MILLISECONDS_FROM = 1e12;
const MICROSECONDS_FROM = 1e15;

const DECIMAL = /^-?\d{1,20}(?:\.\d{1,9})?$/;

/**
 * Decodes `exp`, `iat` and `nbf` (RFC 7519, 4.1) of an access token that happens to be a JWT; nothing of one that
 * is none. Only the registered claims count: an `exp` inside another claim is about something else. Non-guarantee: nothing
 * is verified. The token is not ours to verify, and its times are only used to refresh earlier or to refuse it.
 */
export function decodeJwtTimes(token: SecretText): JwtTimes {
  const parts = token.reveal().split('.');
  const [, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return {};
  const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  if (!isJsonObject(claims)) return {};
  return {
    expiresAtMs: parseNumericDate(claims['exp']),
    issuedAtMs: parseNumericDate(claims['iat']),
    notBeforeMs: parseNumericDate(claims['nbf']),
  };
}

/** A NumericDate, also as text or as an ISO time with offset, which some issuers write. */
function parseNumericDate(value: unknown): number | undefined {
  if (typeof value === 'string') {
    const text = value.trim();
    if (DECIMAL.test(text)) return parseNumericDate(Number(text));
    const iso = parseIsoTime(text);
    return iso?.hasOffset === true ? iso.utcMs : undefined;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  if (value >= MICROSECONDS_FROM) return value / 1000;
  return value >= MILLISECONDS_FROM ? value : value * 1000;
}
