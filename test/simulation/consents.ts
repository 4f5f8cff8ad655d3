/**
 * Consents of users, each of which a chain of refresh tokens comes of. The provider takes each refresh token once; when one is
 * presented again it revokes all that has come of the consent (reuse detection, RFC 9700).
 */

interface Consent {
  readonly number: number;
  newest: string;
  /** The one before, while nobody has used the newest. */
  former: string | undefined;
  isRevoked: boolean;
}

export class Consents {
  readonly #byRefreshToken = new Map<string, Consent>();
  readonly #given = new Map<string, Consent[]>();

  /** The refresh token of a user's consent: what an operator puts among the credentials. @param number from 1 on */
  seedOf(token: string, number: number): string {
    const seed = `seed-${number}-of-${token}`;
    if (this.#byRefreshToken.has(seed)) return seed;
    const consent: Consent = { number, newest: seed, former: undefined, isRevoked: false };
    this.#byRefreshToken.set(seed, consent);
    this.#given.set(token, [...(this.#given.get(token) ?? []), consent]);
    return seed;
  }

  /** Which consent of its token a refresh token has come of; `undefined` for others. */
  numberOf(refreshToken: string): number | undefined {
    return this.#byRefreshToken.get(refreshToken)?.number;
  }

  /** A user withdraws all consents but the newest. */
  revokeFormer(token: string): void {
    for (const consent of this.#given.get(token)?.slice(0, -1) ?? []) consent.isRevoked = true;
  }

  /** @returns false for a refresh token that is not taken, which may have revoked the others */
  spend(presented: string, isForgiving: boolean): boolean {
    const consent = this.#byRefreshToken.get(presented);
    if (consent === undefined || consent.isRevoked) return false;
    const isForgiven = isForgiving && consent.former === presented;
    if (consent.newest !== presented && !isForgiven) {
      consent.isRevoked = true;
      return false;
    }
    consent.former = presented;
    return true;
  }

  /** What is handed out for one that was taken. */
  extend(presented: string, next: string): void {
    const consent = this.#byRefreshToken.get(presented);
    if (consent === undefined) throw new Error(`no consent of ${presented}`);
    consent.newest = next;
    this.#byRefreshToken.set(next, consent);
  }
}
