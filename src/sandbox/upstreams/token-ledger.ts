import type { Distortion, ExpiryDistortion } from './upstream.ts';

const ABSURD_LIFETIME_MS = 100 * 365 * 86_400_000;

/** A token as the answer presents it, in the provider's own (perhaps skewed) time. */
export interface Grant {
  readonly token: string;
  readonly statedNowMs: number;
  /** `undefined`: the answer says nothing about expiry. */
  readonly statedLifetimeMs: number | undefined;
}

/** What a token's own text may say about it, in the provider's time. */
export type TokenClaims = Omit<Grant, 'token'>;

interface IssuedToken {
  readonly owner: string;
  readonly expiresAtMs: number;
}

/** The access tokens that an upstream has issued, by the truth of its clock whatever its answers say. */
export class TokenLedger {
  readonly #issued = new Map<string, IssuedToken>();
  readonly #newest = new Map<string, string>();

  /**
   * Issues a token to `owner`, or repeats its newest one where the distortion asks for it.
   * @param mint makes the text of a new token
   */
  grant(
    owner: string,
    nowMs: number,
    lifetimeMs: number,
    distortion: Distortion,
    mint: (claims: TokenClaims) => string,
  ): Grant {
    const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
    const newest = this.#newest.get(owner);
    const kept = newest === undefined ? undefined : this.#issued.get(newest);
    if (distortion.repeatsToken && newest !== undefined && kept !== undefined && kept.expiresAtMs > nowMs) {
      const statedLifetimeMs = stateLifetime(kept.expiresAtMs - nowMs, distortion.expiry);
      return { token: newest, statedNowMs, statedLifetimeMs };
    }
    const trueLifetimeMs = distortion.lifetimeMs ?? lifetimeMs;
    const claims = { statedNowMs, statedLifetimeMs: stateLifetime(trueLifetimeMs, distortion.expiry) };
    const token = mint(claims);
    this.#forgetExpired(nowMs);
    this.#issued.set(token, { owner, expiresAtMs: nowMs + trueLifetimeMs });
    this.#newest.set(owner, token);
    return { token, ...claims };
  }

  isValid(token: string, nowMs: number): boolean {
    const issued = this.#issued.get(token);
    return issued !== undefined && issued.expiresAtMs > nowMs;
  }

  /** Ends every token of `owner` at once. */
  revoke(owner: string): void {
    for (const [token, issued] of this.#issued) if (issued.owner === owner) this.#issued.delete(token);
    this.#newest.delete(owner);
  }

  #forgetExpired(nowMs: number): void {
    for (const [token, issued] of this.#issued) if (issued.expiresAtMs <= nowMs) this.#issued.delete(token);
  }
}

function stateLifetime(lifetimeMs: number, expiry: ExpiryDistortion | undefined): number | undefined {
  switch (expiry) {
    case undefined:
      return lifetimeMs;
    case 'missing':
      return undefined;
    case 'zero':
      return 0;
    case 'negative':
      return -lifetimeMs;
    case 'absurd':
      return ABSURD_LIFETIME_MS;
  }
}
