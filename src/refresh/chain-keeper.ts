/**
 * Keeps the chain of refresh tokens of one token.
 *
 * Guarantee: a new refresh token goes to the journal before anything else is done with the answer that brought it, and
 * to the store before anything is published; the provider is not asked again while one is unsaved; the newest one is
 * used, never an older one. A process that is killed goes on from its journal: what the store does not have yet is
 * written before anything is fetched, unless the store has got a newer one meanwhile.
 *
 * The rule for an ambiguous outcome (the request was sent, its answer lost): the same refresh token is presented once
 * more, because it may not have been spent. If that is ambiguous too, or refused, the kind's fallback decides:
 * `start-again` fetches without one, `none` is `chain-broken` and waits for a human. A refusal may also be a lost race:
 * the store is read first, and a newer refresh token there is used.
 *
 * An answer that is still on its way when the process is killed cannot be journalled, but that the refresh token was
 * presented is noted before the request: the next process counts that as an ambiguous outcome of its own, so that it
 * presents the refresh token once more at most.
 *
 * A seed (a refresh token among the credentials, see `chain-state.ts`) is presented by the same rules. It is read before
 * each fetch: one that has changed begins a new chain at once, whatever has become of the former one, which its state
 * then replaces. A chain that has started again without a refresh token has come after the seed, which is not presented
 * again. Of two chains that meet in the store, the one of the present seed stays.
 *
 * Non-guarantee: without a journal each process counts for itself, and what is lost from the answer to the end of the
 * write is lost. The journal of a replica that does not lead is of no use to the one that does: each replica may present
 * a refresh token twice.
 */

import type { Failure } from '../core/failure.ts';
import type {
  Clock,
  Journal,
  Presentation,
  Random,
  RefreshEvents,
  SecretWrite,
  TextReader,
  TokenStore,
} from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import {
  type ChainState,
  chooseRefreshToken,
  describeExcess,
  parseChainState,
  serializeChainState,
} from '../core/token/chain-state.ts';
import type { FetchedToken, TokenIdentity } from '../core/token/token.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { Term } from './term.ts';

export interface ChainKeeperParts {
  readonly identity: TokenIdentity;
  readonly stateSecret: string;
  /** `start-again`: the provider also hands out tokens without a refresh token. */
  readonly fallback: 'start-again' | 'none';
  /** What a human has to do when the chain is broken for good: `bind customer ayu again and …`. */
  readonly remedy: () => string;
  readonly store: TokenStore;
  readonly writer: SecretWriter;
  /** Reads the refresh token among the credentials as it is now; left out where there can be none. */
  readonly readSeed?: (signal: AbortSignal) => Promise<Result<SecretText | undefined>>;
  /** `undefined`: what is unsaved is in memory alone. */
  readonly journal: Journal | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** A fetch that brought no token. */
export interface FailedFetch {
  readonly presented: ChainState | undefined;
  readonly failure: Failure;
  readonly isAmbiguous: boolean;
}

interface Unsaved {
  readonly state: ChainState;
  readonly write: SecretWrite;
}

/** What the state secret holds; no `state` when that is none, or nothing that can be read as one. */
interface Found {
  readonly state: ChainState | undefined;
  readonly version: string | undefined;
}

/** Of one refresh token whose outcome nobody knows. */
const MOST_PRESENTATIONS = 2;

export class ChainKeeper {
  readonly #parts: ChainKeeperParts;
  #newest: ChainState | undefined;
  /** As it was read last. */
  #seed: SecretText | undefined;
  #version: string | undefined;
  #unsaved: Unsaved | undefined;
  #isJournalRead = false;
  /** What the journal says about the last presentation. */
  #presentation: Presentation | undefined;
  /** The same, left behind by a former process, until it has been compared with the newest refresh token. */
  #former: Presentation | undefined;
  /** True for what the journal held at start, until it has been compared with the store. */
  #isRecovered = false;
  /** A refresh token that was presented once with an ambiguous outcome. */
  #doubted: ChainState | undefined;
  /** A refresh token that the provider has refused, or may have spent: not presented again. */
  #refused: ChainState | undefined;

  constructor(parts: ChainKeeperParts) {
    this.#parts = parts;
  }

