/** A token with the moments that follow from it: when it is refreshed, how far that may be put off, when it ends. */
import { type CadencePolicy, decideRestoredRefreshAt, decideTolerableCadence } from '../core/cadence.ts';
import { createPublishedToken, type PublishedToken, type TokenDocument } from '../core/document.ts';
import { type Moment, momentAt, type Now } from '../core/moment.ts';
import { type FetchedToken, lifetimeMs } from '../core/token.ts';

/** All moments on both clocks. */
export interface PlannedToken {
  readonly token: PublishedToken;
  /** Life of the token in milliseconds, or of the refresh token that came with it when that dies earlier. */
  readonly lifetimeMs: number;
  readonly refreshAt: Moment;
  /** How far `refreshAt` may be put off while versions of the secret are short. */
  readonly latestRefreshAt: Moment;
  readonly expiry: Moment;
}

/**
 * What the store holds, with its moments.
 * @param chainEndsAtMs when the refresh token that gets the next token dies; `undefined` when there is none
 */
export function planStored(
  document: TokenDocument,
  chainEndsAtMs: number | undefined,
  policy: CadencePolicy,
  now: Now,
): PlannedToken {
  const usableUntilMs = usableUntil(document, chainEndsAtMs, now.now());
  const cadence = decideTolerableCadence(usableUntilMs - document.issuedAtMs, policy);
  const refreshAtMs = decideRestoredRefreshAt({ ...document, expiresAtMs: usableUntilMs }, cadence);
  return {
    token: createPublishedToken(document),
    lifetimeMs: cadence.lifetimeMs,
    refreshAt: momentAt(refreshAtMs, now),
    latestRefreshAt: momentAt(usableUntilMs - cadence.leastMarginMs, now),
    expiry: momentAt(document.expiresAtMs, now),
  };
}

/** Whether the refresh was planned later than the cadence wants it, because versions are short. */
export function isPutOff(
  { refreshAt, latestRefreshAt, ...planned }: PlannedToken,
  policy: CadencePolicy,
): boolean {
  const { marginMs, leastMarginMs } = decideTolerableCadence(planned.lifetimeMs, policy);
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
export function earlierExpiry(token: FetchedToken, { token: published, expiry }: PlannedToken): Moment {
  const isEarlier = token.expiresAtMs < published.expiresAtMs && isSameToken(token, published);
  return isEarlier ? momentOf(token, token.expiresAtMs) : expiry;
}

/**
 * When the provider may have a better token than what is published, after it had none. One that hands out the same token
 * until that dies is asked again when it has died. One whose tokens have got shorter lives is asked at the usual margin,
 * or as late as such a life wants it: waiting for the end would leave readers without a margin.
 */
export function whenWorthAsking(
  token: FetchedToken,
  { token: published, expiry }: PlannedToken,
  policy: CadencePolicy,
): Moment {
  if (isSameToken(token, published)) return expiry;
  const lifeMs = lifetimeMs(token);
  for (const pacingMs of [lifetimeMs(published), lifeMs]) {
    const { marginMs } = decideTolerableCadence(pacingMs, policy);
    const isAhead = expiry.monotonicMs - marginMs > token.issuedAtMonotonicMs;
    if (isAhead && marginMs < lifeMs)
      return { wallMs: expiry.wallMs - marginMs, monotonicMs: expiry.monotonicMs - marginMs };
  }
  return expiry;
}

/**
 * What was read from the store, with the moments that were known before when it is the same token: they were counted
 * on the monotonic clock, and what the wall clock says now may be wrong since.
 */
export function keepEarlierMoments(read: PlannedToken, known: PlannedToken | undefined): PlannedToken {
  const isSame =
    known?.token.generation === read.token.generation && known.token.fingerprint === read.token.fingerprint;
  return isSame
    ? {
        ...read,
        refreshAt: earlierMoment(read.refreshAt, known.refreshAt),
        latestRefreshAt: earlierMoment(read.latestRefreshAt, known.latestRefreshAt),
        expiry: earlierMoment(read.expiry, known.expiry),
      }
    : read;
}

/** Whichever clock says "now" first is believed. */
function earlierMoment(a: Moment, b: Moment): Moment {
  return {
    wallMs: Math.min(a.wallMs, b.wallMs),
    monotonicMs: Math.min(a.monotonicMs, b.monotonicMs),
  };
}

function isSameToken({ accessToken }: FetchedToken, { fingerprint }: PublishedToken): boolean {
  return accessToken.fingerprint() === fingerprint;
}
