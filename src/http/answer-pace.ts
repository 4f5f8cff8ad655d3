/**
 * Lets large answers go one after the other, no more than one in {@link EVERY_MS}.
 *
 * Guarantee: in the order of the requests; whoever asks when nobody else does waits for nothing. Sending a megabyte takes
 * some milliseconds, so callers that ask without pause would take all of the time. Their number is bounded by the server.
 */
import type { Clock } from '../core/ports.ts';

/** A scrape of 200 providers takes 1.5 ms to send: 3 % of a core, for 50 callers at once no more than 2.5 s of patience. */
const EVERY_MS = 50;

interface Waiting {
  /** The caller has gone away: it takes no turn. */
  readonly isGone: () => boolean;
  readonly go: () => void;
}

export class AnswerPace {
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  readonly #waiting = new Set<Waiting>();
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, onFault }: { readonly clock: Clock; readonly onFault: (error: unknown) => void }) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** Resolves when the answer may be sent; never when the caller has gone away. */
  turn(isGone: () => boolean): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#waiting.size === 0 && nowMs - this.#lastMs >= EVERY_MS) {
      this.#lastMs = nowMs;
      return Promise.resolve();
    }
    return new Promise((go) => {
      this.#waiting.add({ isGone, go });
      if (this.#waiting.size === 1) this.#run().catch(this.#onFault);
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      await this.#clock.sleep(EVERY_MS);
      const next = this.#waiting.values().find(({ isGone }) => !isGone());
      for (const each of this.#waiting) {
        this.#waiting.delete(each);
        if (each === next) break;
      }
      if (next === undefined) continue;
      this.#lastMs = this.#clock.monotonicMs();
      next.go();
    }
  }
}
