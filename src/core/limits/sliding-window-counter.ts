/**
 * Calls within a rolling window, in bounded memory: calls that follow each other closely share a span.
 *
 * Guarantee: every call of the last window is counted, and at most a sixtieth of the window longer than that, because a
 * span is taken to be as young as its youngest call may be. There are never more than 62 spans, whatever the number of
 * calls. Times are on one clock that does not go back, in milliseconds.
 */

/** Calls that were made at a moment or shortly before it. */
export interface CallSpan {
  readonly untilMs: number;
  readonly calls: number;
}

const SPANS_PER_WINDOW = 60;

/** How far back calls may count. */
export function countedMs(windowMs: number): number {
  return windowMs + windowMs / SPANS_PER_WINDOW;
}

export class SlidingWindowCounter {
  readonly #windowMs: number;
  /** Ascending. */
  #spans: { readonly untilMs: number; calls: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** How long a span lasts, in milliseconds. */
  get spanMs(): number {
    return this.#windowMs / SPANS_PER_WINDOW;
  }

  add(atMs: number): void {
    const newest = this.#spans.at(-1);
    if (newest !== undefined && atMs <= newest.untilMs) newest.calls += 1;
    else this.#spans.push({ untilMs: atMs + this.spanMs, calls: 1 });
  }

  /** Takes back a call that was added at that moment: it was not made. */
  takeBack(atMs: number): void {
    const span = this.#spans.find(({ untilMs, calls }) => atMs <= untilMs && calls > 0);
    if (span !== undefined) span.calls -= 1;
  }

  /** What another process has counted before this one counts anything. */
  restore(spans: readonly CallSpan[]): void {
    this.#spans = spans.map((span) => ({ ...span })).toSorted((a, b) => a.untilMs - b.untilMs);
  }

  /** Calls that still count; forgets the others. */
  count(nowMs: number): number {
    return this.spans(nowMs).reduce((sum, { calls }) => sum + calls, 0);
  }

  /** The spans that still count, ascending. */
  spans(nowMs: number): readonly CallSpan[] {
    const oldest = this.#spans[0];
    if (oldest !== undefined && nowMs - oldest.untilMs >= this.#windowMs)
      this.#spans = this.#spans.filter(({ untilMs }) => nowMs - untilMs < this.#windowMs);
    return this.#spans;
  }

  /** Whole milliseconds until fewer than `limit` calls count; 0 when that is so now. */
  roomInMs(limit: number, nowMs: number): number {
    let counted = this.count(nowMs);
    let waitMs = 0;
    for (const { untilMs, calls } of this.#spans) {
      if (counted < limit) break;
      counted -= calls;
      waitMs = Math.ceil(untilMs + this.#windowMs - nowMs);
    }
    return waitMs;
  }
}