  /** When the newest refresh token dies, wall time in milliseconds; `undefined` when unknown or not limited. */
  get expiresAtMs(): number | undefined {
    return (this.#unsaved?.state ?? this.#newest)?.refreshTokenExpiresAtMs;
  }

  /** True while the store does not have the newest refresh token: {@link ChainKeeper.save} has to be called. */
  get hasUnsaved(): boolean {
    return this.#unsaved !== undefined;
  }

  get stateSecret(): string {
    return this.#parts.stateSecret;
  }

  /** Learns what the state secret holds, and what the journal holds beyond that. Writes nothing to the store. */
  async restore(reader: TextReader, signal: AbortSignal): Promise<Result<void>> {
    const journal = await this.#readJournal();
    if (!journal.ok) return journal;
    const read = await this.#read(signal, reader);
    if (!read.ok) return read;
    await this.#compareUnsaved(read.value, signal);
    return succeed(undefined);
  }

  /**
   * What the next fetch has to present: the newest refresh token in the store, a new seed, or `undefined` to start again
   * without one. Fails when the state could not be saved after the fetch, because the answer would be lost.
   */
  async prepare(term: Term): Promise<Result<ChainState | undefined>> {
    const saved = await this.save(term);
    if (!saved.ok) return saved;
    const { signal } = term;
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const writable = await this.#parts.store.verifyWritable(this.#parts.stateSecret, signal);
    if (!writable.ok) return writable;
    const seed = await this.#learnSeed(signal);
    return seed.ok ? this.#usable() : seed;
  }

  /** Notes that a refresh token is about to be presented. @returns how to take that back when nothing was sent */
  async notePresentation({ refreshToken }: ChainState): Promise<() => Promise<void>> {
    const fingerprint = refreshToken.fingerprint();
    const former = this.#presentation?.fingerprint === fingerprint ? this.#presentation : undefined;
    const { stateSecret: secretName } = this.#parts;
    await this.#writePresentation({ secretName, fingerprint, times: (former?.times ?? 0) + 1 });
    return () => this.#writePresentation(former);
  }

  /** What became of it is known. */
  async forgetPresentation(): Promise<void> {
    if (this.#presentation !== undefined) await this.#writePresentation(undefined);
  }

  async #writePresentation(presentation: Presentation | undefined): Promise<void> {
    const { journal, stateSecret } = this.#parts;
    this.#presentation = presentation;
    if (presentation === undefined) await journal?.removePresentation(stateSecret);
    else await journal?.writePresentation(presentation);
  }

  /**
   * Takes the refresh token of an answer over; resolves when the journal has it. It still has to be saved. An answer
   * without one keeps the old one.
   * @returns why the new one can never be saved, for people: the chain ends with it then
   */
  async accept(
    answer: Pick<FetchedToken, 'refreshToken' | 'refreshTokenExpiresAtMs' | 'issuedAtMs'>,
  ): Promise<string | undefined> {
    this.#doubted = undefined;
    if (answer.refreshToken === undefined) return undefined;
    const state: ChainState = {
      refreshToken: answer.refreshToken,
      refreshTokenExpiresAtMs: answer.refreshTokenExpiresAtMs,
      obtainedAtMs: answer.issuedAtMs,
      generation: (this.#newest?.generation ?? 0) + 1,
      // Of a chain that has started again as well: the seed comes before it, and must not come again.
      seed: this.#seed?.fingerprint() ?? this.#newest?.seed,
    };
    const { identity } = this.#parts;
    const excess = describeExcess(
      `the refresh token of ${identity.token}`,
      serializeChainState(identity, state),
    );
    if (excess === undefined) await this.#freeze(state);
    // The one before is spent for it.
    else this.#refused = this.#chosen();
    return excess;
  }

  /** Writes what is not saved yet. */
  async save(term: Term): Promise<Result<void>> {
    if (this.#unsaved === undefined) return succeed(undefined);
    const { write, state } = this.#unsaved;
    const written = await this.#parts.writer.publish('state', write, term);
    if (written.ok) {
      this.#newest = state;
      this.#version = written.value.version;
      await this.#settle();
      return succeed(undefined);
    }
    if (written.failure.code === 'store-conflict') {
      const resolved = await this.#resolveConflict(this.#unsaved, term.signal);
      if (!resolved.ok) return resolved;
      if (this.#unsaved === undefined) return succeed(undefined);
    }
    return written;
  }

  /** What a fetch that brought no token means for the chain; see the rule at the head of this file. */
  async handleFailure(
    { presented, failure, isAmbiguous }: FailedFetch,
    signal: AbortSignal,
  ): Promise<Failure> {
    if (presented === undefined) return this.#afterStartAgain(failure);
    if (failure.code === 'chain-broken') return this.#handleRefusal(presented, failure, signal);
    if (!isAmbiguous) return failure;
    if (this.#doubted?.refreshToken.equals(presented.refreshToken) !== true) {
      this.#doubted = presented;
      return failure;
    }
    this.#refused = presented;
    return failure.code === 'aborted' ? failure : this.#fallBack(failure);
  }

  /** It may be a lost race: then somebody has saved a newer one, and the next fetch uses that. */
  async #handleRefusal(presented: ChainState, refusal: Failure, signal: AbortSignal): Promise<Failure> {
    const read = await this.#read(signal);
    if (!read.ok) return read.failure;
    if (this.#chosen()?.refreshToken.equals(presented.refreshToken) === false) {
      return {
        ...refusal,
        retry: 'soon',
        message: `${refusal.message}; a newer refresh token is in the store, using that`,
      };
    }
    this.#refused = presented;
    return this.#fallBack({ ...refusal, retry: 'soon' });
  }

  /** @param failure kept as it is where the provider also hands out tokens without a refresh token */
  #fallBack(failure: Failure): Failure {
    return this.#parts.fallback === 'start-again'
      ? { ...failure, message: `${failure.message}; starting again without a refresh token` }
      : this.#broken(failure);
  }

  /** The refresh token is gone, and what it can be replaced with is refused too: only a new binding helps. */
  #afterStartAgain(failure: Failure): Failure {
    return this.#refused !== undefined && failure.code === 'credentials-rejected'
      ? this.#broken(failure)
      : failure;
  }

  #broken({ message }: Failure): Failure {
    return {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `${message}; the chain is broken: ${this.#parts.remedy()}`,
    };
  }

