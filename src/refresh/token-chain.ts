/**
 * The chain of refresh tokens of one token: reads, journals and saves what `chain.ts` decides.
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
  FetchReport,
  Journal,
  Random,
  RefreshEvents,
  TextReader,
  TokenStore,
} from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import {
  type ChainState,
  describeExcess,
  parseChainState,
  serializeChainState,
} from '../core/token/chain-state.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import {
  type Chain,
  choosePresented,
  clearDoubt,
  doubt,
  hasRefusal,
  isDoubted,
  learnStored,
  newestOf,
  nextState,
  notePresentation,
  noteSaved,
  refuse,
  type StoredChain,
  takeBackPresentation,
  UNREAD_CHAIN,
  type UnsavedChain,
  unsavedOf,
} from './chain.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { Term } from './term.ts';

export interface TokenChainDeps {
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

export class TokenChain {
  readonly #deps: TokenChainDeps;
  #chain: Chain = UNREAD_CHAIN;

  constructor(deps: TokenChainDeps) {
    this.#deps = deps;
  }

  /** When the newest refresh token dies, wall time in milliseconds; `undefined` when unknown or not limited. */
  get expiresAtMs(): number | undefined {
    return (unsavedOf(this.#chain)?.state ?? this.#chain.stored.state)?.refreshTokenExpiresAtMs;
  }

  /** True while the store does not have the newest refresh token: {@link TokenChain.save} has to be called. */
  get hasUnsaved(): boolean {
    return unsavedOf(this.#chain) !== undefined;
  }

  get stateSecret(): string {
    return this.#deps.stateSecret;
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
    const { store, stateSecret, fallback, clock } = this.#deps;
    const { signal } = term;
    const saved = await this.save(term);
    if (!saved.ok) return saved;
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const writable = await store.verifyWritable(stateSecret, signal);
    if (!writable.ok) return writable;
    const seed = await this.#learnSeed(signal);
    if (!seed.ok) return seed;
    const { chain, choice } = choosePresented(this.#chain, fallback === 'start-again', clock.now());
    this.#chain = chain;
    switch (choice.kind) {
      case 'present':
        return succeed(choice.state);
      case 'start':
        return succeed(undefined);
      case 'expired':
        return fail(this.#expired());
      case 'presented':
        return fail(
          this.#broken(
            `the refresh token was presented ${choice.times} times by former processes and brought none of them a new one`,
          ),
        );
    }
  }

  /** Notes that a refresh token is about to be presented: resolves when the journal has it. */
  present(presented: ChainState): Promise<void> {
    return this.#record(notePresentation(this.#chain, this.#deps.stateSecret, presented));
  }

  /**
   * Takes the refresh token of an answer over; resolves when the journal has it. It still has to be saved. An answer
   * without one keeps the old one.
   * @returns why the new one can never be saved, for people: the chain ends with it then
   */
  async accept(
    presented: ChainState | undefined,
    { result, rotatedRefreshToken, isAmbiguous = false }: FetchReport,
  ): Promise<string | undefined> {
    const answer = result.ok ? result.value : rotatedRefreshToken;
    if (answer !== undefined) this.#chain = clearDoubt(this.#chain);
    // A newer refresh token makes the note of its presentation meaningless: it is left for the next one to replace.
    if (answer?.refreshToken !== undefined)
      return this.#take(nextState(this.#chain, answer.refreshToken, answer));
    if (isAmbiguous) return undefined;
    if (result.ok) {
      if (this.#chain.note.kind !== 'none') await this.#record({ ...this.#chain, note: { kind: 'none' } });
    }
    // A 503 says nothing about a former presentation whose outcome nobody knows. What was refused stays noted: a process
    // that is killed before the chain starts again would leave it to the next one to find out.
    else if (presented !== undefined && result.failure.code !== 'chain-broken')
      await this.#record(takeBackPresentation(this.#chain));
    return undefined;
  }

  /** Fixes bytes and request token of its write, so that every retry is the same one, and journals that. */
  async #take(state: ChainState): Promise<string | undefined> {
    const { identity, stateSecret, random } = this.#deps;
    const text = serializeChainState(identity, state);
    const excess = describeExcess(`the refresh token of ${identity.token}`, text);
    if (excess === undefined) {
      const expectedVersion = this.#chain.stored.version;
      const write = { secretName: stateSecret, text, requestToken: random.uuid(), expectedVersion };
      await this.#hold({ kind: 'own', state, write });
      return undefined;
    }
    // The one before is spent for it.
    const before = newestOf(this.#chain);
    if (before !== undefined) this.#chain = refuse(this.#chain, before);
    return excess;
  }

  /** Writes what is not saved yet. */
  async save(term: Term): Promise<Result<void>> {
    const unsaved = unsavedOf(this.#chain);
    if (unsaved === undefined) return succeed(undefined);
    const { write, state } = unsaved;
    const written = await this.#deps.writer.publish('state', write, term);
    if (written.ok) {
      this.#chain = noteSaved(this.#chain, state, written.value.version);
      await this.#deps.journal?.remove(write);
      return succeed(undefined);
    }
    if (written.failure.code !== 'store-conflict') return written;
    const resolved = await this.#resolveConflict(unsaved, term.signal);
    return resolved.ok && this.hasUnsaved ? written : resolved;
  }

  /** What a fetch that brought no token means for the chain; see the rule at the head of this file. */
  async explain(
    presented: ChainState | undefined,
    { rotatedRefreshToken, isAmbiguous = false }: FetchReport,
    failure: Failure,
    term: Term,
  ): Promise<Failure> {
    if (rotatedRefreshToken !== undefined) {
      const saved = await this.save(term);
      return saved.ok ? failure : saved.failure;
    }
    // The refresh token is gone, and what it can be replaced with is refused too: only a new binding helps.
    if (presented === undefined)
      return hasRefusal(this.#chain) && failure.code === 'credentials-rejected'
        ? this.#broken(failure.message)
        : failure;
    if (failure.code === 'chain-broken') return this.#explainRefusal(presented, failure, term.signal);
    if (!isAmbiguous) return failure;
    const isSecond = isDoubted(this.#chain, presented);
    this.#chain = doubt(this.#chain, presented);
    return isSecond && failure.code !== 'aborted' ? this.#fallBack(failure) : failure;
  }

  /** It may be a lost race: then somebody has saved a newer one, and the next fetch uses that. */
  async #explainRefusal(presented: ChainState, refusal: Failure, signal: AbortSignal): Promise<Failure> {
    const read = await this.#read(signal);
    if (!read.ok) return read.failure;
    if (newestOf(this.#chain)?.refreshToken.equals(presented.refreshToken) === false) {
      const message = `${refusal.message}; a newer refresh token is in the store, using that`;
      return { ...refusal, retry: 'soon', message };
    }
    this.#chain = refuse(this.#chain, presented);
    return this.#fallBack({ ...refusal, retry: 'soon' });
  }

  /** @param failure stays as it is where the provider also hands out tokens without a refresh token */
  #fallBack(failure: Failure): Failure {
    return this.#deps.fallback === 'start-again'
      ? { ...failure, message: `${failure.message}; starting again without a refresh token` }
      : this.#broken(failure.message);
  }

  /** @returns what the store shows, believed or not */
  async #read(signal: AbortSignal, reader: TextReader = this.#deps.store): Promise<Result<StoredChain>> {
    const { stateSecret, identity } = this.#deps;
    const read = await reader.read(stateSecret, signal);
    if (!read.ok) return read;
    const parsed = read.value === undefined ? undefined : parseChainState(read.value.text, identity);
    if (parsed?.ok === false && parsed.isForeign) return fail(this.#foreign(parsed.problem));
    const stored = { state: parsed?.ok === true ? parsed.state : undefined, version: read.value?.version };
    this.#chain = learnStored(this.#chain, stored);
    return succeed(stored);
  }

  /** Once a process: later entries are this process's own. */
  async #readJournal(): Promise<Result<void>> {
    const { journal, stateSecret, identity, events } = this.#deps;
    if (journal === undefined || this.#chain.unsaved.kind !== 'unread') return succeed(undefined);
    const presentation = await journal.readPresentation(stateSecret);
    if (presentation !== undefined) this.#chain = { ...this.#chain, note: { kind: 'former', presentation } };
    const entry = await journal.read(stateSecret);
    if (entry === 'unreadable') return fail(this.#unknown());
    this.#chain = { ...this.#chain, unsaved: { kind: 'none' } };
    const parsed = entry === undefined ? undefined : parseChainState(entry.write.text, identity);
    // A renamed provider leaves an entry behind that is not this token's.
    if (entry === undefined || parsed?.ok !== true) return succeed(undefined);
    const { write } = entry;
    const excess = describeExcess(`the refresh token of ${identity.token} in the journal`, write.text);
    if (excess === undefined) {
      this.#chain = { ...this.#chain, unsaved: { kind: 'recovered', state: parsed.state, write } };
      return succeed(undefined);
    }
    events({ event: 'journal-failed', problem: excess });
    await journal.remove(write);
    return succeed(undefined);
  }

  /** Another replica, or this one before it was killed, may have saved something newer. */
  async #compareUnsaved(found: StoredChain, signal: AbortSignal): Promise<void> {
    const unsaved = unsavedOf(this.#chain);
    if (unsaved === undefined) return;
    const isSuperseded = await this.#isSuperseded(unsaved, found, signal);
    // Without the credentials it cannot be said yet. It stays, and is compared again when it is saved.
    if (!isSuperseded.ok) return;
    if (isSuperseded.value) {
      await this.#drop(unsaved);
      return;
    }
    if (unsaved.kind === 'own') return;
    const { events, identity } = this.#deps;
    events({ event: 'chain-recovered', identity, obtainedAtMs: unsaved.state.obtainedAtMs });
    this.#chain = { ...this.#chain, unsaved: { ...unsaved, kind: 'own' } };
  }

  /**
   * The store has this refresh token, or a newer one. What still follows on the store's version was obtained with it, so
   * it is newer whatever a clock that was set back in between has put into it.
   */
  async #isSuperseded(
    { state, write }: UnsavedChain,
    found: StoredChain,
    signal: AbortSignal,
  ): Promise<Result<boolean>> {
    if (found.state === undefined || write.expectedVersion === found.version) return succeed(false);
    if (found.state.seed !== state.seed) {
      const learned = await this.#learnSeed(signal);
      if (!learned.ok) return learned;
      const present = this.#chain.seed?.fingerprint();
      if (present === found.state.seed || present === state.seed)
        return succeed(present === found.state.seed);
    }
    return succeed(found.state.obtainedAtMs >= state.obtainedAtMs);
  }

  async #learnSeed(signal: AbortSignal): Promise<Result<void>> {
    const { readSeed } = this.#deps;
    if (readSeed === undefined) return succeed(undefined);
    const read = await readSeed(signal);
    if (!read.ok) return read;
    // Empty: the place is there, and nobody has put a seed into it yet.
    this.#chain = { ...this.#chain, seed: read.value?.length === 0 ? undefined : read.value };
    return succeed(undefined);
  }

  /** The newest refresh token wins: ours is saved over an older one, and dropped for a newer one. */
  async #resolveConflict(ours: UnsavedChain, signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const { version } = read.value;
    // What lies there may be no state at all (somebody overwrote it): it is replaced all the same.
    this.#chain = { ...this.#chain, stored: { ...this.#chain.stored, version } };
    const isSuperseded = await this.#isSuperseded(ours, read.value, signal);
    if (!isSuperseded.ok) return isSuperseded;
    if (isSuperseded.value) await this.#drop(ours);
    // The same bytes under the same request token, over what is there: a new one would make a version per attempt.
    else await this.#hold({ ...ours, write: { ...ours.write, expectedVersion: version } });
    return succeed(undefined);
  }

  /** Keeps a write until it has succeeded, in memory and in the journal. */
  async #hold(unsaved: UnsavedChain): Promise<void> {
    const { write, state } = unsaved;
    this.#chain = { ...this.#chain, unsaved };
    await this.#deps.journal?.write({ write, obtainedAtMs: state.obtainedAtMs });
  }

  async #drop({ write }: UnsavedChain): Promise<void> {
    this.#chain = { ...this.#chain, unsaved: { kind: 'none' } };
    await this.#deps.journal?.remove(write);
  }

  async #record(chain: Chain): Promise<void> {
    const { journal, stateSecret } = this.#deps;
    this.#chain = chain;
    if (chain.note.kind === 'none') await journal?.removePresentation(stateSecret);
    else await journal?.writePresentation(chain.note.presentation);
  }

  #broken(message: string): Failure {
    return {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `${message}; the chain is broken: ${this.#deps.remedy()}`,
    };
  }

  #expired(): Failure {
    const { identity, remedy } = this.#deps;
    return {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `the refresh token of ${identity.token} has expired: ${remedy()}`,
    };
  }

  #unknown(): Failure {
    const { stateSecret } = this.#deps;
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
        `state secret ${this.#deps.stateSecret} holds ${problem}, which is neither spent nor replaced: give each token ` +
        'a stateSecret of its own, or delete that value when its owner is gone',
    };
  }
}
