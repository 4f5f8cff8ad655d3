import { type Priority, PriorityQueue } from './priority-queue.ts';

/** Bounds how many refreshes of one provider have a turn at a time. The lowest priority goes first. */
export class ConcurrencyLimit {
  readonly #queue = new PriorityQueue();
  #free: number;

  /** @param limit turns at once, 1 or more */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Refreshes that wait for a turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Resolves with a turn, to be given back by {@link leave}; rejects with the signal's reason when aborted before that. */
  async enter(priority: Priority, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#queue.join(priority, signal);
  }

  leave(): void {
    if (!this.#queue.callNext()) this.#free += 1;
  }
}
