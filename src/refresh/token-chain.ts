/**
 * Keeps the chain of refresh tokens of one token.
 *
 * Guarantee: a new refresh token goes to the journal before anything else is done with the answer that brought it, and
 * to the store before anything is published; the provider is not asked again while one is unsaved; the newest one is
 * used, never an older one. A process that is killed goes on from its journal: what the store does not have yet is
 * written before anything is fetched, unless the store has got a newer one meanwhile.
 *
 * The rule for an ambiguous outcome (the request was sent, its answer lost): the same refresh token is presented again,
 * because it may not have been spent. The kind's fallback decides how often: `start-again` fetches without one after the
 * second time, or after a refusal; `none` goes on as with any outage until the provider refuses it, which is
 * `chain-broken` and waits for a human. A gateway whose provider is down answers like one that has lost an answer, and to
 * wait for a human would be worse than to present once more what is lost in the other case anyway. A refusal may also be
 * a lost race: the store is read first, and a newer refresh token there is used.
 *
 * An answer that is still on its way when the process is killed cannot be journalled, but that the refresh token was
 * presented is noted before the request: the next process presents it once more, and after that none does before a human
 * had the time to act.
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
  Presentation,
  Random,
  RefreshEvents,
  TextReader,
  TokenSource,
  TokenStore,
} from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import {
  type ChainState,
  describeExcess,
  parseChainState,
  serializeChainState,
} from '../core/token/chain-state.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import {
  type ChainFallback,
  chosenIn,
  decidePresentation,
  type Found,
  isSame,
  isSuperseded,
  learnFailure,
  learnStored,
  nextState,
  notePresented,
  UNKNOWN_CHAIN,
  type Unsaved,
} from './chain.ts';
import type { SecretWriter } from './limits/secret-writer.ts';
import type { Term } from './term.ts';

export interface TokenChainDeps {
  readonly identity: TokenIdentity;
  readonly stateSecret: string;
  readonly fallback: ChainFallback;
  /** What a human has to do when the chain is broken and stays so: `bind customer ayu again and …`. */
  readonly remedy: () => string;
  readonly store: TokenStore;
  readonly writer: Pick<SecretWriter, 'publish'>;
  /** Reads the refresh token among the credentials as it is now. */
  readonly source: Pick<TokenSource, 'readSeed'>;
  /** `undefined`: what is unsaved is in memory alone. */
  readonly journal: Journal | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

export class TokenChain {
  readonly #deps: TokenChainDeps;
  #chain = UNKNOWN_CHAIN;
  #wasJournalRead = false;

  constructor(deps: TokenChainDeps) {
    this.#deps = deps;
  }

  /** When the newest refresh token dies, wall time in milliseconds; `undefined` when unknown or not limited. */
  get expiresAtMs(): number | undefined {
    const { unsaved, stored } = this.#chain;
    return (unsaved ?? stored).state?.refreshTokenExpiresAtMs;
  }

