/** APIMW's free plan: 10 requests a minute, 100 an hour, 1000 a day. */
const WINDOWS = [
  { lengthMs: 60_000, limit: 10 },
  { lengthMs: 3_600_000, limit: 100 },
  { lengthMs: 86_400_000, limit: 1000 },
] as const;

/** Counts requests in fixed windows, the way gateways do. */
export class FixedWindowLimit {
  readonly #counts = WINDOWS.map((window) => ({ ...window, startMs: Number.NEGATIVE_INFINITY, count: 0 }));

  /** Counts one request. Milliseconds until the next one is allowed; 0 when this one is. */
  take(nowMs: number): number {
    let waitMs = 0;
    for (const window of this.#counts) {
      if (nowMs - window.startMs >= window.lengthMs) {
        window.startMs = nowMs;
        window.count = 0;
      }
      window.count += 1;
      if (window.count > window.limit) waitMs = Math.max(waitMs, window.startMs + window.lengthMs - nowMs);
    }
    return waitMs;
  }
}
