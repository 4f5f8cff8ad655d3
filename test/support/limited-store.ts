import type { Clock, SecretWrite } from '../../src/core/ports.ts';
import { fail, type Result } from '../../src/core/result.ts';
import { MemoryStore } from './memory-store.ts';
import { buildFailure } from './sample-events.ts';

export const THROTTLED = buildFailure({
  code: 'store-unavailable',
  isThrottled: true,
  message: 'Secrets Manager throttled PutSecretValue',
});

/** A {@link MemoryStore} as an account has one: writes take time, and too many of them are refused. */
export class LimitedStore extends MemoryStore {
  /** Monotonic time of each publish as it arrived. */
  readonly arrivalsMs: number[] = [];
  /** Publishes a second that it bears. */
  limitPerSecond = Number.POSITIVE_INFINITY;
  /** How long a publish takes. */
  delayMs = 0;
  throttled = 0;
  mostInFlight = 0;
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override async publish(
    write: SecretWrite,
    signal: AbortSignal,
  ): Promise<Result<{ readonly version: string }>> {
    const nowMs = this.#clock.monotonicMs();
    this.arrivalsMs.push(nowMs);
    this.#inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    if (this.delayMs > 0) await this.#clock.sleep(this.delayMs);
    this.#inFlight -= 1;
    if (this.#arrivedSince(nowMs - 1000) > this.limitPerSecond) {
      this.throttled += 1;
      return fail(THROTTLED);
    }
    return super.publish(write, signal);
  }

  /** Most publishes that arrived within one second. */
  busiestSecond(fromMs = 0): number {
    let most = 0;
    let first = 0;
    const timesMs = this.arrivalsMs.filter((atMs) => atMs >= fromMs);
    for (const [index, atMs] of timesMs.entries()) {
      while ((timesMs[first] ?? atMs) < atMs - 1000) first += 1;
      most = Math.max(most, index - first + 1);
    }
    return most;
  }

  #arrivedSince(fromMs: number): number {
    return this.arrivalsMs.length - 1 - this.arrivalsMs.findLastIndex((atMs) => atMs <= fromMs);
  }
}
