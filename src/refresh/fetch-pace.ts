import type { Failure } from '../core/failure.ts';
import { type Moment, momentAt, msUntil } from '../core/moment.ts';
import type { Clock } from '../core/ports.ts';

/** When the provider may be asked for one token again: its `minInterval`, and what it demanded with `Retry-After`. */
export class FetchPace {
  readonly #clock: Clock;
  readonly #minIntervalMs: number;
  /** Before this the provider does not want to be asked, not even for a human. */
  #notBefore: Moment | undefined;
  #lastFetchMonotonicMs: number | undefined;

  constructor(parts: { readonly clock: Clock; readonly minIntervalMs: number }) {
    this.#clock = parts.clock;
    this.#minIntervalMs = parts.minIntervalMs;
  }

  recordFetch(): void {
    this.#lastFetchMonotonicMs = this.#clock.monotonicMs();
  }

  recordFailure({ retryAfterMs }: Failure): void {
    this.#notBefore =
      retryAfterMs === undefined ? undefined : momentAt(this.#clock.now() + retryAfterMs, this.#clock);
  }

  /** Milliseconds until a demanded wait is over; 0 when there is none. */
  demandedRestMs(): number {
    return this.#notBefore === undefined ? 0 : Math.max(0, msUntil(this.#notBefore, this.#clock));
  }

  /**
   * Milliseconds until `minInterval` has passed; 0 when it has.
   * @param issuedAtMs of the published document: after a restart it tells when the provider was last asked with success
   */
  intervalRestMs(issuedAtMs: number | undefined): number {
    return Math.max(0, this.#minIntervalMs - this.#sinceLastFetchMs(issuedAtMs));
  }

  #sinceLastFetchMs(issuedAtMs: number | undefined): number {
    if (this.#lastFetchMonotonicMs !== undefined)
      return this.#clock.monotonicMs() - this.#lastFetchMonotonicMs;
    return issuedAtMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, this.#clock.now() - issuedAtMs);
  }
}