  /** True while the store does not have the newest refresh token: {@link TokenChain.save} has to be called. */
  get hasUnsaved(): boolean {
    return this.#chain.unsaved !== undefined;
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
    const { store, stateSecret, fallback, clock, identity } = this.#deps;
    const saved = await this.save(term);
    if (!saved.ok) return saved;
    const { signal } = term;
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const writable = await store.verifyWritable(stateSecret, signal);
    if (!writable.ok) return writable;
    const seed = await this.#learnSeed(signal);
    if (!seed.ok) return seed;
    const { chain, presents } = decidePresentation(this.#chain, fallback, clock.now());
    this.#chain = chain;
    switch (presents.kind) {
      case 'token':
        return succeed(presents.token);
      case 'nothing':
        return succeed(undefined);
      case 'expired':
        return fail(this.#needsHuman(`the refresh token of ${identity.token} has expired`));
      case 'presented-before':
        return fail(
          this.#broken(
            `the refresh token was presented ${presents.times} times by former processes and brought none of them a new one`,
          ),
        );
    }
  }

  /** Notes that a refresh token is about to be presented. */
  async note(presented: ChainState): Promise<void> {
    this.#chain = notePresented(this.#chain, presented, this.stateSecret);
    await this.#writeNote();
  }

  /**
   * Takes the refresh token of an answer over; resolves when the journal has it. It still has to be saved. An answer
   * without one keeps the old one.
   * @param presented what was noted for this call
   * @returns why the new one can never be saved, for people: the chain ends with it then
   */
  async accept(
    presented: ChainState | undefined,
    { result, rotatedRefreshToken, isAmbiguous = false }: FetchReport,
  ): Promise<string | undefined> {
    const brought = result.ok ? result.value : rotatedRefreshToken;
    // One that was fetched without a refresh token says nothing of the one that was refused.
    const { doubt } = this.#chain;
    const isDoubted = doubt.kind !== 'none' && presented !== undefined && isSame(doubt.token, presented);
    if (brought !== undefined && isDoubted) this.#chain = { ...this.#chain, doubt: { kind: 'none' } };
    // A newer refresh token makes the note meaningless: it is left for the next one to replace.
    if (brought?.refreshToken !== undefined)
      return this.#keep(nextState(this.#chain, brought.refreshToken, brought));
    // Where there is nothing else to present, the note is of processes that were killed.
    if (isAmbiguous && this.#deps.fallback === 'start-again') return undefined;
    if (result.ok) await this.#restoreNote(undefined);
    // A 503 says nothing about a former presentation whose outcome is not known. What was refused stays noted: a process
    // that is killed before the chain starts again would leave it to the next one to find out.
    else if (presented !== undefined && result.failure.code !== 'chain-broken') {
      const { note } = this.#chain;
      await this.#restoreNote(note?.kind === 'own' ? note.before : undefined);
    }
    return undefined;
  }

  /** What a fetch that brought no token means for the chain; see the rule at the head of this file. */
  async explain(
    presented: ChainState | undefined,
    failure: Failure,
    { rotatedRefreshToken, isAmbiguous = false }: FetchReport,
    term: Term,
  ): Promise<Failure> {
    if (rotatedRefreshToken !== undefined) {
      const saved = await this.save(term);
      return saved.ok ? failure : saved.failure;
    }
    if (presented === undefined) {
      // The refresh token is gone, and what it can be replaced with is refused too: only a new binding helps.
      const isLost = this.#chain.doubt.kind === 'refused' && failure.code === 'credentials-rejected';
      return isLost ? this.#broken(failure.message) : failure;
    }
    const { chain, follows } = learnFailure(
      this.#chain,
      presented,
      failure,
      isAmbiguous,
      this.#deps.fallback,
    );
    this.#chain = chain;
    switch (follows) {
      case 'nothing':
        return failure;
      case 'ask-store':
        return this.#handleRefusal(presented, failure, term.signal);
      case 'fall-back':
        return this.#fallBack(failure);
    }
  }

  /** Writes what is not saved yet. */
  async save(term: Term): Promise<Result<void>> {
    const { unsaved } = this.#chain;
    if (unsaved === undefined) return succeed(undefined);
    const { write, state } = unsaved;
    const written = await this.#deps.writer.publish('state', write, term);
    if (written.ok) {
      this.#chain = { ...this.#chain, stored: { state, version: written.value.version } };
      await this.#settle();
      return succeed(undefined);
    }
    if (written.failure.code === 'store-conflict') {
      const resolved = await this.#resolveConflict(unsaved, term.signal);
      if (!resolved.ok) return resolved;
      if (!this.hasUnsaved) return succeed(undefined);
    }
    return written;
  }

  /** Keeps a refresh token until it is saved, in memory and in the journal. */
  async #keep(state: ChainState): Promise<string | undefined> {
    const { identity, stateSecret, random, store } = this.#deps;
    const text = serializeChainState(identity, state);
    const excess = describeExcess(`the refresh token of ${identity.token}`, text, store.maxSecretBytes);
    if (excess !== undefined) {
      const spent = chosenIn(this.#chain);
      if (spent !== undefined) this.#chain = { ...this.#chain, doubt: { kind: 'refused', token: spent } };
      return excess;
    }
    const { version: expectedVersion } = this.#chain.stored;
    const write = { secretName: stateSecret, text, requestToken: random.uuid(), expectedVersion };
    await this.#hold({ from: 'answer', state, write });
    return undefined;
  }

  /** It may be a lost race: then another replica has saved a newer one, and the next fetch uses that. */
  async #handleRefusal(presented: ChainState, refusal: Failure, signal: AbortSignal): Promise<Failure> {
    const read = await this.#read(signal);
    if (!read.ok) return read.failure;
    const newest = chosenIn(this.#chain);
    if (newest !== undefined && !isSame(newest, presented)) {
      const message = `${refusal.message}; a newer refresh token is in the store, using that`;
      return { ...refusal, retry: 'soon', message };
    }
    this.#chain = { ...this.#chain, doubt: { kind: 'refused', token: presented } };
    return this.#fallBack({ ...refusal, retry: 'soon' });
  }

  /** @param failure kept as it is where the provider also hands out tokens without a refresh token */
  #fallBack(failure: Failure): Failure {
    return this.#deps.fallback === 'start-again'
      ? { ...failure, message: `${failure.message}; starting again without a refresh token` }
      : this.#broken(failure.message);
  }

  /** @returns what the store shows, believed or not */
  async #read(signal: AbortSignal, reader: TextReader = this.#deps.store): Promise<Result<Found>> {
    const { stateSecret, identity } = this.#deps;
    const read = await reader.read(stateSecret, signal);
    if (!read.ok) return read;
    const parsed = read.value === undefined ? undefined : parseChainState(read.value.text, identity);
    if (parsed?.ok === false && parsed.isForeign) return fail(this.#foreign(parsed.problem));
    const found = { state: parsed?.ok === true ? parsed.state : undefined, version: read.value?.version };
    this.#chain = learnStored(this.#chain, found);
    return succeed(found);
  }

  /** Once a process: later entries are this process's own. */
  async #readJournal(): Promise<Result<void>> {
    const { journal, store, stateSecret, identity, events } = this.#deps;
    if (journal === undefined || this.#wasJournalRead) return succeed(undefined);
    const presentation = await journal.readPresentation(stateSecret);
    const entry = await journal.read(stateSecret);
    // Another call may have been faster, and its entries been replaced since.
    if (this.#wasJournalRead) return succeed(undefined);
    if (presentation !== undefined) this.#chain = { ...this.#chain, note: { kind: 'former', presentation } };
    if (entry === 'unreadable') return fail(this.#unknown());
    this.#wasJournalRead = true;
    const parsed = entry === undefined ? undefined : parseChainState(entry.write.text, identity);
    // A renamed provider leaves an entry behind that is not this token's.
    if (entry === undefined || parsed?.ok !== true) return succeed(undefined);
    const { write } = entry;
    const what = `the refresh token of ${identity.token} in the journal`;
    const excess = describeExcess(what, write.text, store.maxSecretBytes);
    if (excess === undefined) {
      this.#chain = { ...this.#chain, unsaved: { from: 'journal', state: parsed.state, write } };
    } else {
      events({ event: 'journal-failed', problem: excess });
      await journal.remove(write);
    }
    return succeed(undefined);
  }

  /** Another replica, or this one before it was killed, may have saved something newer. */
  async #compareUnsaved(found: Found, signal: AbortSignal): Promise<void> {
    const { unsaved } = this.#chain;
    if (unsaved === undefined) return;
    const { events, identity } = this.#deps;
    const isOver = await this.#isSuperseded(unsaved, found, signal);
    // Without the credentials it cannot be said yet. It is kept, and compared again when it is saved.
    if (!isOver.ok) return;
    if (isOver.value) await this.#settle();
    else if (unsaved.from === 'journal') {
      events({ event: 'chain-recovered', identity, obtainedAtMs: unsaved.state.obtainedAtMs });
      this.#chain = { ...this.#chain, unsaved: { ...unsaved, from: 'answer' } };
    }
  }

  async #isSuperseded(unsaved: Unsaved, found: Found, signal: AbortSignal): Promise<Result<boolean>> {
    const isNext = unsaved.write.expectedVersion === found.version;
    const hasTwoSeeds = !isNext && found.state !== undefined && found.state.seed !== unsaved.state.seed;
    const learned = hasTwoSeeds ? await this.#learnSeed(signal) : succeed(undefined);
    return learned.ok ? succeed(isSuperseded(unsaved, found, this.#chain.seed?.fingerprint())) : learned;
  }

  async #learnSeed(signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#deps.source.readSeed(signal);
    if (!read.ok) return read;
    // Empty: the place is there, and no seed was put into it yet.
    this.#chain = { ...this.#chain, seed: read.value?.length === 0 ? undefined : read.value };
    return succeed(undefined);
  }

  /** The newest refresh token wins: ours is saved over an older one, and dropped for a newer one. */
  async #resolveConflict(ours: Unsaved, signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const { version } = read.value;
    // What lies there may be no state at all (another program overwrote it): it is replaced all the same.
    this.#chain = { ...this.#chain, stored: { ...this.#chain.stored, version } };
    const isOver = await this.#isSuperseded(ours, read.value, signal);
    if (!isOver.ok) return isOver;
    if (isOver.value) await this.#settle();
    // The same bytes under the same request token, over what is there: a new one would make a version per attempt.
    else await this.#hold({ ...ours, write: { ...ours.write, expectedVersion: version } });
    return succeed(undefined);
  }

  /** Nothing is unsaved any more. */
  async #settle(): Promise<void> {
    const { unsaved } = this.#chain;
    this.#chain = { ...this.#chain, unsaved: undefined };
    if (unsaved !== undefined) await this.#deps.journal?.remove(unsaved.write);
  }

