/** A stretch of time in which something was broken on purpose, so that a late refresh may be excused. */
export interface Disturbance {
  readonly fromMs: number;
  /** `Infinity` while it lasts. */
  toMs: number;
  /** The only token that it concerns; `undefined`: all of them. */
  readonly token: string | undefined;
  readonly why: string;
}

/** Time without any disturbance. */
export interface QuietStretch {
  readonly fromMs: number;
  readonly toMs: number;
  /** When the disturbance before it ended; `-Infinity`: there was none. */
  readonly disturbedUntilMs: number;
}

/** Older ones excuse nothing any more: no token of a simulation lives longer. */
const KEPT_MS = 3 * 3_600_000;

/** Everything that was broken on purpose, to tell bad luck from a bug. */
export class Disturbances {
  #all: Disturbance[] = [];

  add(disturbance: Disturbance): Disturbance {
    if (this.#all.length > 5000) {
      const oldestMs = disturbance.fromMs - KEPT_MS;
      this.#all = this.#all.filter(({ toMs }) => toMs >= oldestMs);
    }
    this.#all.push(disturbance);
    return disturbance;
  }

  /** Where nothing that concerns the token was broken, in order. */
  quietStretches(token: string, fromMs: number, toMs: number): readonly QuietStretch[] {
    const relevant = this.#all
      .filter((each) => (each.token === undefined || each.token === token) && each.fromMs <= toMs)
      .toSorted((a, b) => a.fromMs - b.fromMs);
    const quiet: QuietStretch[] = [];
    let disturbedUntilMs = Number.NEGATIVE_INFINITY;
    for (const each of relevant) {
      const startMs = Math.max(fromMs, disturbedUntilMs);
      if (each.fromMs > startMs) quiet.push({ fromMs: startMs, toMs: each.fromMs, disturbedUntilMs });
      disturbedUntilMs = Math.max(disturbedUntilMs, each.toMs);
    }
    const startMs = Math.max(fromMs, disturbedUntilMs);
    if (toMs > startMs) quiet.push({ fromMs: startMs, toMs, disturbedUntilMs });
    return quiet;
  }

  /** Whether something that concerns the token was broken within the time, and what, for messages. */
  within(token: string, fromMs: number, toMs: number): readonly string[] {
    return this.#all
      .filter((each) => each.token === undefined || each.token === token)
      .filter((each) => each.fromMs <= toMs && each.toMs >= fromMs)
      .map(({ why }) => why);
  }
}
