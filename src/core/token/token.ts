import type { SecretText } from '../secret-text.ts';

/** Which token this is. Carries no secret, so it may be logged. */
export interface TokenIdentity {
  /** Unique name: the provider's name, or `provider/customer`. */
  readonly token: string;
  readonly provider: string;
  readonly kind: string;
  readonly customer: string | undefined;
  /** Name of the secret that holds the document. */
  readonly secret: string;
}

/** A token as a provider handed it out. */
export interface FetchedToken {
  readonly accessToken: SecretText;
  /** As the provider wrote it, `Bearer` when it says nothing; `none` when the token stands alone in `authorization`. */
  readonly tokenType: string;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly issuedAtMs: number;
  /** Monotonic time just before the request was sent, in milliseconds. */
  readonly issuedAtMonotonicMs: number;
  /** The earliest plausible expiry, wall time in milliseconds. */
  readonly expiresAtMs: number;
  /** Lifetime in whole seconds as the provider stated it, or as it follows from the expiry. */
  readonly expiresInSeconds: number;
  /** The next refresh token of the chain, when the answer held one. */
  readonly refreshToken: SecretText | undefined;
  readonly refreshTokenExpiresAtMs: number | undefined;
  /** Further fields of the answer for readers, within the limits of `fieldsSchema` in `document.ts`; never a credential. */
  readonly fields: Readonly<Record<string, string>>;
  /** Things a human should know about the answer, without secrets: `expiresIn missing, assumed 30m`. */
  readonly notes: readonly string[];
}

/** The refresh token of an answer, with what is known of it; see {@link FetchedToken} for the fields. */
export interface RefreshTokenGrant {
  readonly refreshToken: SecretText;
  readonly refreshTokenExpiresAtMs: number | undefined;
  readonly issuedAtMs: number;
}

/** Life of a token in milliseconds. */
export function lifetimeMs(token: Pick<FetchedToken, 'issuedAtMs' | 'expiresAtMs'>): number {
  return token.expiresAtMs - token.issuedAtMs;
}