  async #hold(unsaved: Unsaved): Promise<void> {
    this.#chain = { ...this.#chain, unsaved };
    await this.#deps.journal?.write({ write: unsaved.write, obtainedAtMs: unsaved.state.obtainedAtMs });
  }

  async #restoreNote(presentation: Presentation | undefined): Promise<void> {
    if (this.#chain.note === undefined) return;
    const note = presentation && ({ kind: 'own', presentation, before: presentation } as const);
    this.#chain = { ...this.#chain, note };
    await this.#writeNote();
  }

  async #writeNote(): Promise<void> {
    const { journal, stateSecret } = this.#deps;
    const { note } = this.#chain;
    if (note === undefined) await journal?.removePresentation(stateSecret);
    else await journal?.writePresentation(note.presentation);
  }

  #broken(why: string): Failure {
    return this.#needsHuman(`${why}; the chain is broken`);
  }

  #needsHuman(why: string): Failure {
    return { code: 'chain-broken', retry: 'needs-human', message: `${why}: ${this.#deps.remedy()}` };
  }

  #unknown(): Failure {
    const message = `the journal cannot say whether it holds a newer refresh token for ${this.stateSecret}, so no older one is presented: put the journal right`;
    return { code: 'store-unavailable', retry: 'backoff', message };
  }

  #foreign(problem: string): Failure {
    const message =
      `state secret ${this.stateSecret} holds ${problem}, which is neither spent nor replaced: give each token ` +
      'a stateSecret of its own, or delete that value when its owner is gone';
    return { code: 'store-not-ours', retry: 'needs-human', message };
  }
}
