import type { BackoffInput } from '../core/backoff.ts';
import { type Failure, isStoreFailure } from '../core/failure.ts';

/** How often one refresh has failed, by what decides about its next wait. */
export class FailureCount {
  #provider = 0;
  #store = 0;
  #soon = 0;
  /** All of them, and those that other tokens have met; see {@link FailureCount.noteHold}. */
  total = 0;
  #previous: Failure | undefined;
  sinceMonotonicMs: number | undefined;

  note(failure: Failure, nowMonotonicMs: number): Pick<BackoffInput, 'attempt' | 'soonAttempt'> {
    this.#tell(failure, nowMonotonicMs);
    if (failure.retry === 'soon') this.#soon += 1;
    if (isStoreFailure(failure)) this.#store += 1;
    else this.#provider += 1;
    return { attempt: isStoreFailure(failure) ? this.#store : this.#provider, soonAttempt: this.#soon };
  }

  /** True when this refresh has to tell that it waits: once for each kind of failure in a row. */
  noteHold(failure: Failure, nowMonotonicMs: number): boolean {
    if (this.repeats(failure)) return false;
    this.#tell(failure, nowMonotonicMs);
    return true;
  }

  repeats({ code }: Failure): boolean {
    return code === this.#previous?.code;
  }

  #tell(failure: Failure, nowMonotonicMs: number): void {
    this.total += 1;
    this.#previous = failure;
    this.sinceMonotonicMs ??= nowMonotonicMs;
  }
}
