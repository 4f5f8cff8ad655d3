/**
 * What this process knows of the published tokens: read from the store, many secrets in a call, never fetched.
 *
 * Guarantee: in a term of leadership nothing is fetched because of an older view. What this process knew from before the
 * term is read again, and what could not be read is distrusted: its managed token reads it before it fetches, as it does with
 * a token that was never read.
 */

import { forEachConcurrent } from '../core/for-each-concurrent.ts';
import type { Clock, TextReader, TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { readInBatches, type SecretBatch } from '../core/secret-batches.ts';

/** What the view needs of a managed token. */
export interface ViewedToken {
  /** The secrets that {@link ViewedToken.restore} reads. */
  readonly secretNames: readonly string[];
  /** Milliseconds until its refresh is due, as far as is known; negative when it is overdue or there is no token. */
  dueInMs(): number;
  /** Learns what the store holds, without fetching. */
  restore(signal: AbortSignal, reader: TextReader): Promise<Result<void>>;
  /** What is known may be out of date: the store has to be read before anything is fetched. */
  invalidate(): void;
}

export interface TokenViewDeps {
  readonly managedTokens: readonly ViewedToken[];
  readonly store: Pick<TokenStore, 'read' | 'readMany'>;
  readonly clock: Clock;
}

/** 80 calls a second: a restart of ten thousand tokens leaves others a fifth of the account's 100. */
const BATCH_EVERY_MS = 50;
const RESTORES_AT_ONCE = 16;
/** How often a stand-by looks whether the leader should have refreshed something. */
const LOOK_EVERY_MS = 10_000;
/** The leader's time to refresh what is due, before a stand-by reads it again. */
const GRACE_MS = 30_000;
/** A token that the leader has not got refreshed is read again after so long, and after twice that each further time. */
const MIN_REREAD_MS = 10_000;
const MAX_REREAD_MS = 300_000;
/** What a stand-by reads in one look: 5 calls a second at most. */
const MAX_READS_PER_LOOK = 1_000;

export class TokenView {
  readonly #deps: TokenViewDeps;
  /** All tokens, each with the earliest monotonic time at which what is known of it was true; `undefined`: nothing is. */
  readonly #knownSinceMs: Map<ViewedToken, number | undefined>;
  /** Tokens that were read, and that the leader should have refreshed: when (monotonic) they are read again. */
  readonly #rereads = new Map<ViewedToken, { readonly atMs: number; readonly afterMs: number }>();
  /** Monotonic time before which others may have led; `undefined`: nobody has. */
  #leadsSinceMs: number | undefined;

  constructor(deps: TokenViewDeps) {
    this.#deps = deps;
    this.#knownSinceMs = new Map(deps.managedTokens.map((managed) => [managed, undefined]));
  }

  /**
   * Reads every token once. When the store does not answer, the rest is not tried: each managed token reads its secret again
   * before it fetches.
   */
  async readAll(signal: AbortSignal): Promise<void> {
    await this.#read([...this.#knownSinceMs.keys()], signal);
  }

  /** Takes tokens in and reads them once, as {@link TokenView.readAll} does. */
  async add(managedTokens: readonly ViewedToken[], signal: AbortSignal): Promise<void> {
    for (const managed of managedTokens) this.#knownSinceMs.set(managed, undefined);
    await this.#read(managedTokens, signal);
  }

  remove(managed: ViewedToken): void {
    this.#knownSinceMs.delete(managed);
    this.#rereads.delete(managed);
  }

  /**
   * Reads what is known from before `sinceMs` (monotonic), what looks due first. Ends early when aborted.
   * @param sinceMs `undefined`: nobody else leads, so that nothing is out of date
   */
  async catchUp(sinceMs: number | undefined, signal: AbortSignal): Promise<void> {
    this.#leadsSinceMs = sinceMs;
    if (sinceMs === undefined) return;
    const old = [...this.#knownSinceMs]
      .flatMap(([managed, knownMs = sinceMs]) => (knownMs < sinceMs ? [managed] : []))
      .toSorted((a, b) => a.dueInMs() - b.dueInMs());
    for (const managed of old) managed.invalidate();
    await this.#read(old, signal);
  }

  /** The managed tokens have kept the view themselves until now; from here on others may write. */
  noteEndOfTerm(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const managed of this.#knownSinceMs.keys()) this.#knownSinceMs.set(managed, nowMs);
  }

  /** Follows what the leader publishes, one read per token and refresh, until aborted. */
  async keepWarm(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      const nowMs = clock.monotonicMs();
      const rereadAtMs = (managed: ViewedToken): number => this.#rereads.get(managed)?.atMs ?? 0;
      const outdated = [...this.#knownSinceMs.keys()].filter(
        (managed) => isOutdated(managed) && rereadAtMs(managed) <= nowMs,
      );
      // What was read least is read first, so that many which are read in vain keep nobody waiting.
      outdated.sort((a, b) => rereadAtMs(a) - rereadAtMs(b));
      await this.#read(outdated.slice(0, MAX_READS_PER_LOOK), signal);
    }
  }

  /** Begins to wait for what the leader makes of a token that was read, or ends that. */
  #planReread(managed: ViewedToken, readAtMs: number): void {
    if (!isOutdated(managed)) {
      this.#rereads.delete(managed);
      return;
    }
    const formerMs = this.#rereads.get(managed)?.afterMs;
    const afterMs = formerMs === undefined ? MIN_REREAD_MS : Math.min(2 * formerMs, MAX_REREAD_MS);
    this.#rereads.set(managed, { atMs: readAtMs + afterMs, afterMs });
  }

  /** Ends early when the store does not answer or the signal is aborted. */
  async #read(managedTokens: readonly ViewedToken[], signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps;
    const namesOf = ({ secretNames }: ViewedToken): readonly string[] => secretNames;
    const options = { namesOf, everyMs: BATCH_EVERY_MS, store, clock, signal };
    for await (const batch of readInBatches(managedTokens, options))
      if (!(await this.#restore(batch, signal))) return;
  }

  /** @returns false when the store did not answer or the signal was aborted */
  async #restore(
    { items, texts, startedMs }: SecretBatch<ViewedToken>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store } = this.#deps;
    const reader: TextReader = {
      read: async (secretName) => texts.get(secretName) ?? store.read(secretName, signal),
    };
    let isAnswered = true;
    await forEachConcurrent(items, RESTORES_AT_ONCE, async (managed) => {
      const restored = await managed.restore(signal, reader);
      // Removed while it was read.
      if (!this.#knownSinceMs.has(managed)) return;
      this.#planReread(managed, startedMs);
      if (restored.ok) this.#knownSinceMs.set(managed, startedMs);
      else if (restored.failure.code === 'store-unavailable' || signal.aborted) isAnswered = false;
      // The read was under way when the term began.
      if (this.#leadsSinceMs !== undefined && startedMs < this.#leadsSinceMs) managed.invalidate();
    });
    return isAnswered;
  }
}

/** The leader should have refreshed it by now, as far as is known. */
function isOutdated(managed: ViewedToken): boolean {
  return managed.dueInMs() < -GRACE_MS;
}
