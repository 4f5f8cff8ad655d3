/**
 * When a token is refreshed, and how often somebody has to look: the rules of the schedule, as pure functions.
 *
 * Guarantee: for every lifetime of at least 30 s the cadence is feasible in the sense of {@link explainInfeasible} or
 * that function says why not. Non-guarantee: whether the store's version quota bears a cadence is not decided here; see
 * `config/write-budget.ts`.
 */

import { pacedVersions, VERSION_DAY_MS, type VersionBudget } from '../limits/version-pace.ts';
import { formatRounded, HOUR_MS, MINUTE_MS, SECOND_MS } from '../wire/duration.ts';

/** Settings that shape a cadence. All times in milliseconds. */
export interface CadencePolicy {
  /** Overrides the default margin of a fifteenth of the lifetime. */
  readonly refreshAfter: RefreshAfter | undefined;
  /** How old what a reader sees may be; 0 for readers that ask the store at each use. */
  readonly stalenessMs: number;
  /** Shortest time between two fetches that the provider likes; 0 for none. */
  readonly minIntervalMs: number;
  /** What the refreshes have to get by with: they are put off while versions of the secret are short. `none` if absent. */
  readonly versionBudget?: VersionBudget;
}

/** Refresh after a share of the lifetime, after a fixed time, or so long before the end. */
export type RefreshAfter =
  | { readonly kind: 'fraction'; readonly fraction: number }
  | { readonly kind: 'duration'; readonly durationMs: number }
  | { readonly kind: 'before-end'; readonly beforeMs: number };

export interface Cadence {
  readonly lifetimeMs: number;
  /** Life left on the published token when its refresh is due. */
  readonly marginMs: number;
  /** The same while versions of the secret are short: what readers need. `marginMs` when nothing is ever put off. */
  readonly leastMarginMs: number;
  /** `lifetimeMs - marginMs`. */
  readonly refreshEveryMs: number;
  /** Period of the provider's cron task. */
  readonly tickMs: number;
}

/** Time a reader is granted to use a token beyond its own staleness. */
export const TIME_TO_USE_MS = 30 * SECOND_MS;

/** A 15-minute token is refreshed every 14 minutes, as one provider advises: a fifteenth of the lifetime is margin. */
const DEFAULT_MARGIN_SHARE = 1 / 15;

/** A margin is looked at least this many times, so that a tick that was missed is made up for well before expiry. */
const TICKS_PER_MARGIN = 4;

/**
 * The same for what is left of a margin when a reader's copy is as old as it may be: half a tick, by which a refresh may
 * be late, then takes a quarter of it at most, and leaves enough of the 30 s for the calls of provider and store.
 */
const TICKS_PER_USE = 2;

/** Periods that cron expresses with equal gaps: the divisors of 60 seconds, 60 minutes and 24 hours. */
export const TICK_PERIODS_MS: readonly number[] = [
  ...[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30].map((n) => n * SECOND_MS),
  ...[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30].map((n) => n * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 8, 12].map((n) => n * HOUR_MS),
];

const MIN_TICK_MS = SECOND_MS;

/** The cadence that the settings ask for, feasible or not. */
export function decideCadence(lifetimeMs: number, policy: CadencePolicy): Cadence {
  const wantedMs = lifetimeMs - refreshAfterMs(lifetimeMs, policy.refreshAfter);
  const marginMs = Math.max(wantedMs, stalenessMarginMs(policy.stalenessMs));
  return withMargin(lifetimeMs, marginMs, policy);
}

/**
 * The cadence to live with when a provider hands out a lifetime that the settings were not made for: the margin is
 * cut to half the lifetime, because a token that is due as soon as it is fetched would be fetched without end, and a
 * `refreshAfter` beyond the lifetime is not honoured, because readers would be without a token until then.
 */
export function decideTolerableCadence(lifetimeMs: number, policy: CadencePolicy): Cadence {
  const isTooLate = refreshAfterMs(lifetimeMs, policy.refreshAfter) >= lifetimeMs;
  const wanted = decideCadence(lifetimeMs, isTooLate ? { ...policy, refreshAfter: undefined } : policy);
  const refreshEveryMs = Math.max(
    wanted.refreshEveryMs,
    lifetimeMs / 2,
    Math.min(policy.minIntervalMs, lifetimeMs),
  );
  return withMargin(lifetimeMs, lifetimeMs - refreshEveryMs, policy);
}

/**
 * Why a cadence cannot work, with the numbers; `undefined` when it can. What would work instead depends on more than the
 * cadence, on the version quota for one: see `cadence-remedy.ts`.
 * @param staleness the setting that the policy has its staleness from
 */
