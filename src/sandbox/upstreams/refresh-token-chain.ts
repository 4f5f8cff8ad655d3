/** What presenting a refresh token amounts to. */
export type Presented = 'current' | 'spent' | 'expired' | 'unknown';

interface RefreshToken {
  readonly owner: string;
  readonly expiresAtMs: number;
  spent: boolean;
}

/** One-time refresh tokens. Remembers the spent ones, because presenting one again is the sign of theft (RFC 9700, 4.14.2). */
export class RefreshTokenChain {
  readonly #tokens = new Map<string, RefreshToken>();

  add(token: string, owner: string, expiresAtMs: number): void {
    this.#tokens.set(token, { owner, expiresAtMs, spent: false });
  }

  /** Looks at a token without spending it. A token of another owner is `unknown`. */
  inspect(token: string, owner: string, nowMs: number): Presented {
    const known = this.#tokens.get(token);
    if (known === undefined || known.owner !== owner) return 'unknown';
    if (known.spent) return 'spent';
    return known.expiresAtMs > nowMs ? 'current' : 'expired';
  }

  ownerOf(token: string): string | undefined {
    return this.#tokens.get(token)?.owner;
  }

  spend(token: string): void {
    const known = this.#tokens.get(token);
    if (known !== undefined) known.spent = true;
  }

  /** Spends every token of `owner`: the chain is dead, and its tokens are known as such. */
  spendAll(owner: string): void {
    for (const known of this.#tokens.values()) if (known.owner === owner) known.spent = true;
  }
}
