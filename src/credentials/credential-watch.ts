/**
 * Watches what credentials refer to, for all tokens that wait for a change.
 *
 * Guarantee: a reference is looked at once in {@link LOOK_EVERY_MS}, however many wait for it; who waits is woken by the
 * first look that differs from what it has seen itself, so that no change is missed in between. When more than
 * {@link MAX_LOOKS} references are waited for, those that several wait for come first and the others take turns.
 * Nothing is watched while nobody waits. Only a hash of what was seen is kept.
 */

import { untilAborted } from '../core/deadline.ts';
import { forEachConcurrent } from '../core/for-each-concurrent.ts';
import type { Clock } from '../core/ports.ts';

export const LOOK_EVERY_MS = 5000;
/** A round of looks; 50 a second on average, which costs a store that is asked for each of them little. */
const MAX_LOOKS = 250;
const LOOKS_AT_ONCE = 16;

/** What a reading has seen, by reference: a hash, or `undefined` when it could not tell. */
export type SeenStamps = ReadonlyMap<string, string | undefined>;

interface CredentialWatchDeps {
  /** The hash of what a reference holds now; `undefined` when that cannot be told at present. */
  readonly look: (reference: string, signal: AbortSignal) => Promise<string | undefined>;
  readonly clock: Clock;
}

interface Waiter {
  readonly seen: SeenStamps;
  readonly wake: () => void;
}

interface Watched {
  readonly waiters: Set<Waiter>;
  /** Number of the round in which it was looked at last. */
  lookedIn: number;
}

export class CredentialWatch {
  readonly #deps: CredentialWatchDeps;
  readonly #watched = new Map<string, Watched>();
  #round = 0;
  /** Aborted when nobody waits any more. */
  #idle: AbortController | undefined;

  constructor(deps: CredentialWatchDeps) {
    this.#deps = deps;
  }

  /** Resolves when a reference no longer holds what was seen; rejects with the signal's reason when aborted. */
  async untilChanged(seen: SeenStamps, signal: AbortSignal): Promise<void> {
    const changed = Promise.withResolvers<void>();
    const waiter: Waiter = { seen, wake: changed.resolve };
    signal.throwIfAborted();
    this.#join(waiter);
    try {
      await untilAborted(changed.promise, signal);
    } finally {
      this.#leave(waiter);
    }
  }

  #join(waiter: Waiter): void {
    for (const reference of waiter.seen.keys()) {
      const watched = this.#watched.get(reference) ?? { waiters: new Set(), lookedIn: 0 };
      watched.waiters.add(waiter);
      this.#watched.set(reference, watched);
    }
    if (this.#watched.size === 0 || this.#idle !== undefined) return;
    this.#idle = new AbortController();
    void this.#lookAgainAndAgain(this.#idle.signal);
  }

  #leave(waiter: Waiter): void {
    for (const reference of waiter.seen.keys()) {
      const watched = this.#watched.get(reference);
      watched?.waiters.delete(waiter);
      if (watched?.waiters.size === 0) this.#watched.delete(reference);
    }
    if (this.#watched.size > 0) return;
    this.#idle?.abort();
    this.#idle = undefined;
  }

  async #lookAgainAndAgain(idle: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#deps.clock.sleep(LOOK_EVERY_MS, idle);
        this.#round += 1;
        await forEachConcurrent(this.#choose(), LOOKS_AT_ONCE, (reference) => this.#look(reference, idle));
      }
    } catch (error) {
      if (!idle.aborted) throw error;
    }
  }

  /** What this round looks at. */
  #choose(): readonly string[] {
    const all = [...this.#watched];
    if (all.length <= MAX_LOOKS) return all.map(([reference]) => reference);
    const isShared = ({ waiters }: Watched): number => (waiters.size > 1 ? 1 : 0);
    return all
      .toSorted(([, a], [, b]) => isShared(b) - isShared(a) || a.lookedIn - b.lookedIn)
      .slice(0, MAX_LOOKS)
      .map(([reference]) => reference);
  }

  async #look(reference: string, idle: AbortSignal): Promise<void> {
    const watched = this.#watched.get(reference);
    if (watched === undefined) return;
    watched.lookedIn = this.#round;
    const stamp = await this.#deps.look(reference, idle);
    if (stamp === undefined) return;
    for (const waiter of watched.waiters) if (waiter.seen.get(reference) !== stamp) waiter.wake();
  }
}
