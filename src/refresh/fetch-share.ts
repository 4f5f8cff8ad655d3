import type { Failure } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { FetchBudget, FetchPermit } from './fetch-budget.ts';

export interface FetchShareParts {
  /** The provider's; `undefined` when it has no limit. */
  readonly budget?: FetchBudget | undefined;
  readonly clock: Clock;
}

/** Why the provider must not be called now, and for how long, as far as it can be known. */
export interface FetchRefusal {
  readonly refusal: 'no-room' | 'no-spare';
  readonly isRetry: boolean;
  readonly failure: Failure;
  readonly restMs: number;
}

/** One token's part in its provider's fetch budget: at most one permit, asked for before each call. */
export class FetchShare {
  readonly #budget: FetchBudget | undefined;
  readonly #clock: Clock;
  #permit: FetchPermit | undefined;
  #lastRegularMs = Number.NEGATIVE_INFINITY;

  constructor({ budget, clock }: FetchShareParts) {
    this.#budget = budget;
    this.#clock = clock;
  }

  /** Gets a permit, unless there is one already. `undefined`: the provider may be called. */
  async request(isFirstAttempt: boolean): Promise<FetchRefusal | undefined> {
    const budget = this.#budget;
    if (budget === undefined || this.#permit !== undefined) return undefined;
    const isRetry = !isFirstAttempt && this.#regularInMs() > 0;
    if (isRetry && budget.isSpareUsedUp) {
      const restMs = this.#regularInMs();
      return { refusal: 'no-spare', isRetry, failure: budget.describeSpareShortage(restMs), restMs };
    }
    this.#permit = await budget.request(isRetry);
    if (this.#permit !== undefined) return undefined;
    const failure = budget.describeShortage();
    return { refusal: 'no-room', isRetry, failure, restMs: failure.retryAfterMs ?? 0 };
  }

  /** Waits until it makes sense to ask again; rejects with the signal's reason when aborted. */
  async wait(
    { refusal, isRetry, restMs }: FetchRefusal,
    priority: number,
    signal: AbortSignal,
  ): Promise<void> {
    const budget = this.#budget;
    if (refusal === 'no-spare' || budget === undefined) await this.#clock.sleep(restMs, signal);
    else this.#permit = await budget.wait(priority, isRetry, signal);
  }

  /** How long the next retry has to wait because others need what is left; 0 when it has not. */
  retryRestMs(): number {
    return this.#budget?.isSpareUsedUp === true ? Math.max(0, this.#regularInMs()) : 0;
  }

  /** Counts the call that is about to be made. */
  async use(): Promise<void> {
    if (this.#permit !== undefined) await this.#budget?.use(this.#permit);
  }

  /** The provider was called with the permit. */
  settle(): void {
    if (this.#permit?.isRetry === false) this.#lastRegularMs = this.#clock.monotonicMs();
    this.#permit = undefined;
  }

  /** Gives back a permit with which no call was made. */
  giveBack(): void {
    if (this.#permit !== undefined) this.#budget?.giveBack(this.#permit);
    this.#permit = undefined;
  }

  /** Whole milliseconds until the token's next call is no retry any more. */
  #regularInMs(): number {
    return Math.ceil(this.#lastRegularMs + (this.#budget?.regularEveryMs ?? 0) - this.#clock.monotonicMs());
  }
}
