/**
 * Reads that many want at the same moment, done once.
 *
 * Guarantee: of one key at most one read is under way; who comes meanwhile waits for the next one, which all who have
 * come by then share. So a read always begins after each caller that gets its result has asked: nothing is older than
 * what was there when the caller began, and nothing is kept. Who gives up leaves the others undisturbed; a read that
 * nobody waits for any more is aborted.
 * Non-guarantee: who just misses a read waits for the rest of it too.
 */

import { abortReason } from '../core/deadline.ts';

/** One read to come or under way, and who waits for it. */
interface Batch<T> {
  readonly members: Set<Member<T>>;
  /** Aborted when nobody waits any more. */
  readonly unwanted: AbortController;
}

interface Member<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
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
  read(key: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortReason(signal));
        return;
      }
      const batch = this.#join(key);
      const settled = (): void => {
        signal.removeEventListener('abort', leave);
        batch.members.delete(member);
      };
      const member: Member<T> = {
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error instanceof Error ? error : new Error('a read was rejected without an error'));
        },
      };
      const leave = (): void => {
        member.reject(abortReason(signal));
        if (batch.members.size === 0) batch.unwanted.abort(abortReason(signal));
      };
      batch.members.add(member);
      signal.addEventListener('abort', leave, { once: true });
    });
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
    while (batch.members.size > 0) {
      const following = createBatch<T>();
      this.#next.set(key, following);
      const { members, unwanted } = batch;
      await this.#read(key, unwanted.signal).then(
        (value) => members.forEach((member) => member.resolve(value)),
        (error: unknown) => members.forEach((member) => member.reject(error)),
      );
      batch = following;
    }
    this.#next.delete(key);
  }
}

function createBatch<T>(): Batch<T> {
  return { members: new Set(), unwanted: new AbortController() };
}
