/**
 * The pace of all writes of this process: a store counts them together, whatever they are for.
 *
 * Guarantee: no more than `callsPerSecond` calls are let through in any second; of those that wait, refresh tokens that
 * are not saved go first, then the token whose readers run out first, then the one that came first, whatever the provider.
 * While the store says that it is throttled, the pace is lower; see `write-pace.ts`. There is at most one timer, and none
 * while none waits.
 * Non-guarantee: all calls of a publish are counted when it begins; a slow store sees the later ones later.
 */
import type { Failure } from '../../core/failure.ts';
import { WritePace } from '../../core/limits/write-pace.ts';
import type { Clock } from '../../core/ports.ts';
import type { Priority } from './priority-queue.ts';
import { QueueServer } from './queue-server.ts';

export interface WriteRateLimiterOptions {
  /** For two writes or more: with less, a burst of one write and its refill would be more than the limit. */
  readonly callsPerSecond: number;
  /** By the store's rules. */
  readonly callsPerWrite: number;
  readonly clock: Clock;
}

/** Before everything else: a refresh token that only this process has. */
export const UNSAVED_CHAIN: Priority = 'first';

export class WriteRateLimiter {
  readonly #clock: Clock;
  readonly #server: QueueServer<'writes'>;
  readonly #pace: WritePace;

  constructor({ callsPerSecond: limit, callsPerWrite, clock }: WriteRateLimiterOptions) {
    if (!(limit >= 2 * callsPerWrite))
      throw new RangeError(`a pace of at least ${2 * callsPerWrite} calls a second is needed`);
    this.#clock = clock;
    this.#pace = new WritePace(limit, callsPerWrite, clock.monotonicMs());
    this.#server = new QueueServer(clock, ['writes'], () => this.#waitMs());
  }

  /** Writes that wait for their turn. */
  get waiting(): number {
    return this.#server.length;
  }

  /** Calls a second that are let through at present. */
  get callsPerSecond(): number {
    return this.#pace.callsPerSecond(this.#clock.monotonicMs());
  }

  /**
   * Resolves when one write may be sent; rejects with the signal's reason when aborted before that.
   * @param priority {@link UNSAVED_CHAIN}, or when the token that readers see expires: wall time in milliseconds
   */
  async enter(priority: Priority, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const take = (): void => this.#pace.take();
    if (this.waiting > 0 || this.#waitMs() > 0) await this.#server.wait('writes', priority, signal, take);
    else take();
  }

  /** Slows down when the store has said that there are too many writes. */
  onThrottled({ isThrottled = false }: Failure): void {
    if (isThrottled) this.#pace.slowDown(this.#clock.monotonicMs());
  }

  /** Milliseconds until one write may be sent. */
  #waitMs(): number {
    return this.#pace.waitMs(this.#clock.monotonicMs());
  }
}
