/**
 * What waits for a turn: the lowest priority number goes first, and equals in the order in which they came.
 *
 * Guarantee: what is called or aborted leaves nothing behind, neither a place nor a listener. One listener serves all
 * that wait with the same signal: to remove one of thousands, a signal walks past the others.
 */

import { abortReason } from '../../core/deadline.ts';

/** A number, or before all numbers. */
export type Priority = number | 'first';

interface Place {
  readonly priority: Priority;
  readonly order: number;
  readonly signal: AbortSignal;
  readonly call: () => void;
  readonly dismiss: () => void;
}

export class PriorityQueue {
  /** The next one to be called is the last. To insert one among ten thousand takes microseconds. */
  readonly #places: Place[] = [];
  readonly #bySignal = new Map<EventTarget, Set<Place>>();
  #joined = 0;

  get length(): number {
    return this.#places.length;
  }

  /**
   * Resolves when called; rejects with the signal's reason when aborted before that.
   * @param onCall runs within the call itself, before anything else can
   */
  join(priority: Priority, signal: AbortSignal, onCall?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const dismiss = (): void => reject(abortReason(signal));
      if (signal.aborted) {
        dismiss();
        return;
      }
      this.#joined += 1;
      const call = (): void => {
        onCall?.();
        resolve();
      };
      const place: Place = { priority, order: this.#joined, signal, call, dismiss };
      this.#places.splice(this.#indexOf(place), 0, place);
      const places = this.#bySignal.get(signal);
      if (places !== undefined) {
        places.add(place);
        return;
      }
      this.#bySignal.set(signal, new Set([place]));
      signal.addEventListener('abort', this.#onAbort);
    });
  }

  /** Calls the first one. False when none waits. */
  callNext(): boolean {
    const first = this.#places.at(-1);
    if (first === undefined) return false;
    this.#remove(first);
    first.call();
    return true;
  }

  readonly #onAbort = ({ target }: Event): void => {
    for (const place of (target === null ? undefined : this.#bySignal.get(target)) ?? []) {
      this.#remove(place);
      place.dismiss();
    }
  };

  #remove(place: Place): void {
    this.#places.splice(this.#indexOf(place), 1);
    const { signal } = place;
    const places = this.#bySignal.get(signal);
    places?.delete(place);
    if (places === undefined || places.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
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
