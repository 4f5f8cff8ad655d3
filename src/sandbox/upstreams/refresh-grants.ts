import type { Random } from '../../core/ports.ts';
import { mintOpaqueText } from './issued-text.ts';
import { RefreshTokenChain } from './refresh-token-chain.ts';

/**
 * How long the refresh token before the newest one is taken again: for answers that were lost, as many servers do. In real
 * time whatever the speed of the sandbox, because clients wait in real time.
 */
export const REUSE_LEEWAY_MS = 30_000;

/** Where a refresh token comes from, and the next one in its place. */
export interface RefreshGrant {
  readonly consent: string;
  readonly refreshToken: string;
}

/**
 * Consents of users, each with refresh tokens that rotate. Presenting a spent one ends its consent (RFC 9700, 4.14.2), but
 * for the last one that was spent, which is taken again for {@link REUSE_LEEWAY_MS}.
 */
export class RefreshGrants {
  readonly #chain = new RefreshTokenChain();
  readonly #random: Random;
  readonly #lifetimeMs: number;
  /** The refresh token that was spent last, and until when it is taken again, by consent. */
  readonly #former = new Map<string, { readonly token: string; readonly untilMs: number }>();

  constructor(random: Random, lifetimeMs: number) {
    this.#random = random;
    this.#lifetimeMs = lifetimeMs;
  }

  /** Somebody agrees. @param refreshToken the first one; made up when left out */
  consent(nowMs: number, refreshToken: string = mintOpaqueText(this.#random, 'rt_')): string {
    this.#chain.add(refreshToken, this.#random.uuid(), nowMs + this.#lifetimeMs);
    return refreshToken;
  }

  /** Spends a refresh token. */
  exchange(token: string, nowMs: number): RefreshGrant | { readonly endsConsent: string | undefined } {
    const consent = this.#chain.ownerOf(token);
    if (consent === undefined) return { endsConsent: undefined };
    const presented = this.#chain.inspect(token, consent, nowMs);
    const former = this.#former.get(consent);
    const isRepeated = former?.token === token && nowMs <= former.untilMs;
    if (presented !== 'current' && !isRepeated) {
      if (presented !== 'spent') return { endsConsent: undefined };
      this.#chain.spendAll(consent);
      this.#former.delete(consent);
      return { endsConsent: consent };
    }
    if (!isRepeated) this.#former.set(consent, { token, untilMs: nowMs + REUSE_LEEWAY_MS });
    // What an answer that was lost has brought is of no use to anybody.
    this.#chain.spendAll(consent);
    const refreshToken = mintOpaqueText(this.#random, 'rt_');
    this.#chain.add(refreshToken, consent, nowMs + this.#lifetimeMs);
    return { consent, refreshToken };
  }
}
