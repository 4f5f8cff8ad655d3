/**
 * What this process knows of the published tokens: read from the store, never fetched.
 *
 * Guarantee: before a term of leadership begins to fetch, every token that this process knew from before is read again,
 * so that nothing fresh is fetched because of an old view. A token that was never read is read by its keeper first.
 * Non-guarantee: while the store does not answer, a term waits for it for a minute and then goes by the old view; the
 * keepers then say what is wrong, and the compare-and-swap decides.
 */
import type { Clock } from './core/ports.ts';
import type { Result } from './core/result.ts';

/** What the view needs of a token's keeper. */
export interface ViewedToken {
  /** Milliseconds until its refresh is due, as far as is known; negative when it is overdue or there is no token. */
  dueInMs(): number;
  /** Learns what the store holds, without fetching. */
  restore(signal: AbortSignal): Promise<Result<void>>;
}

export interface TokenViewParts {
  readonly keepers: readonly ViewedToken[];
  readonly clock: Clock;
}

/** Reads of the store at once. */
const READS_AT_ONCE = 16;
/** How often a stand-by looks whether the leader should have refreshed something. */
const LOOK_EVERY_MS = 30_000;
/** The leader's time to refresh what is due, before a stand-by reads it again. */
const GRACE_MS = 30_000;
/** A token that the leader does not get refreshed is not read more often than this. */
const REREAD_AFTER_MS = 300_000;
/** What a stand-by reads in one look. */
const MOST_READS_PER_LOOK = 500;
const STORE_RETRY_MS = 2_000;
const LONGEST_CATCH_UP_MS = 60_000;

export class TokenView {
  readonly #parts: TokenViewParts;
  /** Monotonic time at which what is known was true at the earliest, by token. */
  readonly #knownSinceMs = new Map<ViewedToken, number>();
  /** Monotonic time of the last attempt to read, by token. */
  readonly #triedAtMs = new Map<ViewedToken, number>();

  constructor(parts: TokenViewParts) {
    this.#parts = parts;
  }

  /**
   * Reads every token once. When the store does not answer, the rest is not tried: each keeper reads its secret again
   * before it fetches.
   */
  async readAll(signal: AbortSignal): Promise<void> {
    await this.#read(this.#parts.keepers, signal);
  }

  /** Reads what is known from before `sinceMs` (monotonic), what looks due first. Ends early when aborted. */
  async catchUp(sinceMs: number, signal: AbortSignal): Promise<void> {
    const { keepers, clock } = this.#parts;
    const giveUpAtMs = clock.monotonicMs() + LONGEST_CATCH_UP_MS;
    for (;;) {
      const old = keepers
        .filter((keeper) => (this.#knownSinceMs.get(keeper) ?? Number.POSITIVE_INFINITY) < sinceMs)
        .toSorted((a, b) => a.dueInMs() - b.dueInMs());
      if (await this.#read(old, signal)) return;
      if (signal.aborted || clock.monotonicMs() >= giveUpAtMs) return;
      await clock.sleep(STORE_RETRY_MS, signal).catch(() => undefined);
    }
  }

  /** The keepers have kept the view themselves until now; from here on others may write. */
  noteEndOfTerm(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const keeper of this.#parts.keepers) this.#knownSinceMs.set(keeper, nowMs);
  }

  /** Follows what the leader publishes, one read per token and refresh, until aborted. */
  async keepWarm(signal: AbortSignal): Promise<void> {
    const { keepers, clock } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      const nowMs = clock.monotonicMs();
      const outdated = keepers.filter(
        (keeper) =>
          keeper.dueInMs() < -GRACE_MS &&
          nowMs - (this.#triedAtMs.get(keeper) ?? Number.NEGATIVE_INFINITY) >= REREAD_AFTER_MS,
      );
      await this.#read(outdated.slice(0, MOST_READS_PER_LOOK), signal);
    }
  }

  /** @returns false when the store did not answer or the signal was aborted, so that something was left out */
  async #read(keepers: readonly ViewedToken[], signal: AbortSignal): Promise<boolean> {
    const waiting = [...keepers];
    let isComplete = true;
    const readNext = async (): Promise<void> => {
      for (let keeper = waiting.shift(); keeper !== undefined; keeper = waiting.shift()) {
        const startedMs = this.#parts.clock.monotonicMs();
        this.#triedAtMs.set(keeper, startedMs);
        const restored = await keeper.restore(signal);
        if (restored.ok) {
          this.#knownSinceMs.set(keeper, startedMs);
        } else if (restored.failure.code === 'store-unavailable' || signal.aborted) {
          isComplete = false;
          waiting.length = 0;
        }
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, readNext));
    return isComplete;
  }
}
