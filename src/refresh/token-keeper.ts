/**
 * Keeps one token fresh: single flight, fetch, publish, retry.
 *
 * Guarantee: at most one fetch of this token is in flight in this process; a token that was fetched and not yet written
 * is kept and only its write is repeated; the token that readers see is replaced by a better one or not at all.
 * Non-guarantee: two processes may fetch at once; the store's compare-and-swap decides whose token stays.
 */
import { type BackoffInput, decideWait } from '../core/backoff.ts';
import type { PublishedToken } from '../core/document.ts';
import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import type { FetchWaits, Random, TextReader } from '../core/ports.ts';
import { fail, type Result } from '../core/result.ts';
import type { TokenIdentity } from '../core/token.ts';
import { FailureCount } from './failure-count.ts';
import type { FetchBudget } from './fetch-budget.ts';
import type { FetchGate } from './fetch-gate.ts';
import { FetchPace } from './fetch-pace.ts';
import { FetchShare } from './fetch-share.ts';
import type { Hold } from './provider-breaker.ts';
import { RefreshAttempt, type RefreshAttemptParts } from './refresh-attempt.ts';
import {
  type Achievement,
  describeEndOf,
  hasPatience,
  IMPATIENT_WAIT_MS,
  RETIRED,
  type RefreshOutcome,
  type RefreshRun,
} from './refresh-run.ts';
import type { Term } from './term.ts';

export interface TokenKeeperParts extends RefreshAttemptParts {
  /** Shortest time between two fetches of this token, in milliseconds; 0 for none. */
  readonly minIntervalMs: number;
  /** Where the provider's waits outlive the process; without it they are in memory alone. */
  readonly waits?: FetchWaits | undefined;
  /** The provider's, shared by all of its tokens; without it calls are not counted. */
  readonly budget?: FetchBudget | undefined;
  readonly gate: FetchGate;
  readonly random: Random;
}

export class TokenKeeper {
  readonly #parts: TokenKeeperParts;
  readonly #pace: FetchPace;
  readonly #share: FetchShare;
  readonly #attempt: RefreshAttempt;
  #running: Promise<RefreshOutcome> | undefined;
  /** Ends the present run as the end of its term does, when the token is not kept any more. */
  #retiring: AbortController | undefined;
  /** Ends the present wait between two attempts. */
  #wakeUp: AbortController | undefined;
  /** A human waits for the next attempt of the present run. */
  #isUrged = false;

  constructor(parts: TokenKeeperParts) {
    this.#parts = parts;
    this.#pace = new FetchPace(parts);
    this.#share = new FetchShare(parts);
    this.#attempt = new RefreshAttempt(parts, this.#pace, this.#share);
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

  /** What readers see. */
  get published(): PublishedToken | undefined {
    return this.#parts.publication.published;
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
  restore(signal: AbortSignal, reader: TextReader = this.#parts.store): Promise<Result<void>> {
    return this.#attempt.restore(signal, reader);
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
    if (reason === 'explicit') this.#pace.forgetRejection();
    if (this.#running === undefined)
      return this.#begin(reason, term, maxAttempts, this.#isOnlyChainDue(reason));
    if (reason === 'explicit' && this.#pace.demandedRestMs() === 0) {
      this.#isUrged = true;
      this.#wakeUp?.abort();
    }
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
    this.#parts.breaker?.forget(this.identity.token);
    if (term !== undefined && this.hasUnsaved) await this.#begin('due', term, Number.POSITIVE_INFINITY, true);
  }

  #begin(
    reason: RefreshReason,
    term: Term,
    maxAttempts: number,
    isForChain: boolean,
  ): Promise<RefreshOutcome> {
    const retiring = new AbortController();
    const run: RefreshRun = {
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

  async #attemptUntilDone(run: RefreshRun): Promise<RefreshOutcome> {
    const { clock, events, identity } = this.#parts;
    events({ event: 'refresh-started', identity, reason: run.reason });
    const count = new FailureCount();
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attemptInTurn(run, attempt, count);
      if (result.ok) {
        if (count.sinceMonotonicMs !== undefined) {
          const failedForMs = clock.monotonicMs() - count.sinceMonotonicMs;
          events({ event: 'refresh-recovered', identity, failures: count.total, failedForMs });
        }
        return result.value;
      }
      const { failure } = result;
      // Whatever fails once the term is gone fails because it is gone: nobody should be alerted.
      if (run.term.signal.aborted || run.retired.aborted) return this.#abandon(run, describeEndOf(run));
      if (failure.code === 'aborted' || failure.code === 'leadership-lost')
        return this.#abandon(run, failure);
      const repeated = count.repeats(failure);
      const waitMs = this.#decideWait(run, failure, count.note(failure, clock.monotonicMs()));
      this.#tellFailure(failure, attempt, repeated, waitMs);
      const isOutOfPatience = failure.retry === 'needs-human' || waitMs > IMPATIENT_WAIT_MS;
      if (attempt >= run.maxAttempts || (!hasPatience(run) && isOutOfPatience))
        return { kind: 'failed', failure };
      await this.#pause(waitMs, failure, run);
    }
  }

  #tellFailure(failure: Failure, attempt: number, repeated: boolean, waitMs: number): void {
    const { clock, events, identity } = this.#parts;
    events({
      event: 'refresh-failed',
      identity,
      failure,
      attempt,
      repeated,
      nextAttemptAtMs: clock.now() + waitMs,
      expiresAtMs: this.published?.expiresAtMs,
    });
  }

  /** Ends a run with the term; what was fetched and could not be written yet gets a last try. */
  async #abandon(run: RefreshRun, failure: Failure): Promise<RefreshOutcome> {
    if (!run.term.signal.aborted) {
      const written = await this.#attempt.writeKept(run);
      if (written?.ok === true) return written.value;
    }
    this.#parts.events({ event: 'refresh-abandoned', identity: this.identity, failure });
    return { kind: 'failed', failure };
  }

