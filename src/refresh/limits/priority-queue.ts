/**
 * Who waits for a turn: the lowest priority number goes first, and equals in the order in which they came.
 *
 * Guarantee: joining, being called and giving up cost O(log n) each; whoever gives up leaves nothing behind, neither a
 * place nor a listener. One listener serves all who wait with the same signal.
 */

interface Place {
  readonly priority: number;
  readonly order: number;
  readonly signal: AbortSignal;
  /** Where it stands in the heap. */
  index: number;
  call(): void;
  dismiss(): void;
}

/** All who wait with one signal. */
interface Batch {
  readonly places: Set<Place>;
  readonly onAbort: () => void;
}

export class PriorityQueue {
  /** A binary heap: no place is before the one that is half as far from the front. */
  readonly #heap: Place[] = [];
  readonly #batches = new Map<AbortSignal, Batch>();
  #joined = 0;

  get length(): number {
    return this.#heap.length;
  }

  /**
   * Resolves when called; rejects with the signal's reason when aborted before that.
   * @param onCall runs within the call itself, before anything else can
   */
  join(priority: number, signal: AbortSignal, onCall?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOf(signal));
        return;
      }
      this.#joined += 1;
      const place: Place = {
        priority,
        order: this.#joined,
        signal,
        index: this.#heap.length,
        call: () => {
          onCall?.();
          resolve();
        },
        dismiss: () => reject(reasonOf(signal)),
      };
      this.#heap.push(place);
      this.#moveForward(place);
      this.#joinBatch(place);
    });
  }

  /** Calls the first one. False when nobody waits. */
  callNext(): boolean {
    const first = this.#heap[0];
    if (first === undefined) return false;
    this.#remove(first);
    this.#leave(first);
    first.call();
    return true;
  }

  #joinBatch(place: Place): void {
    const { signal } = place;
    const known = this.#batches.get(signal);
    if (known !== undefined) {
      known.places.add(place);
      return;
    }
    const batch: Batch = { places: new Set([place]), onAbort: () => this.#dismissAll(signal) };
    this.#batches.set(signal, batch);
    signal.addEventListener('abort', batch.onAbort, { once: true });
  }

  #leave(place: Place): void {
    const batch = this.#batches.get(place.signal);
    batch?.places.delete(place);
    if (batch === undefined || batch.places.size > 0) return;
    this.#batches.delete(place.signal);
    place.signal.removeEventListener('abort', batch.onAbort);
  }

  #dismissAll(signal: AbortSignal): void {
    const batch = this.#batches.get(signal);
    this.#batches.delete(signal);
    for (const place of batch?.places ?? []) {
      this.#remove(place);
      place.dismiss();
    }
  }

  #remove(place: Place): void {
    const last = this.#heap.pop();
    if (last === undefined || last === place) return;
    this.#put(last, place.index);
    this.#moveForward(last);
    this.#moveBack(last);
  }

  #moveForward(place: Place): void {
    for (;;) {
      const ahead = this.#heap[(place.index - 1) >> 1];
      if (place.index === 0 || ahead === undefined || !isBefore(place, ahead)) return;
      this.#swap(place, ahead);
    }
  }

  #moveBack(place: Place): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * place.index + 1], this.#heap[2 * place.index + 2]];
      const behind = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (behind === undefined || !isBefore(behind, place)) return;
      this.#swap(place, behind);
    }
  }

  #swap(one: Place, other: Place): void {
    const { index } = one;
    this.#put(one, other.index);
    this.#put(other, index);
  }

  #put(place: Place, index: number): void {
    this.#heap[index] = place;
    place.index = index;
  }
}

function isBefore(one: Place, other: Place): boolean {
  return one.priority === other.priority ? one.order < other.order : one.priority < other.priority;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
