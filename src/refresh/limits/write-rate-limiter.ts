/**
 * The pace of all writes of this process: AWS counts them per account and region, whatever they are for.
 *
 * Guarantee: no more than `callsPerSecond` calls are let through in any second; of those that wait, refresh tokens that
 * are not saved go first, then the token whose readers run out first, then whoever came first, whatever the provider.
 * While the store says that it is throttled, the pace is lower; see `write-rate.ts`. There is at most one timer, and none
 * while nobody waits.
 * Non-guarantee: both calls of a publish are counted when it begins; a slow store sees the second one later.
 */
import type { Failure } from '../../core/failure.ts';
import {
  fullBucket,
  LEAST_CALLS_PER_SECOND,
  refillBucket,
  takeWrite,
  type WriteBucket,
  waitForWrite,
} from '../../core/limits/write-bucket.ts';
import {
  decideSlowerRate,
  fullWriteRate,
  type WriteRate,
  writeRateAt,
} from '../../core/limits/write-rate.ts';
import type { Clock } from '../../core/ports.ts';
import { LineServer } from './line-server.ts';
import { PriorityQueue } from './priority-queue.ts';

export interface WriteRateLimiterOptions {
  /** Puts and moved labels together, {@link LEAST_CALLS_PER_SECOND} or more. */
  readonly callsPerSecond: number;
  readonly clock: Clock;
}

/** Before everything else: a refresh token that only this process has. */
export const UNSAVED_CHAIN = Number.NEGATIVE_INFINITY;

export class WriteRateLimiter {
  readonly #clock: Clock;
  readonly #line = new PriorityQueue();
  #rate: WriteRate;
  #bucket: WriteBucket;
  readonly #server: LineServer;

  constructor({ callsPerSecond, clock }: WriteRateLimiterOptions) {
    if (!(callsPerSecond >= LEAST_CALLS_PER_SECOND))
      throw new RangeError(`a pace of at least ${LEAST_CALLS_PER_SECOND} calls a second is needed`);
    this.#clock = clock;
    this.#rate = fullWriteRate(callsPerSecond);
    this.#bucket = fullBucket(callsPerSecond, clock.monotonicMs());
    this.#server = new LineServer(clock, () => this.#serve());
  }

  /** Writes that wait for their turn. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Calls a second that are let through at present. */
  get callsPerSecond(): number {
    return writeRateAt(this.#rate, this.#clock.monotonicMs());
  }

  /**
   * Resolves when one write may be sent; rejects with the signal's reason when aborted before that.
   * @param priority {@link UNSAVED_CHAIN}, or when the token that readers see expires: wall time in milliseconds
   */
  async enter(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#line.length === 0 && this.#waitMs() === 0) {
      this.#bucket = takeWrite(this.#bucket);
      return;
    }
    const turn = this.#line.join(priority, signal);
    this.#server.begin();
    try {
      await turn;
    } finally {
      if (this.#line.length === 0) this.#server.lookAgain();
    }
  }

  /** Slows down when the store has said that there are too many writes. */
  onThrottled({ isThrottled = false }: Failure): void {
    if (isThrottled) this.#rate = decideSlowerRate(this.#rate, this.#clock.monotonicMs());
  }

  #serve(): number | 'idle' {
    if (this.#line.length === 0) return 'idle';
    const waitMs = this.#waitMs();
    if (waitMs > 0) return waitMs;
    this.#bucket = takeWrite(this.#bucket);
    this.#line.callNext();
    return 0;
  }

  /** Milliseconds until one write may be sent. */
  #waitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const perSecond = writeRateAt(this.#rate, nowMs);
    this.#bucket = refillBucket(this.#bucket, nowMs, perSecond);
    return waitForWrite(this.#bucket, perSecond);
  }
}
