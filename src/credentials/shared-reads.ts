/**
 * Reads that many want at the same moment, done once.
 *
 * Guarantee: of one key at most one read is under way; who comes meanwhile waits for the next one, which all who have
 * come by then share. So a read always begins after each caller that gets its result has asked: nothing is older than
 * what was there when the caller began, and nothing is kept. Who gives up leaves the others undisturbed; a read that
 * nobody waits for any more is aborted.
 * Non-guarantee: who just misses a read waits for the rest of it too.
 */

import { untilAborted } from '../core/deadline.ts';

/** Made once, as it also ends reads that are over. */
const UNWANTED = new Error('nobody waits for it any more');

/** One read to come or under way. */
interface Batch<T> {
  readonly result: PromiseWithResolvers<T>;
  /** How many wait for it. */
  waiting: number;
  /** Of the read under way: aborted when nobody waits any more. Until it begins others may join. */
  unwanted: AbortController | undefined;
}

export class SharedReads<T> {
  readonly #read: (key: string, signal: AbortSignal) => Promise<T>;
  /** By key, for each that is being read: the batch after the present one. */
  readonly #next = new Map<string, Batch<T>>();

  /** @param read rejects only in ways that every caller expects */
  constructor(read: (key: string, signal: AbortSignal) => Promise<T>) {
    this.#read = read;
  }

  /** Rejects with the signal's reason when aborted, and as the read does. */
  async read(key: string, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const batch = this.#join(key);
    batch.waiting += 1;
    try {
      return await untilAborted(batch.result.promise, signal);
    } finally {
      batch.waiting -= 1;
      if (batch.waiting === 0) batch.unwanted?.abort(UNWANTED);
    }
  }

  #join(key: string): Batch<T> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const first = createBatch<T>();
    this.#next.set(key, first);
    // Not at once: whoever asks within the same turn shares this read already.
    queueMicrotask(() => void this.#readWhileWanted(key, first));
    return first;
  }

  async #readWhileWanted(key: string, first: Batch<T>): Promise<void> {
    let batch = first;
    while (batch.waiting > 0) {
      const following = createBatch<T>();
      this.#next.set(key, following);
      const { result } = batch;
      batch.unwanted = new AbortController();
      await this.#read(key, batch.unwanted.signal).then(result.resolve, result.reject);
      batch = following;
    }
    this.#next.delete(key);
  }
}

function createBatch<T>(): Batch<T> {
  return { result: Promise.withResolvers(), waiting: 0, unwanted: undefined };
}
