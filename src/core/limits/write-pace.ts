/**
 * How fast secrets may be written: a bucket of permits for calls to the store, whose rate falls while the store is
 * throttling (additive increase, multiplicative decrease).
 *
 * Guarantee: at a limit of N calls a second, N at least two writes, no more than N are granted in any second, however they come: a
 * tenth of them (at least one write) may come at once, and only the rest is refilled in a second. The rate is never below
 * a tenth of the limit; throttling halves it, at most once a second, because what was in flight together is throttled
 * together; left alone it is back at the limit within 30 seconds.
 * Non-guarantee: an outage says nothing about the rate and does not change it.
 */

/** Times are monotonic, in milliseconds. */
export interface WritePace {
  /** What is configured, in calls a second. */
  readonly limitPerSecond: number;
  /** Of one write, by the store's rules. */
  readonly callsPerWrite: number;
  /** What was decided when the store last throttled. */
  readonly slowed: { readonly perSecond: number; readonly atMs: number } | undefined;
  /** What the bucket held at that moment. */
  readonly permits: number;
  readonly atMs: number;
}

const BURST_SHARE = 0.1;

const SLOWER_FACTOR = 0.5;
/** Slower than this the store is as good as away, and finding out that it is back would take too long. */
const MIN_SHARE = 0.1;
const DECIDED_FOR_MS = 1000;
/** Of the limit, each second. */
const RECOVERED_SHARE_PER_SECOND = 1 / 30;

/** A store that was not written to for long. */
export function startPace(limitPerSecond: number, callsPerWrite: number, nowMs: number): WritePace {
  const permits = burstOf(limitPerSecond, callsPerWrite);
  return { limitPerSecond, callsPerWrite, slowed: undefined, permits, atMs: nowMs };
}

/** Calls a second at a moment that is not before the last decision. */
export function callsPerSecond({ limitPerSecond, slowed }: WritePace, nowMs: number): number {
  if (slowed === undefined) return limitPerSecond;
  const gained = ((nowMs - slowed.atMs) / 1000) * limitPerSecond * RECOVERED_SHARE_PER_SECOND;
  return Math.min(limitPerSecond, slowed.perSecond + gained);
}

/** The pace after the store has said that there are too many writes. */
export function slowDown(pace: WritePace, nowMs: number): WritePace {
  const { limitPerSecond, slowed } = pace;
  if (slowed !== undefined && nowMs - slowed.atMs < DECIDED_FOR_MS) return pace;
  const perSecond = Math.max(callsPerSecond(pace, nowMs) * SLOWER_FACTOR, limitPerSecond * MIN_SHARE);
  return { ...pace, slowed: { perSecond, atMs: nowMs } };
}

/** The pace with what the bucket holds now. */
export function refill(pace: WritePace, nowMs: number): WritePace {
  const perSecond = callsPerSecond(pace, nowMs);
  const burst = burstOf(perSecond, pace.callsPerWrite);
  const gained = (Math.max(0, nowMs - pace.atMs) * refillPerSecond(perSecond, burst)) / 1000;
  return { ...pace, permits: Math.min(burst, pace.permits + gained), atMs: nowMs };
}

/** Whole milliseconds until there are permits for one write, from when it was refilled; 0 when there are. */
export function waitForWrite(pace: WritePace): number {
  const missing = pace.callsPerWrite - pace.permits;
  const perSecond = callsPerSecond(pace, pace.atMs);
  const refillRate = refillPerSecond(perSecond, burstOf(perSecond, pace.callsPerWrite));
  return missing <= 0 ? 0 : Math.ceil((missing / refillRate) * 1000);
}

/** The pace after one write was let through. */
export function takeWrite(pace: WritePace): WritePace {
  return { ...pace, permits: pace.permits - pace.callsPerWrite };
}

function burstOf(perSecond: number, callsPerWrite: number): number {
  return Math.max(callsPerWrite, perSecond * BURST_SHARE);
}

/** A rate that has fallen below what a burst takes is not brought to a stop by it. */
function refillPerSecond(perSecond: number, burst: number): number {
  return Math.max(perSecond - burst, perSecond / 2);
}
