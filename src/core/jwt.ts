import { isJsonObject, parseJson } from './json.ts';
import type { SecretText } from './secret-text.ts';

/** When a JWT was issued and when it ends, in milliseconds since the Unix epoch. */
export interface JwtTimes {
  readonly expiresAtMs: number;
  readonly issuedAtMs: number | undefined;
}

/** Above this a NumericDate cannot be seconds: some issuers write milliseconds. */
const MILLISECONDS_FROM = 1e11;

/**
 * Decodes `exp` and `iat` (RFC 7519, 4.1) of an access token that happens to be a JWT; `undefined` when it is none or
 * carries no usable `exp`. Non-guarantee: nothing is verified. The token is not ours to verify, and its times are only
 * used to refresh earlier.
 */
export function decodeJwtTimes(token: SecretText): JwtTimes | undefined {
  const parts = token.reveal().split('.');
  const [, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return undefined;
  const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  if (!isJsonObject(claims)) return undefined;
  const expiresAtMs = parseNumericDate(claims['exp']);
  return expiresAtMs === undefined ? undefined : { expiresAtMs, issuedAtMs: parseNumericDate(claims['iat']) };
}

function parseNumericDate(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) return undefined;
  return value >= MILLISECONDS_FROM ? value : value * 1000;
}
