import type { Clock } from '../../core/ports.ts';
import { untilAborted } from '../until-aborted.ts';
import { type Priority, PriorityQueue } from './priority-queue.ts';

/** Lets those who wait for a limit go on, one after the other. There is at most one timer, and none while nobody waits. */
export class QueueServer<Lane> {
  readonly #clock: Clock;
  readonly #queues: ReadonlyMap<Lane, PriorityQueue>;
  readonly #waitMs: (lane: Lane) => number;
  /** Ends the present wait; `undefined` while the queues are empty. */
  #waiting: AbortController | undefined;

  /**
   * @param lanes those in an earlier one go first
   * @param waitMs milliseconds until the first one of a lane may go on; 0 when it may
   */
  constructor(clock: Clock, lanes: readonly Lane[], waitMs: (lane: Lane) => number) {
    this.#clock = clock;
    this.#queues = new Map(lanes.map((lane) => [lane, new PriorityQueue()]));
    this.#waitMs = waitMs;
  }

  /** Those who wait. */
  get length(): number {
    return this.#queues.values().reduce((sum, { length }) => sum + length, 0);
  }

  lengthOf(lane: Lane): number {
    return this.#queues.get(lane)?.length ?? 0;
  }

  /** As {@link PriorityQueue.join}. */
  async wait(lane: Lane, priority: Priority, signal: AbortSignal, onCall: () => void): Promise<void> {
    const turn = this.#queues.get(lane)?.join(priority, signal, onCall);
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
      const first = this.#queues.entries().find(([, queue]) => queue.length > 0);
      if (first === undefined) break;
      const [lane, queue] = first;
      const waitMs = this.#waitMs(lane);
      if (waitMs > 0) {
        const { signal } = (this.#waiting = new AbortController());
        await untilAborted(this.#clock.sleep(waitMs, signal), signal);
      } else queue.callNext();
    }
    this.#waiting = undefined;
  }
}
