/**
 * A text that is expensive to make, for as many as ask.
 *
 * Guarantee: at most one is in the making, and all who ask meanwhile and for some time afterwards get the same: making it
 * takes no more than {@link MAX_SHARE} of the time, however often it is asked for. Bytes, because encoding a text of a
 * megabyte for each answer costs more than sending it. A failure is for those alone who waited for it.
 */
import type { Clock } from '../core/ports.ts';

/** A scraper that asks every second gets a new text each time, as long as it is cheap. */
const MIN_KEPT_MS = 1_000;
/** Share of a core that making the text may take. */
const MAX_SHARE = 0.05;

export class SharedText {
  readonly #make: () => Promise<string>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #bytes: Promise<Buffer> | undefined;
  #goodUntilMs = Number.POSITIVE_INFINITY;

  constructor(make: () => Promise<string>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#make = make;
    this.#clock = clock;
  }

  /** The text as UTF-8. Rejects as `make` does. */
  get(): Promise<Buffer> {
    if (this.#bytes !== undefined && this.#clock.monotonicMs() < this.#goodUntilMs) return this.#bytes;
    this.#goodUntilMs = Number.POSITIVE_INFINITY;
    const bytes = this.#makeBytes();
    this.#bytes = bytes;
    return bytes;
  }

  async #makeBytes(): Promise<Buffer> {
    const startedMs = this.#clock.monotonicMs();
    try {
      return Buffer.from(await this.#make());
    } catch (error) {
      this.#bytes = undefined;
      throw error;
    } finally {
      const nowMs = this.#clock.monotonicMs();
      this.#goodUntilMs = nowMs + Math.max(MIN_KEPT_MS, (nowMs - startedMs) / MAX_SHARE);
    }
  }
}
