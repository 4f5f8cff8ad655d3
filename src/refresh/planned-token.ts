/** A token with the moments that follow from it: when it is refreshed, how far that may be put off, when it ends. */

import type { RefreshPlan } from '../core/limits/version-pace.ts';
import type { Random, SecretWrite } from '../core/ports.ts';
import {
  type CadencePolicy,
  decideRefreshAt,
  decideRestoredRefreshAt,
  decideTolerableCadence,
} from '../core/schedule/cadence.ts';
import { type Moment, momentAt, msUntil, type Now } from '../core/schedule/moment.ts';
import {
  createDocument,
  createPublishedToken,
  type PublishedToken,
  serializeDocument,
  type TokenDocument,
} from '../core/token/document.ts';
import { decideReplacement } from '../core/token/replacement.ts';
import { type FetchedToken, lifetimeMs, type TokenIdentity } from '../core/token/token.ts';

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

/** What the next write follows on. */
export interface Stored {
  /** `undefined`: the secret has no value yet. */
  readonly version: string | undefined;
  /** Of the last document; 0 before the first. */
  readonly generation: number;
}

/** Fetched, and not readable yet: its write, with bytes and request token that never change for a retry. */
export interface PendingToken extends PlannedToken {
  readonly document: TokenDocument;
  readonly write: SecretWrite;
  /** Fingerprint of a token that readers were refused with: any other is better. */
  readonly replaces: string | undefined;
  /** It could not be published at once: when it has become due itself meanwhile, a newer one is worth more. */
  readonly hasWaited: boolean;
}

export interface FetchedPlan {
  readonly identity: TokenIdentity;
  readonly stored: Stored;
  /** As in {@link PendingToken}. */
  readonly replaces: string | undefined;
  /** As in {@link planStored}, of the refresh token that came with it. */
  readonly chainEndsAtMs: number | undefined;
  readonly policy: CadencePolicy;
  /** How much earlier than usual it is refreshed, in milliseconds. */
  readonly offsetMs: number;
  /** When it is refreshed, monotonic, as far as versions of the secret allow. */
  readonly planRefreshAt: (plan: RefreshPlan) => number;
  readonly random: Random;
}

/** A token that was just fetched, as the document that readers will see, with its moments and its write. */
export function planFetched(
  token: FetchedToken,
  { identity, stored, replaces, chainEndsAtMs, policy, offsetMs, planRefreshAt, random }: FetchedPlan,
): PendingToken {
  const usableUntilMs = usableUntil(token, chainEndsAtMs, token.issuedAtMs);
  const cadence = decideTolerableCadence(usableUntilMs - token.issuedAtMs, policy);
  const latestRefreshAt = momentOf(token, usableUntilMs - cadence.leastMarginMs);
  const plannedAtMs = decideRefreshAt(usableUntilMs, cadence, 0);
  const decidedAtMs = planRefreshAt({
    plannedAtMs: momentOf(token, plannedAtMs).monotonicMs,
    latestAtMs: latestRefreshAt.monotonicMs,
    offsetMs: plannedAtMs - decideRefreshAt(usableUntilMs, cadence, offsetMs),
    longestPaceMs: latestRefreshAt.wallMs - token.issuedAtMs,
  });
  const refreshAtMs = Math.round(token.issuedAtMs + (decidedAtMs - token.issuedAtMonotonicMs));
  const document = createDocument(identity, token, { refreshAtMs, generation: stored.generation + 1 });
  return {
    token: createPublishedToken(document),
    lifetimeMs: cadence.lifetimeMs,
    refreshAt: momentOf(token, refreshAtMs),
    latestRefreshAt,
    expiry: momentOf(token, token.expiresAtMs),
    document,
    write: createWrite(identity, document, stored, random),
    replaces,
    hasWaited: false,
  };
}

/** Freezes the bytes of a document's write. */
export function createWrite(
  { secret }: TokenIdentity,
  document: TokenDocument,
  { version }: Stored,
  random: Random,
): SecretWrite {
  const text = serializeDocument(document);
  return { secretName: secret, text, requestToken: random.uuid(), expectedVersion: version };
}

export function hasExpired({ expiry }: PlannedToken, now: Now): boolean {
  return msUntil(expiry, now) <= 0;
}

/**
 * True when the provider has handed out nothing better than what readers already see.
 * @param refused fingerprint of a token that readers were refused with: any other is better, none less than the same
 */
export function isUnchanged(
  token: FetchedToken,
  published: PlannedToken,
  refused: string | undefined,
  now: Now,
): boolean {
  if (hasExpired(published, now)) return false;
  if (published.token.fingerprint === refused) return isSameToken(token, published.token);
  // By whichever clock says that it dies sooner: the wall clock may have been set back since it was published.
  const expiresAtMs = now.now() + msUntil(published.expiry, now);
  return decideReplacement(token, { ...published.token, expiresAtMs }, now.now()) === 'unchanged';
}

/**
 * When it is worth asking again after that: when the provider may have something better, or as planned when that has not
 * been tried yet.
 */
export function planUnchanged(
  token: FetchedToken,
  published: PlannedToken,
  options: { readonly isAskedEarly: boolean; readonly policy: CadencePolicy; readonly now: Now },
): PlannedToken {
  const { isAskedEarly, policy, now } = options;
  const expiry = earlierExpiry(token, published);
  const worthAskingAt = whenWorthAsking(token, { ...published, expiry }, policy);
  const isPlanKept = isAskedEarly && msUntil(published.refreshAt, now) < msUntil(worthAskingAt, now);
  return { ...published, expiry, refreshAt: isPlanKept ? published.refreshAt : worthAskingAt };
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
function usableUntil(
  { expiresAtMs }: Pick<FetchedToken, 'expiresAtMs'>,
  chainEndsAtMs: number | undefined,
  nowMs: number,
): number {
  return chainEndsAtMs === undefined || chainEndsAtMs <= nowMs
    ? expiresAtMs
    : Math.min(expiresAtMs, chainEndsAtMs);
}

/** Counted from the request on: while the answer was under way, the wall clock may have been set. */
function momentOf(token: FetchedToken, wallMs: number): Moment {
  return { wallMs, monotonicMs: token.issuedAtMonotonicMs + (wallMs - token.issuedAtMs) };
}

/** The end of what is published, or an earlier one that the provider now states for the very same token. */
function earlierExpiry(token: FetchedToken, { token: published, expiry }: PlannedToken): Moment {
  const isEarlier = token.expiresAtMs < published.expiresAtMs && isSameToken(token, published);
  return isEarlier ? momentOf(token, token.expiresAtMs) : expiry;
}

/**
 * When the provider may have a better token than what is published, after it had none. One that hands out the same token
 * until that dies is asked again when it has died. One whose tokens have got shorter lives is asked at the usual margin,
 * or as late as such a life wants it: waiting for the end would leave readers without a margin.
 */
function whenWorthAsking(
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
  return { wallMs: Math.min(a.wallMs, b.wallMs), monotonicMs: Math.min(a.monotonicMs, b.monotonicMs) };
}

function isSameToken({ accessToken }: FetchedToken, { fingerprint }: PublishedToken): boolean {
  return accessToken.fingerprint() === fingerprint;
}
