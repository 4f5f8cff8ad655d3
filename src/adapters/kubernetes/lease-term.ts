import type { Clock, Leadership } from '../../core/ports.ts';

/**
 * One term of leadership. It ends by itself when it has not been extended for long enough.
 *
 * Guarantee: {@link LeaseTerm.hasEnded} is true after the deadline, whatever the timers have done: the
 * clock is compared each time. A process that was stopped for a minute may handle an answer before the timer of the
 * deadline, because Node's event loop takes I/O first; it still finds the term ended when it asks.
 * Non-guarantee: code that asks the signal alone, or is stopped between asking and acting, may be late.
 */
export class LeaseTerm implements Leadership {
  readonly sinceMonotonicMs: number;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  #deadlineMonotonicMs: number;

  constructor(clock: Clock, deadlineMonotonicMs: number) {
    this.#clock = clock;
    this.sinceMonotonicMs = clock.monotonicMs();
    this.#deadlineMonotonicMs = deadlineMonotonicMs;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  hasEnded(): boolean {
    if (!this.#end.signal.aborted && this.#clock.monotonicMs() >= this.#deadlineMonotonicMs)
      this.end('leadership was lost: the lease could not be renewed in time');
    return this.#end.signal.aborted;
  }

  /** Milliseconds until the term ends unless it is extended; 0 when it has ended. */
  get leftMs(): number {
    return this.hasEnded() ? 0 : this.#deadlineMonotonicMs - this.#clock.monotonicMs();
  }

  /** Moves the deadline. A term that has ended stays ended. */
  extend(deadlineMonotonicMs: number): void {
    if (!this.hasEnded()) this.#deadlineMonotonicMs = deadlineMonotonicMs;
  }

  end(why: string): void {
    this.#end.abort(new Error(why));
  }

  /** Ends the term at its deadline; resolves when it has ended. */
  async watch(): Promise<void> {
    while (!this.hasEnded()) {
      await this.#clock.sleep(this.leftMs, this.#end.signal).catch(() => undefined);
    }
  }
}
