import { MAX_LEASE_MS } from '../../core/lease-timing.ts';
import type { Lease } from './lease.ts';

/**
 * When a stand-by may take a lease, judged without anybody's wall clock: it has to see the same record for as long as
 * the record's own duration, on its own monotonic clock. The times in the record are never compared with anything.
 *
 * A record that names no duration is waited for as long as ours, and none longer than a duration can be configured: more
 * was written manually, and a leader by our rules has stopped by then.
 */
export class ObservedLease {
  readonly #ownDurationMs: number;
  #recordText: string | undefined;
  #holder = '';
  #durationMs = 0;
  #sinceMonotonicMs = 0;

  /** @param ownDurationMs what we write into the record when we hold it */
  constructor(ownDurationMs: number) {
    this.#ownDurationMs = ownDurationMs;
  }

  /** Who else held it when it was last seen; `undefined`: nobody did, or we. */
  get holder(): string | undefined {
    return this.#holder === '' ? undefined : this.#holder;
  }

  /**
   * @param atMonotonicMs taken after the answer has arrived: late is safe, early is not
   * @returns `renewed`: the record's holder, who is not us, has written it since it was last seen; `changed`: anybody has
   */
  observe(
    { record, recordText }: Lease,
    ownIdentity: string,
    atMonotonicMs: number,
  ): 'renewed' | 'changed' | 'unchanged' {
    const isNew = recordText !== this.#recordText;
    const isRenewed = isNew && this.#holder !== '' && this.#holder === record.holder;
    if (isNew) this.#sinceMonotonicMs = atMonotonicMs;
    this.#recordText = recordText;
    this.#holder = record.holder === ownIdentity ? '' : record.holder;
    this.#durationMs = Math.min(record.durationMs ?? this.#ownDurationMs, MAX_LEASE_MS);
    if (isRenewed) return 'renewed';
    return isNew ? 'changed' : 'unchanged';
  }

  /**
   * The lease is not there. Its holder may go on until it notices, so somebody who has seen one waits as if the record
   * had changed; as long as ours lives, because what the deleted record said may be what it was deleted for.
   */
  observeAbsence(atMonotonicMs: number): void {
    if (this.#recordText !== undefined) this.#sinceMonotonicMs = atMonotonicMs;
    this.#recordText = undefined;
    this.#durationMs = Math.min(this.#durationMs, this.#ownDurationMs);
  }

  /** Milliseconds until it may be taken; 0 or less when it may be now. */
  freeInMs(nowMonotonicMs: number): number {
    return this.#holder === '' ? 0 : this.#sinceMonotonicMs + this.#durationMs - nowMonotonicMs;
  }
}
