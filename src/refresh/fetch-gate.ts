import { WaitingLine } from './waiting-line.ts';

/** Bounds how many refreshes of one provider run at once. The lowest priority number goes first. */
export class FetchGate {
  readonly #line = new WaitingLine();
  #free: number;

  /** @param limit refreshes at once, 1 or more */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Refreshes that wait for room. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Runs `work` as soon as there is room; rejects with the signal's reason when aborted before that. */
  async run<T>(priority: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#line.join(priority, signal);
    try {
      return await work();
    } finally {
      if (!this.#line.callNext()) this.#free += 1;
    }
  }
}
