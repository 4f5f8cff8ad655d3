/**
 * What waits for a turn: the lowest priority number goes first, and equals in the order in which they came.
 *
 * Guarantee: what is called or aborted leaves nothing behind, neither a place nor a listener.
 */

import { abortReason } from '../../core/deadline.ts';

/** A number, or before all numbers. */
export type Priority = number | 'first';

interface Place {
  readonly priority: Priority;
  readonly order: number;
  readonly call: () => void;
}

export class PriorityQueue {
  /** The next one to be called is the last. To insert one among ten thousand takes microseconds. */
  readonly #places: Place[] = [];
  #joined = 0;

  get length(): number {
    return this.#places.length;
  }

  /**
   * Resolves when called; rejects with the signal's reason when aborted before that.
   * @param onCall runs within the call itself, before anything else can
   */
  async join(priority: Priority, signal: AbortSignal, onCall?: () => void): Promise<void> {
    signal.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    const call = (): void => {
      signal.removeEventListener('abort', leave);
      onCall?.();
      turn.resolve();
    };
    this.#joined += 1;
    const place: Place = { priority, order: this.#joined, call };
    const leave = (): void => {
      this.#places.splice(this.#indexOf(place), 1);
      turn.reject(abortReason(signal));
    };
    this.#places.splice(this.#indexOf(place), 0, place);
    signal.addEventListener('abort', leave, { once: true });
    await turn.promise;
  }

  /** Calls the first one. False when none waits. */
  callNext(): boolean {
    const first = this.#places.pop();
    first?.call();
    return first !== undefined;
  }

  /** Where a place is, or belongs. */
  #indexOf(place: Place): number {
    let from = 0;
    let to = this.#places.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#places[middle];
      if (other !== undefined && isBefore(place, other)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function isBefore(one: Place, other: Place): boolean {
  if (one.priority === other.priority) return one.order < other.order;
  if (one.priority === 'first' || other.priority === 'first') return one.priority === 'first';
  return one.priority < other.priority;
}
