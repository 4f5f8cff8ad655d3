interface Waiter {
  readonly priority: number;
  enter(): void;
}

/** Bounds how many refreshes of one provider run at once. The lowest priority number goes first. */
export class FetchGate {
  #free: number;
  readonly #waiters: Waiter[] = [];

  /** @param limit refreshes at once, 1 or more */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Runs `work` as soon as there is room; rejects with the signal's reason when aborted before that. */
  async run<T>(priority: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(priority, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const waiter: Waiter = {
        priority,
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const behind = this.#waiters.findIndex((other) => other.priority > priority);
      this.#waiters.splice(behind === -1 ? this.#waiters.length : behind, 0, waiter);
    });
  }

  #leave(): void {
    const next = this.#waiters.shift();
    if (next === undefined) this.#free += 1;
    else next.enter();
  }
}
