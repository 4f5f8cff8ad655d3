/**
 * How fast secrets may be written while the store is throttling: additive increase, multiplicative decrease.
 *
 * Guarantee: a rate is never above its limit and never below a tenth of it; throttling halves it, at most once a second,
 * because what was in flight together is throttled together; left alone it is back at the limit within 30 seconds.
 * Non-guarantee: an outage says nothing about the rate and does not change it.
 */

/** The rate that was decided last, in calls a second. Times are monotonic, in milliseconds. */
export type WriteRate =
  | { readonly kind: 'full'; readonly limitPerSecond: number }
  | {
      readonly kind: 'slowed';
      readonly limitPerSecond: number;
      readonly perSecond: number;
      readonly sinceMs: number;
    };

const SLOWER_FACTOR = 0.5;
/** Slower than this the store is as good as away, and finding out that it is back would take too long. */
const MIN_SHARE = 0.1;
const DECIDED_FOR_MS = 1000;
/** Of the limit, each second. */
const RECOVERED_SHARE_PER_SECOND = 1 / 30;

export function fullWriteRate(limitPerSecond: number): WriteRate {
  return { kind: 'full', limitPerSecond };
}

/** Calls a second at a moment that is not before the decision. */
export function writeRateAt(rate: WriteRate, nowMs: number): number {
  const { limitPerSecond } = rate;
  if (rate.kind === 'full') return limitPerSecond;
  const gained = ((nowMs - rate.sinceMs) / 1000) * limitPerSecond * RECOVERED_SHARE_PER_SECOND;
  return Math.min(limitPerSecond, rate.perSecond + gained);
}

/** The rate after the store has said that there are too many writes. */
export function decideSlowerRate(rate: WriteRate, nowMs: number): WriteRate {
  if (rate.kind === 'slowed' && nowMs - rate.sinceMs < DECIDED_FOR_MS) return rate;
  const { limitPerSecond } = rate;
  const slowed = writeRateAt(rate, nowMs) * SLOWER_FACTOR;
  const perSecond = Math.max(slowed, limitPerSecond * MIN_SHARE);
  return { kind: 'slowed', limitPerSecond, perSecond, sinceMs: nowMs };
}
