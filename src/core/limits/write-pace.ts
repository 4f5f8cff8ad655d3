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

const BURST_SHARE = 0.1;

const SLOWER_FACTOR = 0.5;
/** Slower than this the store is as good as away, and finding out that it is back would take too long. */
const MIN_SHARE = 0.1;
const DECIDED_FOR_MS = 1000;
/** Of the limit, each second. */
const RECOVERED_SHARE_PER_SECOND = 1 / 30;

/** Times are monotonic, in milliseconds. */
export class WritePace {
  readonly #limitPerSecond: number;
  readonly #callsPerWrite: number;
  /** What was decided when the store last throttled. */
  #slowed: { readonly perSecond: number; readonly atMs: number } | undefined;
  /** What the bucket held at that moment. */
  #permits: number;
  #atMs: number;

  /** Of a store that was not written to for long. */
  constructor(limitPerSecond: number, callsPerWrite: number, nowMs: number) {
    this.#limitPerSecond = limitPerSecond;
    this.#callsPerWrite = callsPerWrite;
    this.#permits = this.#burstAt(limitPerSecond);
    this.#atMs = nowMs;
  }

  /** Calls a second at a moment that is not before the last decision. */
  callsPerSecond(nowMs: number): number {
    if (this.#slowed === undefined) return this.#limitPerSecond;
    const { perSecond, atMs } = this.#slowed;
    const gained = ((nowMs - atMs) / 1000) * this.#limitPerSecond * RECOVERED_SHARE_PER_SECOND;
    return Math.min(this.#limitPerSecond, perSecond + gained);
  }

  /** The store has said that there are too many writes. */
  slowDown(nowMs: number): void {
    if (this.#slowed !== undefined && nowMs - this.#slowed.atMs < DECIDED_FOR_MS) return;
    const leastPerSecond = this.#limitPerSecond * MIN_SHARE;
    const perSecond = Math.max(this.callsPerSecond(nowMs) * SLOWER_FACTOR, leastPerSecond);
    this.#slowed = { perSecond, atMs: nowMs };
  }

  /** Whole milliseconds until there are permits for one write; 0 when there are. */
  waitMs(nowMs: number): number {
    const perSecond = this.callsPerSecond(nowMs);
    const burst = this.#burstAt(perSecond);
    // A rate that has fallen below what a burst takes is not brought to a stop by it.
    const refillPerSecond = Math.max(perSecond - burst, perSecond / 2);
    const gained = (Math.max(0, nowMs - this.#atMs) * refillPerSecond) / 1000;
    this.#permits = Math.min(burst, this.#permits + gained);
    this.#atMs = nowMs;
    const missing = this.#callsPerWrite - this.#permits;
    return missing <= 0 ? 0 : Math.ceil((missing / refillPerSecond) * 1000);
  }

  /** One write is let through. */
  take(): void {
    this.#permits -= this.#callsPerWrite;
  }

  #burstAt(perSecond: number): number {
    return Math.max(this.#callsPerWrite, perSecond * BURST_SHARE);
  }
}
