import type { Lease } from './lease.ts';

/**
 * When a stand-by may take a lease, judged without anybody's wall clock: it has to see the same record for as long as
 * the record's own duration, on its own monotonic clock. The times in the record are never compared with anything.
 */
export class ObservedLease {
  #recordText: string | undefined;
  #isHeld = false;
  #durationMs = 0;
  #sinceMonotonicMs = 0;

  /** @param atMonotonicMs taken after the answer has arrived: late is safe, early is not */
  observe({ record, recordText }: Lease, ownIdentity: string, atMonotonicMs: number): void {
    if (recordText !== this.#recordText) this.#sinceMonotonicMs = atMonotonicMs;
    this.#recordText = recordText;
    this.#isHeld = record.holder !== '' && record.holder !== ownIdentity;
    this.#durationMs = record.durationMs;
  }

  /**
   * The lease is not there. Its holder may go on until it notices, so somebody who has seen one waits as if the record
   * had changed.
   */
  observeAbsence(atMonotonicMs: number): void {
    if (this.#recordText !== undefined) this.#sinceMonotonicMs = atMonotonicMs;
    this.#recordText = undefined;
  }

  /** Milliseconds until it may be taken; 0 or less when it may be now. */
  freeInMs(nowMonotonicMs: number): number {
    return this.#isHeld ? this.#sinceMonotonicMs + this.#durationMs - nowMonotonicMs : 0;
  }
}
