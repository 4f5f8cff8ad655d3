/**
 * How fast secrets may be written: a bucket of permits for calls to the store, whose rate falls while the store is
 * throttling (additive increase, multiplicative decrease).
 *
 * Guarantee: at a limit of N calls a second, N from 4 on, no more than N are granted in any second, however they come: a
 * tenth of them (at least one write) may come at once, and only the rest is refilled in a second. The rate is never below
 * a tenth of the limit; throttling halves it, at most once a second, because what was in flight together is throttled
 * together; left alone it is back at the limit within 30 seconds.
 * Non-guarantee: an outage says nothing about the rate and does not change it.
 */

/** Times are monotonic, in milliseconds. */
export interface WritePace {
  /** What is configured, in calls a second. */
  readonly limitPerSecond: number;
  /** What was decided when the store last throttled. */
  readonly slowed: { readonly perSecond: number; readonly atMs: number } | undefined;
  /** What the bucket held at that moment. */
  readonly permits: number;
  readonly atMs: number;
}

/** A fenced publish is a put and the move of a label. */
export const CALLS_PER_WRITE = 2;
/** Below this a burst of one write and its refill would be more than the limit. */
export const MIN_CALLS_PER_SECOND = 4;
const BURST_SHARE = 0.1;

const SLOWER_FACTOR = 0.5;
/** Slower than this the store is as good as away, and finding out that it is back would take too long. */
const MIN_SHARE = 0.1;
const DECIDED_FOR_MS = 1000;
/** Of the limit, each second. */
const RECOVERED_SHARE_PER_SECOND = 1 / 30;

/** A store that was not written to for long. */
export function startPace(limitPerSecond: number, nowMs: number): WritePace {
  return { limitPerSecond, slowed: undefined, permits: burstOf(limitPerSecond), atMs: nowMs };
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
  const gained = (Math.max(0, nowMs - pace.atMs) * refillPerSecond(perSecond)) / 1000;
  return { ...pace, permits: Math.min(burstOf(perSecond), pace.permits + gained), atMs: nowMs };
}

/** Whole milliseconds until there are permits for one write, from when it was refilled; 0 when there are. */
export function waitForWrite(pace: WritePace): number {
  const missing = CALLS_PER_WRITE - pace.permits;
  return missing <= 0 ? 0 : Math.ceil((missing / refillPerSecond(callsPerSecond(pace, pace.atMs))) * 1000);
}

/** The pace after one write was let through. */
export function takeWrite(pace: WritePace): WritePace {
  return { ...pace, permits: pace.permits - CALLS_PER_WRITE };
}

function burstOf(perSecond: number): number {
  return Math.max(CALLS_PER_WRITE, perSecond * BURST_SHARE);
}

/** A rate that has fallen below what a burst takes is not brought to a stop by it. */
function refillPerSecond(perSecond: number): number {
  return Math.max(perSecond - burstOf(perSecond), perSecond / 2);
}