  #decideWait(
    run: RefreshRun,
    failure: Failure,
    count: Pick<BackoffInput, 'attempt' | 'soonAttempt'>,
  ): number {
    const { publication, random } = this.#parts;
    const remainingMs = run.beganLive ? publication.remainingMs() : undefined;
    this.#pace.recordFailure(failure);
    const { roomInMs, hasKept, isStoreKnown } = publication;
    const humanInMs = this.#pace.rejectedRestMs(failure);
    const ownMs = decideWait({ failure, ...count, remainingMs, roomInMs, humanInMs }, random.next());
    if (run.isForChain) return ownMs;
    return Math.max(ownMs, this.#attempt.restMs(), hasKept || !isStoreKnown ? 0 : this.#share.retryRestMs());
  }

  async #attemptInTurn(run: RefreshRun, attempt: number, count: FailureCount): Promise<Result<Achievement>> {
    const { gate, publication, breaker, identity, clock } = this.#parts;
    try {
      for (;;) {
        await this.#attempt.rest(run);
        const priority = publication.published?.expiresAtMs ?? Number.NEGATIVE_INFINITY;
        const isUrged = this.#isUrged || run.reason === 'explicit';
        const attempted = await gate.run(priority, run.over, () => this.#attempt.make(run, attempt, isUrged));
        if (!('refusal' in attempted)) return attempted;
        const { failure } = attempted;
        if (!hasPatience(run) || run.reason === 'explicit') return fail(failure);
        // Not in the gate: a token that has something to write must not wait for one that may not fetch.
        if (attempted.refusal !== 'held') {
          await this.#share.wait(attempted, priority, run.over);
          continue;
        }
        if (count.noteHold(failure, clock.monotonicMs()))
          this.#tellFailure(failure, attempt, false, attempted.restMs);
        await this.#waitForProbe(attempted, priority, run);
      }
    } catch (error) {
      // Only the term's own signals end a wait; anything else is a bug and must be seen.
      if (run.over.aborted) return fail(describeEndOf(run));
      throw error;
    } finally {
      this.#isUrged = false;
      this.#share.giveBack();
      breaker?.giveBack(identity.token);
    }
  }

  /** Waits until the provider may be asked for this token, or a human wants it asked, or its credentials have changed. */
  async #waitForProbe(hold: Hold, priority: number, run: RefreshRun): Promise<void> {
    const { breaker, identity } = this.#parts;
    await this.#waitEarlyEnding(run, (signal) => [
      breaker?.wait(identity.token, priority, hold, signal) ?? Promise.resolve(),
      // Those that have not failed are called when one that has finds its credentials changed.
      ...(hold.hasFailed && hold.failure.retry === 'needs-human' ? [this.#watchCredentials(signal)] : []),
    ]);
  }

  /** Waits; ends early on an explicit refresh, a changed credential, the provider's recovery or the end of the term. */
  async #pause(waitMs: number, failure: Failure, run: RefreshRun): Promise<void> {
    const { breaker, identity, clock } = this.#parts;
    const stopListening = breaker?.onRecovery(identity.token, () => this.#wakeUp?.abort());
    await this.#waitEarlyEnding(run, (signal) => [
      clock.sleep(waitMs, signal),
      ...(failure.retry === 'needs-human' ? [this.#watchCredentials(signal)] : []),
    ]);
    stopListening?.();
    if (failure.retry === 'needs-human' && !run.over.aborted) this.#pace.forgetRejection();
  }

  async #watchCredentials(signal: AbortSignal): Promise<void> {
    await this.#parts.source.waitForCredentialChange(signal);
    this.#pace.noteCredentialChange();
    this.#parts.breaker?.noteCredentialChange();
  }

  /** Waits for the first of several; leaves nothing of the others behind. */
  async #waitEarlyEnding(
    run: RefreshRun,
    begin: (signal: AbortSignal) => readonly Promise<void>[],
  ): Promise<void> {
    const wakeUp = new AbortController();
    const done = new AbortController();
    this.#wakeUp = wakeUp;
    const signal = AbortSignal.any([wakeUp.signal, done.signal, run.over]);
    const waits = begin(signal);
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
