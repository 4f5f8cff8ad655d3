/**
 * Keeps one token fresh: single flight, fetch, publish, retry.
 *
 * Guarantee: at most one fetch of this token is in flight in this process; a token that was fetched and not yet written
 * is kept and only its write is repeated; the token that readers see is replaced by a better one or not at all.
 * Non-guarantee: two processes may fetch at once; the store's compare-and-swap decides whose token stays.
 */
import { decideWait } from '../core/backoff.ts';
import type { TokenDocument } from '../core/document.ts';
import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import type { Clock, FetchWaits, Random, RefreshEvents, TextReader, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import type { ChainKeeper } from './chain-keeper.ts';
import type { FetchBudget } from './fetch-budget.ts';
import type { FetchGate } from './fetch-gate.ts';
import { FetchPace } from './fetch-pace.ts';
import { type FetchRefusal, FetchShare } from './fetch-share.ts';
import { describeEnd, type Term } from './term.ts';
import { TokenFetch } from './token-fetch.ts';
import type { TokenPublication } from './token-publication.ts';

export interface TokenKeeperParts {
  readonly identity: TokenIdentity;
  /** Shortest time between two fetches of this token, in milliseconds; 0 for none. */
  readonly minIntervalMs: number;
  readonly source: TokenSource;
  readonly store: TextReader;
  /** Where the provider's waits outlive the process; without it they are in memory alone. */
  readonly waits?: FetchWaits | undefined;
  /** The provider's, shared by all of its tokens; without it calls are not counted. */
  readonly budget?: FetchBudget | undefined;
  readonly publication: TokenPublication;
  /** For kinds with refresh tokens. */
  readonly chain: ChainKeeper | undefined;
  readonly gate: FetchGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** How a refresh ended. */
export type RefreshOutcome = Achievement | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * - `refreshed`: a newer token is readable.
 * - `unchanged`: the provider has no newer token yet.
 * - `fresh`: the store holds a token that is not due; nothing was fetched, or somebody else was faster.
 */
interface Achievement {
  readonly kind: 'refreshed' | 'unchanged' | 'fresh';
}

/** One refresh, from its start to its end over all attempts. */
interface Run {
  readonly reason: RefreshReason;
  readonly term: Term;
  /** Aborted when the token is not kept any more. */
  readonly retired: AbortSignal;
  /** Aborted then, and when the term ends in either way: no further attempt is begun. */
  readonly over: AbortSignal;
  /** The run is given up after so many failed attempts, and at once when a human or a long wait is needed. */
  readonly maxAttempts: number;
  readonly startedMs: number;
  /** Whether readers had a live token when the run began. */
  readonly beganLive: boolean;
  /** The token itself is not due: only a refresh token has to be saved that was left over. */
  readonly isForChain: boolean;
}

const RETIRED: Failure = { code: 'aborted', retry: 'soon', message: 'the token is not kept any more' };

/** Somebody waits for a run with `maxAttempts`: an hour's Retry-After would block a CronJob for an hour. */
const IMPATIENT_WAIT_MS = 60_000;

export class TokenKeeper {
  readonly #parts: TokenKeeperParts;
  readonly #pace: FetchPace;
  readonly #share: FetchShare;
  readonly #fetch: TokenFetch;
  #running: Promise<RefreshOutcome> | undefined;
  /** Ends the present run as the end of its term does, when the token is not kept any more. */
  #retiring: AbortController | undefined;
  /** Ends the present wait between two attempts. */
  #wakeUp: AbortController | undefined;

  constructor(parts: TokenKeeperParts) {
    this.#parts = parts;
    this.#pace = new FetchPace(parts);
    this.#share = new FetchShare(parts);
    this.#fetch = new TokenFetch(parts, this.#pace, this.#share);
  }

  get identity(): TokenIdentity {
    return this.#parts.identity;
  }

  get isRefreshing(): boolean {
    return this.#running !== undefined;
  }

  /** Whether the store lacks the newest refresh token. */
  get hasUnsaved(): boolean {
    return this.#parts.chain?.hasUnsaved === true;
  }

  /** The document that readers see. */
  get document(): TokenDocument | undefined {
    return this.#parts.publication.document;
  }

  /**
   * Milliseconds until the refresh is due; negative when it is overdue, when there is no token, or when the store does
   * not have the newest refresh token yet.
   */
  dueInMs(): number {
    const { chain, publication } = this.#parts;
    return chain?.hasUnsaved === true ? Number.NEGATIVE_INFINITY : publication.dueInMs();
  }

  /**
   * How long what readers see can be used to get the next one, in milliseconds: its lifetime, or less when the refresh
   * token that came with it dies earlier. `undefined` when there is no token.
   */
  get lifetimeMs(): number | undefined {
    return this.#parts.publication.lifetimeMs;
  }

  /** The secrets whose texts {@link TokenKeeper.restore} reads. */
  get secretNames(): readonly string[] {
    const { identity, chain } = this.#parts;
    return chain === undefined ? [identity.secret] : [identity.secret, chain.stateSecret];
  }

  /**
   * Learns what the store holds, without fetching.
   * @param reader in place of the store, when its texts have been read ahead
   */
  async restore(signal: AbortSignal, reader: TextReader = this.#parts.store): Promise<Result<void>> {
    const { chain, publication } = this.#parts;
    await this.#pace.restore();
    const read = chain === undefined ? succeed(undefined) : await chain.restore(reader, signal);
    return read.ok ? publication.restore(reader, signal, chain?.expiresAtMs) : read;
  }

  /** Others may have published since the store was read: it is read again before anything is fetched. */
  distrust(): void {
    this.#parts.publication.distrust();
  }

  /**
   * Refreshes the token and ends when that has succeeded, when the term ends, or after `maxAttempts` failures. A call
   * while one is running joins it; an explicit one also ends its wait, unless the provider asked for that wait.
   */
  refresh(
    reason: RefreshReason,
    term: Term,
    maxAttempts = Number.POSITIVE_INFINITY,
  ): Promise<RefreshOutcome> {
    if (this.#running === undefined)
      return this.#begin(reason, term, maxAttempts, this.#isOnlyChainDue(reason));
    if (reason === 'explicit' && this.#pace.demandedRestMs() === 0) this.#wakeUp?.abort();
    return this.#running;
  }

  /**
   * The token is not kept any more: begins no further attempt, lets what is in flight end, and saves a refresh token
   * that the store does not have. Resolves after that, or with the term.
   * @param term `undefined`: this replica does not lead, so that nothing may be written
   */
  async retire(term: Term | undefined): Promise<void> {
    this.#retiring?.abort(new Error(RETIRED.message));
    // A bug in there is told to whoever began it.
    await this.#running?.catch(() => undefined);
    if (term !== undefined && this.hasUnsaved) await this.#begin('due', term, Number.POSITIVE_INFINITY, true);
  }

  #begin(
    reason: RefreshReason,
    term: Term,
    maxAttempts: number,
    isForChain: boolean,
  ): Promise<RefreshOutcome> {
    const retiring = new AbortController();
    const run: Run = {
      reason,
      term,
      retired: retiring.signal,
      over: AbortSignal.any([term.stopping, term.signal, retiring.signal]),
      maxAttempts,
      startedMs: this.#parts.clock.monotonicMs(),
      beganLive: (this.#parts.publication.remainingMs() ?? 0) > 0,
      isForChain,
    };
    this.#retiring = retiring;
    this.#running = this.#attemptUntilDone(run).finally(() => {
      this.#running = undefined;
      this.#retiring = undefined;
    });
    return this.#running;
  }

  #isOnlyChainDue(reason: RefreshReason): boolean {
    const { chain, publication } = this.#parts;
    if (chain?.hasUnsaved !== true || publication.hasKept || publication.isDue) return false;
    return reason === 'start' || reason === 'due';
  }

  async #attemptUntilDone(run: Run): Promise<RefreshOutcome> {
    const { clock, events, identity } = this.#parts;
    events({ event: 'refresh-started', identity, reason: run.reason });
    let previous: Failure | undefined;
    let failedSinceMs: number | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attemptInTurn(run, attempt);
      if (result.ok) {
        if (failedSinceMs !== undefined) {
          const failedForMs = clock.monotonicMs() - failedSinceMs;
          events({ event: 'refresh-recovered', identity, failures: attempt - 1, failedForMs });
        }
        return result.value;
      }
      const { failure } = result;
      // Whatever fails once the term is gone fails because it is gone: nobody should be alerted.
      if (run.term.signal.aborted || run.retired.aborted) return this.#abandon(run, describeEndOf(run));
      if (failure.code === 'aborted' || failure.code === 'leadership-lost')
        return this.#abandon(run, failure);
      failedSinceMs ??= clock.monotonicMs();
      const waitMs = this.#decideWait(run, failure, attempt);
      events({
        event: 'refresh-failed',
        identity,
        failure,
        attempt,
        repeated: failure.code === previous?.code,
        nextAttemptAtMs: clock.now() + waitMs,
        expiresAtMs: this.document?.expiresAtMs,
      });
      previous = failure;
      const isOutOfPatience = failure.retry === 'needs-human' || waitMs > IMPATIENT_WAIT_MS;
      if (attempt >= run.maxAttempts || (!hasPatience(run) && isOutOfPatience))
        return { kind: 'failed', failure };
      await this.#pause(waitMs, failure, run);
    }
  }

  /** Ends a run with the term; what was fetched and could not be written yet gets a last try. */
  async #abandon(run: Run, failure: Failure): Promise<RefreshOutcome> {
    if (!run.term.signal.aborted) {
      const saved = await this.#saveChain(run.term);
      if (saved.ok && this.#parts.publication.hasKept) {
        const published = await this.#publish(run);
        if (published.ok) return published.value;
      }
    }
    this.#parts.events({ event: 'refresh-abandoned', identity: this.identity, failure });
    return { kind: 'failed', failure };
  }

  #decideWait(run: Run, failure: Failure, attempt: number): number {
    const { publication, random } = this.#parts;
    const remainingMs = run.beganLive ? publication.remainingMs() : undefined;
    this.#pace.recordFailure(failure);
    const { roomInMs, hasKept, isStoreKnown } = publication;
    const ownMs = decideWait({ failure, attempt, remainingMs, roomInMs }, random.next());
    if (run.isForChain) return ownMs;
    return Math.max(ownMs, this.#restMs(), hasKept || !isStoreKnown ? 0 : this.#share.retryRestMs());
  }

  async #attemptInTurn(run: Run, attempt: number): Promise<Result<Achievement>> {
    const { gate, publication } = this.#parts;
    try {
      for (;;) {
        await this.#rest(run);
        const priority = publication.document?.expiresAtMs ?? Number.NEGATIVE_INFINITY;
        const attempted = await gate.run(priority, run.over, () => this.#attempt(run, attempt));
        if (!('refusal' in attempted)) return attempted;
        if (!hasPatience(run) || run.reason === 'explicit') return fail(attempted.failure);
        // Not in the gate: a token that has something to write must not wait for one that may not fetch.
        await this.#share.wait(attempted, priority, run.over);
      }
    } catch (error) {
      // Only the term's own signals end a wait; anything else is a bug and must be seen.
      if (run.over.aborted) return fail(describeEndOf(run));
      throw error;
    } finally {
      this.#share.giveBack();
    }
  }

  async #attempt(run: Run, attempt: number): Promise<Result<Achievement> | FetchRefusal> {
    const { publication, chain } = this.#parts;
    const { term, reason } = run;
    if (term.stopping.aborted || term.signal.aborted) return fail(describeEnd(term));
    if (run.isForChain) return this.#stayFresh(term);
    publication.dropStaleKept();
    if (!publication.isStoreKnown) {
      const restored = await this.restore(term.signal);
      if (!restored.ok) return restored;
      if (!publication.isDue && reason !== 'explicit') return this.#stayFresh(term);
      // Only now it is known when the provider was last asked.
      await this.#rest(run);
    }
    if (!publication.hasKept) {
      const held = this.#pace.heldBack();
      if (held !== undefined) return fail(held);
      const refused = await this.#share.request(attempt === 1);
      if (refused !== undefined) return refused;
      const isPostponed = await publication.reconsider(term, chain?.expiresAtMs);
      const isPatient = attempt === 1 && (reason === 'due' || reason === 'start');
      if (isPostponed && isPatient) return this.#stayFresh(term);
      const fetched = await this.#fetch.run(term);
      if (!fetched.ok) return fetched;
      const token = fetched.value;
      if (publication.declineUnchanged(token, reason === 'explicit')) {
        const saved = await this.#saveChain(term);
        return saved.ok ? succeed({ kind: 'unchanged' }) : saved;
      }
      publication.keep(token, endOfChain(token, chain), attempt > 1 || isOffSchedule(run));
    }
    return this.#write(run);
  }

  /** Nothing has to be fetched; a refresh token that was left over still has to be saved. */
  async #stayFresh(term: Term): Promise<Result<Achievement>> {
    const saved = await this.#saveChain(term);
    return saved.ok ? succeed({ kind: 'fresh' }) : saved;
  }

  /** The refresh token first: without it the next fetch would present a spent one. */
  async #write(run: Run): Promise<Result<Achievement>> {
    const saved = await this.#saveChain(run.term);
    return saved.ok ? this.#publish(run) : saved;
  }

  #saveChain(term: Term): Promise<Result<void>> {
    return this.#parts.chain?.save(term) ?? Promise.resolve(succeed(undefined));
  }

  async #publish({ term, reason, startedMs }: Run): Promise<Result<Achievement>> {
    const { publication, chain, clock, events, identity } = this.#parts;
    if (term.signal.aborted) return fail(describeEnd(term));
    const published = await publication.publish(term, chain?.expiresAtMs);
    if (!published.ok) return published;
    const { document } = publication;
    if (published.value === 'theirs' || document === undefined) return succeed({ kind: 'fresh' });
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = document;
    const durationMs = clock.monotonicMs() - startedMs;
    events({
      event: 'token-refreshed',
      identity,
      reason,
      durationMs,
      issuedAtMs,
      expiresAtMs,
      refreshAtMs,
      generation,
    });
    return succeed({ kind: 'refreshed' });
  }

  /** Waits until the provider may be asked; a kept token only waits for what was demanded. */
  async #rest(run: Run): Promise<void> {
    // What the provider wants to wait for is the next fetch.
    const restMs = run.isForChain ? 0 : this.#restMs();
    if (restMs > 0) await this.#parts.clock.sleep(restMs, run.over);
  }

  #restMs(): number {
    const { publication } = this.#parts;
    const demandedMs = this.#pace.demandedRestMs();
    if (publication.hasKept) return demandedMs;
    return Math.max(demandedMs, this.#pace.intervalRestMs(publication.document?.issuedAtMs));
  }

  /** Waits; ends early on an explicit refresh, a changed credential or the end of the term. */
  async #pause(waitMs: number, failure: Failure, run: Run): Promise<void> {
    const wakeUp = new AbortController();
    const done = new AbortController();
    this.#wakeUp = wakeUp;
    const signal = AbortSignal.any([wakeUp.signal, done.signal, run.over]);
    const waits = [this.#parts.clock.sleep(waitMs, signal)];
    if (failure.retry === 'needs-human') waits.push(this.#parts.source.waitForCredentialChange(signal));
    try {
      await Promise.race(waits);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#wakeUp = undefined;
      done.abort();
      await Promise.allSettled(waits);
    }
  }
}

/**
 * When the refresh token that came with a token dies. One that did not come with it dies when it will: asking earlier
 * and earlier would not save it.
 */
function endOfChain(token: FetchedToken, chain: ChainKeeper | undefined): number | undefined {
  return chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs;
}

/** Nobody waits for the run, so that it may take as long as it takes. */
function hasPatience({ maxAttempts }: Run): boolean {
  return maxAttempts === Number.POSITIVE_INFINITY;
}

function describeEndOf({ term, retired }: Run): Failure {
  return retired.aborted && !term.signal.aborted ? RETIRED : describeEnd(term);
}

/** Began for another reason than that the time had come, maybe for all tokens of the provider at once. */
function isOffSchedule({ beganLive, reason }: Run): boolean {
  return !beganLive || reason === 'start' || reason === 'explicit';
}
