import { createHmac } from 'node:crypto';
import type { Random } from '../../core/ports.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import type { Grant, TokenClaims } from './token-ledger.ts';

/** An opaque token: `prefix` and 64 hexadecimal digits. */
export function mintOpaqueText(random: Random, prefix: string): string {
  return `${prefix}${random.uuid()}${random.uuid()}`.replaceAll('-', '');
}

/** Signs JSON Web Tokens (RFC 7519) as HS256 with a key that nobody else has, as the real providers seem to. */
export function createJwtMint(random: Random): (subject: string, claims: TokenClaims) => string {
  const key = mintOpaqueText(random, '');
  const header = encode({ alg: 'HS256', typ: 'JWT' });
  return (subject, { statedNowMs, statedLifetimeMs }) => {
    const iat = Math.floor(statedNowMs / 1000);
    const expiry = statedLifetimeMs === undefined ? {} : { exp: toSeconds(statedNowMs + statedLifetimeMs) };
    const payload = encode({ sub: subject, iat, ...expiry, jti: random.uuid() });
    const signature = createHmac('sha256', key).update(`${header}.${payload}`).digest('base64url');
    return `${header}.${payload}.${signature}`;
  };
}

/** Whole seconds, rounded down: a provider never promises more life than it gives. */
export function toSeconds(durationMs: number): number {
  return Math.floor(durationMs / 1000);
}

/** What an answer says of a token's life; `undefined` for nothing, which JSON leaves out. */
export function statedSeconds({ statedLifetimeMs }: Grant): number | undefined {
  return statedLifetimeMs === undefined ? undefined : toSeconds(statedLifetimeMs);
}

/** Jakarta's local time as Pivot writes it, `2025-11-27T10:46:03+07:00`, whatever the host's time zone is. */
export function toJakartaTime(timeMs: number): string {
  return `${new Date(timeMs + 7 * 3_600_000).toISOString().slice(0, 19)}+07:00`;
}

function encode(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
