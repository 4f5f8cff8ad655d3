import type { Clock } from '../../core/ports.ts';
import { untilAborted } from '../until-aborted.ts';
import type { Priority, PriorityQueue } from './priority-queue.ts';

export interface ServedQueue {
  readonly queue: PriorityQueue;
  /** Milliseconds until its first one may go on; 0 when it may. */
  readonly waitMs: () => number;
}

/** Lets those who wait for a limit go on, one after the other. There is at most one timer, and none while nobody waits. */
export class QueueServer {
  readonly #clock: Clock;
  readonly #served: readonly ServedQueue[];
  /** Ends the present wait; `undefined` while the queues are empty. */
  #waiting: AbortController | undefined;

  /** @param served those in an earlier queue go first */
  constructor(clock: Clock, served: readonly ServedQueue[]) {
    this.#clock = clock;
    this.#served = served;
  }

  /** Those who wait. */
  get length(): number {
    return this.#served.reduce((sum, { queue }) => sum + queue.length, 0);
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

  /** One of them may go on sooner, or none waits any more. */
  lookAgain(): void {
    this.#waiting?.abort();
  }

  async #serve(): Promise<void> {
    for (;;) {
      const first = this.#served.find(({ queue }) => queue.length > 0);
      if (first === undefined) break;
      const waitMs = first.waitMs();
      if (waitMs > 0) {
        const { signal } = (this.#waiting = new AbortController());
        await untilAborted(this.#clock.sleep(waitMs, signal), signal);
      } else first.queue.callNext();
    }
    this.#waiting = undefined;
  }
}
