import type { Clock } from '../../core/ports.ts';

/**
 * Serves those who wait for a limit, one after the other. There is at most one timer, and none while nobody waits.
 *
 * @param serve calls the next one if it may go on. Returns the milliseconds until one may, 0 when one was called, and
 *   `idle` when nobody waits
 */
export class LineServer {
  readonly #clock: Clock;
  readonly #serve: () => number | 'idle';
  /** Ends the present wait; `undefined` while nobody is served. */
  #wakeUp: AbortController | undefined;

  constructor(clock: Clock, serve: () => number | 'idle') {
    this.#clock = clock;
    this.#serve = serve;
  }

  /** Somebody has come. */
  begin(): void {
    if (this.#wakeUp === undefined) void this.#run();
  }

  /** Somebody may go on sooner, or nobody waits any more. */
  lookAgain(): void {
    this.#wakeUp?.abort();
  }

  async #run(): Promise<void> {
    this.#wakeUp = new AbortController();
    for (;;) {
      const waitMs = this.#serve();
      if (waitMs === 'idle') break;
      if (waitMs > 0) await this.#sleep(waitMs);
    }
    this.#wakeUp = undefined;
  }

  async #sleep(waitMs: number): Promise<void> {
    this.#wakeUp = new AbortController();
    const { signal } = this.#wakeUp;
    await this.#clock.sleep(waitMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
