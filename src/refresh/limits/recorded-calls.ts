/**
 * The calls of a provider within a window, counted across restarts.
 *
 * Guarantee: a call is on record before it is made, so that a process that is killed at any moment leaves no fewer calls
 * on record than it has made. To write seldom, room for a fiftieth of the limit is set aside at a time: a crash costs at
 * most that much, until the window has passed. Nothing is written more than about 110 times a window, whatever its limit.
 * Non-guarantee: without a place for the record each process counts from zero; a wall clock that is set on
 * between two processes makes the calls of the first look older than they are; a record that cannot be written is
 * reported by its adapter and does not keep a token from being fetched.
 */

import { SlidingWindowCounter } from '../../core/limits/sliding-window-counter.ts';
import type { Clock, FetchCounts } from '../../core/ports.ts';

export interface RecordedCallsDeps {
  readonly provider: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly counts: FetchCounts | undefined;
  readonly clock: Clock;
}

const BLOCKS_PER_LIMIT = 50;
/** A reservation outlasts a slow disk, however short the window. */
const MIN_RESERVED_MS = 10_000;

export class RecordedCalls {
  readonly #deps: RecordedCallsDeps;
  readonly #calls: SlidingWindowCounter;
  /** Calls that are on record and not made yet; they count as made at the end. */
  #reservation: { readonly untilMs: number; left: number } | undefined;
  #restoring: Promise<void> | undefined;
  #reserving: Promise<void> | undefined;

  constructor(deps: RecordedCallsDeps) {
    this.#deps = deps;
    this.#calls = new SlidingWindowCounter(deps.windowMs);
  }

  /** Learns once what former processes have counted. Call it before anything is counted. */
  restore(): Promise<void> {
    this.#restoring ??= this.#restore();
    return this.#restoring;
  }

  get count(): number {
    return this.#calls.count(this.#nowMs());
  }

  /** Milliseconds until fewer than `limit` calls count; 0 when that is so now. */
  roomInMs(limit: number): number {
    return this.#calls.roomInMs(limit, this.#nowMs());
  }

  /** Counts a call that is about to be made. @returns when it counts as made, monotonic */
  async add(): Promise<number> {
    while (this.#deps.counts !== undefined && !this.#takeReserved()) {
      this.#reserving ??= this.#reserve(this.#deps.counts).finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    const nowMs = this.#nowMs();
    this.#calls.add(nowMs);
    return nowMs;
  }

  /** The call that was added at that moment was not made. */
  takeBack(atMs: number): void {
    this.#calls.takeBack(atMs);
  }

  #takeReserved(): boolean {
    const reservation = this.#reservation;
    if (reservation === undefined || this.#nowMs() >= reservation.untilMs) return false;
    reservation.left -= 1;
    if (reservation.left === 0) this.#reservation = undefined;
    return true;
  }

  async #reserve(counts: FetchCounts): Promise<void> {
    const { provider, limit, clock } = this.#deps;
    const nowMs = this.#nowMs();
    const block = Math.ceil(limit / BLOCKS_PER_LIMIT);
    const reservation = {
      untilMs: nowMs + this.#reservedForMs,
      left: Math.max(1, Math.min(block, limit - this.count)),
    };
    const spans = [...this.#calls.spans(nowMs), { untilMs: reservation.untilMs, calls: reservation.left }];
    const toWallMs = clock.now() - nowMs;
    await counts.write(
      provider,
      spans.map(({ untilMs, calls }) => ({ untilMs: Math.round(untilMs + toWallMs), calls })),
    );
    this.#reservation = reservation;
  }

  async #restore(): Promise<void> {
    const { provider, counts, clock } = this.#deps;
    if (counts === undefined) return;
    const spans = await counts.read(provider);
    const [nowMs, wallMs] = [this.#nowMs(), clock.now()];
    this.#calls.restore(
      spans.map(({ untilMs, calls }) => ({
        // A clock that was set back since makes a call no younger than one that is being made.
        untilMs: nowMs + Math.min(untilMs - wallMs, this.#reservedForMs),
        calls,
      })),
    );
  }

  get #reservedForMs(): number {
    return Math.max(this.#calls.spanMs, MIN_RESERVED_MS);
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}
