import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import type { TokenDocument } from '../../src/core/token/document.ts';
import type { FetchedToken } from '../../src/core/token/token.ts';
import { NOON_MS } from './sample-events.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** A token of 15 minutes, issued at noon, when a {@link FakeClock} starts. */
export function buildToken(changes: Partial<FetchedToken> = {}): FetchedToken {
  const issuedAtMs = changes.issuedAtMs ?? NOON_MS;
  const expiresAtMs = changes.expiresAtMs ?? issuedAtMs + 15 * MINUTE_MS;
  return {
    accessToken: new SecretText('access-canary'),
    tokenType: 'Bearer',
    issuedAtMs,
    issuedAtMonotonicMs: issuedAtMs - NOON_MS,
    expiresAtMs,
    expiresInSeconds: Math.max(1, Math.round((expiresAtMs - issuedAtMs) / 1000)),
    refreshToken: undefined,
    refreshTokenExpiresAtMs: undefined,
    fields: {},
    notes: [],
    ...changes,
  };
}

/** A document of the provider `pik`: 15 minutes from noon on, to be refreshed after 14. */
export function buildDocument(changes: Partial<TokenDocument> = {}): TokenDocument {
  const issuedAtMs = changes.issuedAtMs ?? NOON_MS;
  const expiresAtMs = changes.expiresAtMs ?? issuedAtMs + 15 * MINUTE_MS;
  return {
    accessToken: new SecretText('published-canary'),
    tokenType: 'Bearer',
    issuedAtMs,
    expiresAtMs,
    expiresInSeconds: Math.max(1, Math.round((expiresAtMs - issuedAtMs) / 1000)),
    refreshAtMs: expiresAtMs - MINUTE_MS,
    provider: 'pik',
    customer: undefined,
    generation: 1,
    fields: {},
    ...changes,
  };
}

/** The first refresh token of a chain, obtained at noon, without an end. */
export function buildChainState(changes: Partial<ChainState> = {}): ChainState {
  return {
    refreshToken: new SecretText('refresh-canary'),
    refreshTokenExpiresAtMs: undefined,
    obtainedAtMs: NOON_MS,
    generation: 1,
    ...changes,
  };
}
