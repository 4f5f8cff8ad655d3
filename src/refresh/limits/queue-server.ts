import type { Clock } from '../../core/ports.ts';
import type { Priority, PriorityQueue } from './priority-queue.ts';

export interface QueueServerDeps {
  readonly clock: Clock;
  /** Whoever waits in an earlier one goes first. */
  readonly queues: readonly PriorityQueue[];
  /** Milliseconds until the first of a queue may go on; 0 when it may. */
  readonly restMs: (queue: PriorityQueue) => number;
}

/** Lets those who wait for a limit go on, one after the other. There is at most one timer, and none while nobody waits. */
export class QueueServer {
  readonly #deps: QueueServerDeps;
  /** Ends the present wait; `undefined` while nobody is served. */
  #waiting: AbortController | undefined;

  constructor(deps: QueueServerDeps) {
    this.#deps = deps;
  }

  /** Those who wait. */
  get length(): number {
    return this.#deps.queues.reduce((sum, { length }) => sum + length, 0);
  }

  /** As {@link PriorityQueue.join}. */
  async wait(
    queue: PriorityQueue,
    priority: Priority,
    signal: AbortSignal,
    onCall: () => void,
  ): Promise<void> {
    const turn = queue.join(priority, signal, onCall);
    if (this.#waiting === undefined) void this.#serve();
    try {
      await turn;
    } finally {
      if (this.length === 0) this.lookAgain();
    }
  }

  /** Somebody may go on sooner, or nobody waits any more. */
  lookAgain(): void {
    this.#waiting?.abort();
  }

  async #serve(): Promise<void> {
    const { clock, queues, restMs } = this.#deps;
    for (;;) {
      const queue = queues.find(({ length }) => length > 0);
      if (queue === undefined) break;
      const waitMs = restMs(queue);
      if (waitMs > 0) {
        const { signal } = (this.#waiting = new AbortController());
        await clock.sleep(waitMs, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      } else queue.callNext();
    }
    this.#waiting = undefined;
  }
}