export function explainInfeasible(
  cadence: Cadence,
  policy: CadencePolicy,
  staleness = 'readers.staleness',
): string | undefined {
  const { lifetimeMs, marginMs, refreshEveryMs } = cadence;
  // Not the margin: stale readers may have forced one, and a setting without effect is a mistake as well.
  const wantedAfterMs = refreshAfterMs(lifetimeMs, policy.refreshAfter);
  if (wantedAfterMs >= lifetimeMs) {
    return `refreshAfter ${formatRounded(wantedAfterMs)} is not before the end of a lifetime of ${formatRounded(lifetimeMs)}`;
  }
  if (marginMs >= lifetimeMs / 2) {
    const cause =
      marginMs === stalenessMarginMs(policy.stalenessMs)
        ? `${staleness} ${formatRounded(policy.stalenessMs)} needs a margin of ${formatRounded(marginMs)}`
        : `refreshAfter ${formatRounded(refreshEveryMs)} leaves a margin of ${formatRounded(marginMs)}`;
    return `${cause}, half or more of the lifetime of ${formatRounded(lifetimeMs)}`;
  }
  if (refreshEveryMs < policy.minIntervalMs) {
    return `a refresh is due every ${formatRounded(refreshEveryMs)}, sooner than minInterval ${formatRounded(policy.minIntervalMs)}`;
  }
  return undefined;
}

/** True when a token's refresh time is nearer to this tick than to the next one. */
export function isDueAtTick(dueInMs: number, tickMs: number): boolean {
  return dueInMs < tickMs / 2;
}

/**
 * When a token that was just fetched is due.
 * @param offsetMs drawn once per token; not 0 when the token came off schedule (first fetch, after an outage), so that
 *   a provider's tokens spread over the cadence; it only ever makes a refresh earlier
 */
export function decideRefreshAt(expiresAtMs: number, cadence: Cadence, offsetMs: number): number {
  // Wrapped, not cut: offsets that were drawn for a longer life would all be cut to the same moment.
  return expiresAtMs - cadence.marginMs - (offsetMs % (cadence.refreshEveryMs / 2));
}

/**
 * When a token that was read from the store is due: as its document planned, so that a restart keeps the spread and
 * what was put off, unless the settings now ask for an earlier time or the plan makes no sense for this lifetime.
 */
export function decideRestoredRefreshAt(
  document: { readonly issuedAtMs: number; readonly expiresAtMs: number; readonly refreshAtMs: number },
  cadence: Cadence,
): number {
  const usualMs = document.expiresAtMs - cadence.marginMs;
  const latestMs = document.expiresAtMs - cadence.leastMarginMs;
  const earliestMs = usualMs - cadence.refreshEveryMs / 2;
  return document.refreshAtMs >= earliestMs ? Math.min(document.refreshAtMs, latestMs) : usualMs;
}

function withMargin(lifetimeMs: number, marginMs: number, policy: CadencePolicy): Cadence {
  const refreshEveryMs = lifetimeMs - marginMs;
  const budget = policy.versionBudget ?? 'none';
  const { stalenessMs } = policy;
  const usualTickMs = decideTick(marginMs, stalenessMs);
  if (budget === 'none')
    return { lifetimeMs, marginMs, leastMarginMs: marginMs, refreshEveryMs, tickMs: usualTickMs };
  const neededMs = stalenessMs + TIME_TO_USE_MS;
  // A pace that has to be stretched again and again is worth finer ticks; one that may have to be some day is not.
  const isStretched = neededMs < marginMs && VERSION_DAY_MS / refreshEveryMs > pacedVersions(budget);
  const tickMs = isStretched ? decideTick(neededMs, stalenessMs) : usualTickMs;
  // A refresh comes up to half a tick late, which takes no more from the needed margin than a tick of its own would.
  const tickShareMs = Math.max(0, (tickMs - longestTickMs(neededMs, stalenessMs)) / 2);
  return {
    lifetimeMs,
    marginMs,
    leastMarginMs: Math.min(marginMs, neededMs + tickShareMs),
    refreshEveryMs,
    tickMs,
  };
}

function decideTick(marginMs: number, stalenessMs: number): number {
  const longestMs = longestTickMs(marginMs, stalenessMs);
  return TICK_PERIODS_MS.findLast((periodMs) => periodMs <= longestMs) ?? MIN_TICK_MS;
}

function longestTickMs(marginMs: number, stalenessMs: number): number {
  const longestMs = marginMs / TICKS_PER_MARGIN;
  return stalenessMs > 0 ? Math.min(longestMs, (marginMs - stalenessMs) / TICKS_PER_USE) : longestMs;
}

/** In whole milliseconds: a sum that misses its threshold by a rounding error would refuse its own remedy. */
export function refreshAfterMs(lifetimeMs: number, refreshAfter: RefreshAfter | undefined): number {
  if (refreshAfter?.kind === 'duration') return refreshAfter.durationMs;
  if (refreshAfter?.kind === 'before-end') return lifetimeMs - refreshAfter.beforeMs;
  return Math.round(lifetimeMs * (refreshAfter?.fraction ?? 1 - DEFAULT_MARGIN_SHARE));
}

function stalenessMarginMs(stalenessMs: number): number {
  return stalenessMs > 0 ? stalenessMs + TIME_TO_USE_MS : 0;
}
