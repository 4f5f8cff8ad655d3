/** A token that is held, with the moments that follow from it. */
import { type CadencePolicy, decideTolerableCadence } from '../core/cadence.ts';
import type { TokenDocument } from '../core/document.ts';
import type { Moment } from '../core/moment.ts';
import type { FetchedToken } from '../core/token.ts';

/** A document and the moments that matter, on both clocks. */
export interface Held {
  readonly document: TokenDocument;
  /** Life of the token in milliseconds, or of the refresh token that came with it when that dies earlier. */
  readonly lifetimeMs: number;
  readonly refreshAt: Moment;
  /** How far `refreshAt` may be put off while versions of the secret are short. */
  readonly latestRefreshAt: Moment;
  readonly expiry: Moment;
}

/** Whether the refresh was planned later than the cadence wants it, because versions are short. */
export function isPutOff({ lifetimeMs, refreshAt, latestRefreshAt }: Held, policy: CadencePolicy): boolean {
  const { marginMs, leastMarginMs } = decideTolerableCadence(lifetimeMs, policy);
  return refreshAt.wallMs > latestRefreshAt.wallMs - (marginMs - leastMarginMs);
}

/**
 * The refresh token may die before the access token; whichever comes first sets the pace. One that has died already
 * sets none, because nothing can be saved by hurry.
 */
export function usableUntil(
  { expiresAtMs }: Pick<FetchedToken, 'expiresAtMs'>,
  chainEndsAtMs: number | undefined,
  nowMs: number,
): number {
  return chainEndsAtMs === undefined || chainEndsAtMs <= nowMs
    ? expiresAtMs
    : Math.min(expiresAtMs, chainEndsAtMs);
}

/** Counted from the request on: while the answer was under way, the wall clock may have been set. */
export function momentOf(token: FetchedToken, wallMs: number): Moment {
  return { wallMs, monotonicMs: token.issuedAtMonotonicMs + (wallMs - token.issuedAtMs) };
}

/** The end of what is published, or an earlier one that the provider now states for the very same token. */
export function earlierExpiry(token: FetchedToken, { document, expiry }: Held): Moment {
  const isEarlier =
    token.accessToken.equals(document.accessToken) && token.expiresAtMs < document.expiresAtMs;
  return isEarlier ? momentOf(token, token.expiresAtMs) : expiry;
}
