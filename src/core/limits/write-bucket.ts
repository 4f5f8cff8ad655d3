/**
 * A bucket of permits for calls to the store: how many may be made at once, and how soon the next.
 *
 * Guarantee: at a rate of N calls a second, N from 4 on, no more than N are granted in any second, however they come: a
 * tenth of them (at least one write) may come at once, and only the rest is refilled in a second.
 */

/** A fenced publish is a put and the move of a label. */
export const CALLS_PER_WRITE = 2;
/** Below this a burst of one write and its refill would be more than the rate. */
export const MIN_CALLS_PER_SECOND = 4;
const BURST_SHARE = 0.1;

/** Times are monotonic, in milliseconds. */
export interface WriteBucket {
  readonly permits: number;
  readonly atMs: number;
}

/** A bucket that has not been used for long. */
export function fullBucket(perSecond: number, nowMs: number): WriteBucket {
  return { permits: burstOf(perSecond), atMs: nowMs };
}

/** What the bucket holds at a later moment. @param perSecond the rate since then */
export function refillBucket(bucket: WriteBucket, nowMs: number, perSecond: number): WriteBucket {
  const gained = (Math.max(0, nowMs - bucket.atMs) * refillPerSecond(perSecond)) / 1000;
  return { permits: Math.min(burstOf(perSecond), bucket.permits + gained), atMs: nowMs };
}

/** Whole milliseconds until there are permits for one write; 0 when there are. */
export function waitForWrite({ permits }: WriteBucket, perSecond: number): number {
  const missing = CALLS_PER_WRITE - permits;
  return missing <= 0 ? 0 : Math.ceil((missing / refillPerSecond(perSecond)) * 1000);
}

/** The bucket after one write was let through. */
export function takeWrite({ permits, atMs }: WriteBucket): WriteBucket {
  return { permits: permits - CALLS_PER_WRITE, atMs };
}

function burstOf(perSecond: number): number {
  return Math.max(CALLS_PER_WRITE, perSecond * BURST_SHARE);
}

/** A rate that has fallen below what a burst takes is not brought to a stop by it. */
function refillPerSecond(perSecond: number): number {
  return Math.max(perSecond - burstOf(perSecond), perSecond / 2);
}