  /** @returns what the store shows, believed or not */
  async #read(signal: AbortSignal, reader: TextReader = this.#parts.store): Promise<Result<Found>> {
    const { stateSecret, identity } = this.#parts;
    const read = await reader.read(stateSecret, signal);
    if (!read.ok) return read;
    const parsed = read.value === undefined ? undefined : parseChainState(read.value.text, identity);
    if (parsed?.ok === false && parsed.isForeign) return fail(this.#foreign(parsed.problem));
    const stored = parsed?.ok === true ? parsed.state : undefined;
    const found: Found = { state: stored, version: read.value?.version };
    // Reads may be stale right after a write: never step back behind what this process has saved itself.
    if (this.#newest !== undefined && (stored === undefined || stored.generation < this.#newest.generation)) {
      return succeed(found);
    }
    this.#newest = stored;
    this.#version = found.version;
    return succeed(found);
  }

  /** Once a process: later entries are this process's own. */
  async #readJournal(): Promise<Result<void>> {
    const { journal, stateSecret, identity, events } = this.#parts;
    if (journal === undefined || this.#isJournalRead) return succeed(undefined);
    this.#former = await journal.readPresentation(stateSecret);
    this.#presentation = this.#former;
    const entry = await journal.read(stateSecret);
    if (entry === 'unreadable') return fail(this.#unknown());
    this.#isJournalRead = true;
    const parsed = entry === undefined ? undefined : parseChainState(entry.write.text, identity);
    // A renamed provider leaves an entry behind that is not this token's.
    if (entry === undefined || parsed?.ok !== true) return succeed(undefined);
    const excess = describeExcess(`the refresh token of ${identity.token} in the journal`, entry.write.text);
    if (excess !== undefined) {
      events({ event: 'journal-failed', problem: excess });
      await journal.remove(entry.write);
      return succeed(undefined);
    }
    this.#unsaved = { state: parsed.state, write: entry.write };
    this.#isRecovered = true;
    return succeed(undefined);
  }

  /** Another replica, or this one before it was killed, may have saved something newer. */
  async #compareUnsaved(found: Found, signal: AbortSignal): Promise<void> {
    const unsaved = this.#unsaved;
    if (unsaved === undefined) return;
    const { events, identity } = this.#parts;
    const isOver = await this.#isSuperseded(unsaved, found, signal);
    // Without the credentials it cannot be said yet. It is kept, and compared again when it is saved.
    if (!isOver.ok) return;
    if (isOver.value) await this.#settle();
    else if (this.#isRecovered)
      events({ event: 'chain-recovered', identity, obtainedAtMs: unsaved.state.obtainedAtMs });
    this.#isRecovered = false;
  }

  /**
   * The store has this refresh token, or a newer one. What still follows on the store's version was obtained with it, so
   * it is newer whatever a clock that was set back in between has put into it.
   */
  async #isSuperseded(
    { state, write }: Unsaved,
    found: Found,
    signal: AbortSignal,
  ): Promise<Result<boolean>> {
    if (found.state === undefined || write.expectedVersion === found.version) return succeed(false);
    if (found.state.seed !== state.seed) {
      const learned = await this.#learnSeed(signal);
      if (!learned.ok) return learned;
      const present = this.#seed?.fingerprint();
      if (present === found.state.seed || present === state.seed)
        return succeed(present === found.state.seed);
    }
    return succeed(found.state.obtainedAtMs >= state.obtainedAtMs);
  }

