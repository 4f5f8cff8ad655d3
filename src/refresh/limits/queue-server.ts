import type { Clock } from '../../core/ports.ts';
import { untilAborted } from '../until-aborted.ts';
import type { Priority, PriorityQueue } from './priority-queue.ts';

export interface QueueServerDeps {
  readonly clock: Clock;
  /** Those in an earlier queue go first. */
  readonly queues: readonly PriorityQueue[];
  /** Milliseconds until the first of a queue may go on; 0 when it may. */
  readonly waitMs: (queue: PriorityQueue) => number;
}

/** Lets those who wait for a limit go on, one after the other. There is at most one timer, and none while nobody waits. */
export class QueueServer {
  readonly #deps: QueueServerDeps;
  /** Ends the present wait; `undefined` while the queues are empty. */
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

  /** One of them may go on sooner, or none waits any more. */
  lookAgain(): void {
    this.#waiting?.abort();
  }

  async #serve(): Promise<void> {
    const { clock, queues } = this.#deps;
    for (;;) {
      const queue = queues.find(({ length }) => length > 0);
      if (queue === undefined) break;
      const waitMs = this.#deps.waitMs(queue);
      if (waitMs > 0) {
        const { signal } = (this.#waiting = new AbortController());
        await untilAborted(clock.sleep(waitMs, signal), signal);
      } else queue.callNext();
    }
    this.#waiting = undefined;
  }
}