  async #learnSeed(signal: AbortSignal): Promise<Result<void>> {
    const { readSeed } = this.#parts;
    if (readSeed === undefined) return succeed(undefined);
    const read = await readSeed(signal);
    if (!read.ok) return read;
    // Empty: the place is there, and nobody has put a seed into it yet.
    this.#seed = read.value?.length === 0 ? undefined : read.value;
    return succeed(undefined);
  }

  #chosen(): ChainState | undefined {
    return chooseRefreshToken(this.#newest, this.#seed);
  }

  #usable(): Result<ChainState | undefined> {
    const newest = this.#chosen();
    if (newest === undefined) return succeed(undefined);
    const doubt = this.#believeFormer(newest);
    if (doubt !== undefined) return fail(doubt);
    const isRefused = this.#refused?.refreshToken.equals(newest.refreshToken) === true;
    const isExpired = (newest.refreshTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) <= this.#parts.clock.now();
    // Without a fallback a refused one is presented again after a human had the time to act, never sooner.
    if (this.#parts.fallback === 'start-again' && (isRefused || isExpired)) return succeed(undefined);
    if (isExpired) return fail(this.#expired());
    return succeed(newest);
  }

  /**
   * A former process presented the newest refresh token and ended before it knew the outcome: it may be spent.
   * @returns why it must not be presented before a human had the time to act; `undefined` when it may, or need not be
   */
  #believeFormer(newest: ChainState): Failure | undefined {
    const former = this.#former;
    this.#former = undefined;
    if (former?.fingerprint !== newest.refreshToken.fingerprint()) return undefined;
    this.#doubted = newest;
    if (former.times < MOST_PRESENTATIONS) return undefined;
    this.#refused = newest;
    if (this.#parts.fallback === 'start-again') return undefined;
    const message = `the refresh token was presented ${former.times} times by former processes and brought none of them a new one`;
    return this.#broken({ code: 'chain-broken', retry: 'needs-human', message });
  }

  /** The newest refresh token wins: ours is saved over an older one, and dropped for a newer one. */
  async #resolveConflict(ours: Unsaved, signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#read(signal);
    if (!read.ok) return read;
    // What lies there may be no state at all (somebody overwrote it): it is replaced all the same.
    this.#version = read.value.version;
    const isOver = await this.#isSuperseded(ours, read.value, signal);
    if (!isOver.ok) return isOver;
    if (isOver.value) await this.#settle();
    // The same bytes under the same request token, over what is there: a new one would make a version per attempt.
    else await this.#hold({ ...ours, write: { ...ours.write, expectedVersion: read.value.version } });
    return succeed(undefined);
  }

  /** Nothing is unsaved any more. */
  async #settle(): Promise<void> {
    const settled = this.#unsaved;
    this.#unsaved = undefined;
    if (settled !== undefined) await this.#parts.journal?.remove(settled.write);
  }

  /** Fixes bytes and request token, so that every retry is the same write, and journals that. */
  async #freeze(state: ChainState): Promise<void> {
    const write: SecretWrite = {
      secretName: this.#parts.stateSecret,
      text: serializeChainState(this.#parts.identity, state),
      requestToken: this.#parts.random.uuid(),
      expectedVersion: this.#version,
    };
    await this.#hold({ state, write });
  }

  /** Keeps a write until it has succeeded, in memory and in the journal. */
  async #hold(unsaved: Unsaved): Promise<void> {
    this.#unsaved = unsaved;
    await this.#parts.journal?.write({ write: unsaved.write, obtainedAtMs: unsaved.state.obtainedAtMs });
  }

  #expired(): Failure {
    const { identity, remedy } = this.#parts;
    return {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `the refresh token of ${identity.token} has expired: ${remedy()}`,
    };
  }

  #unknown(): Failure {
    const { stateSecret } = this.#parts;
    return {
      code: 'store-unavailable',
      retry: 'backoff',
      message: `the journal cannot say whether it holds a newer refresh token for ${stateSecret}, so no older one is presented: put the journal right`,
    };
  }

  #foreign(problem: string): Failure {
    return {
      code: 'store-not-ours',
      retry: 'needs-human',
      message:
        `state secret ${this.#parts.stateSecret} holds ${problem}, which is neither spent nor replaced: give each token ` +
        'a stateSecret of its own, or delete that value when its owner is gone',
    };
  }
}
