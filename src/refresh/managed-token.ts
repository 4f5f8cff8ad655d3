/**
 * Keeps one token fresh: single flight, fetch, publish, retry. One loop asks `decideStep` what comes next and does it.
 *
 * Guarantee: at most one fetch of this token is in flight in this process; a token that was fetched and not yet written
 * stays pending and only its write is repeated; the token that readers see is replaced by a better one or not at all.
 * Non-guarantee: two processes may fetch at once; the store's compare-and-swap decides whose token stays.
 */

import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import type { TextReader } from '../core/ports.ts';
import { type Result, succeed } from '../core/result.ts';
import { decideWait } from '../core/schedule/backoff.ts';
import { msUntil } from '../core/schedule/moment.ts';
import type { PublishedToken } from '../core/token/document.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { decideStep, isDue, type TokenFacts } from './decide-step.ts';
import type { Priority } from './limits/priority-queue.ts';
import type { CallRefusal } from './limits/token-limits.ts';
import type { PendingToken } from './planned-token.ts';
import {
  type Achievement,
  attemptsOf,
  countFailure,
  countOthers,
  describeEndOf,
  isGivenUp,
  isOffSchedule,
  isUnbounded,
  NO_FAILURES,
  RETIRED,
  type RefreshOutcome,
  type RefreshRun,
  WORKING,
} from './refresh-run.ts';
import type { Term } from './term.ts';
import { fetchToken, reconsider, type TokenFetchDeps, takeToken } from './token-fetch.ts';
import { learn, readSecret } from './token-secret.ts';
import { delay, invalidate, isStale, rebase, storedIn, type TokenState, UNREAD } from './token-state.ts';

export class ManagedToken {
  readonly #deps: TokenFetchDeps;
  #state: TokenState = UNREAD;
  #running: Promise<RefreshOutcome> | undefined;
  /** Ends the present run as the end of its term does, when the token is not managed any more. */
  #retiring: AbortController | undefined;
  /** Ends the present wait after a failure, or for a permit. */
  #wakeUp: AbortController | undefined;
  /** A human waits for the next attempt of the present run. */
  #isUrged = false;

  constructor(deps: TokenFetchDeps) {
    this.#deps = deps;
  }

  get identity(): TokenIdentity {
    return this.#deps.identity;
  }

  get isRefreshing(): boolean {
    return this.#running !== undefined;
  }

  /** Whether the store lacks the newest refresh token. */
  get hasUnsaved(): boolean {
    return this.#deps.chain?.hasUnsaved === true;
  }

  /** What readers see. */
  get published(): PublishedToken | undefined {
    return this.#state.published?.token;
  }

  /**
   * How long what readers see can be used to get the next one, in milliseconds: its lifetime, or less when the refresh
   * token that came with it dies earlier. `undefined` when there is no token.
   */
  get lifetimeMs(): number | undefined {
    return this.#state.published?.lifetimeMs;
  }

  /** The secrets whose texts {@link ManagedToken.restore} reads. */
  get secretNames(): readonly string[] {
    const { identity, chain } = this.#deps;
    return chain === undefined ? [identity.secret] : [identity.secret, chain.stateSecret];
  }

  /**
   * Milliseconds until the refresh is due; negative when it is overdue, when there is no token, or when the store does
   * not have the newest refresh token yet.
   */
  dueInMs(): number {
    const { published } = this.#state;
    return this.hasUnsaved || published === undefined
      ? Number.NEGATIVE_INFINITY
      : msUntil(published.refreshAt, this.#deps.clock);
  }

  /** Others may have published since the store was read: it is read again before anything is fetched. */
  invalidate(): void {
    this.#state = invalidate(this.#state);
  }

  /**
   * Learns what the store holds, without fetching.
   * @param reader in place of the store, when its texts have been read ahead
   */
  async restore(signal: AbortSignal, reader: TextReader = this.#deps.store): Promise<Result<void>> {
    const { chain, limits, clock, events, identity } = this.#deps;
    await limits.coolDown.restore();
    const restored = chain === undefined ? succeed(undefined) : await chain.restore(reader, signal);
    if (!restored.ok) return restored;
    const { published, pending } = this.#state;
    const read = await readSecret(this.#deps, signal, reader);
    if (!read.ok) {
      this.invalidate();
      return read;
    }
    if (read.value.kind === 'absent') events({ event: 'token-absent', identity, why: read.value.why });
    this.#state = learn(this.#deps, published, read.value, isStale(pending, clock) ? undefined : pending);
    return succeed(undefined);
  }

  /**
   * Refreshes the token and ends when that has succeeded, when the term ends, or after `maxAttempts` failures. A call
   * while one is running joins it; an explicit one also ends its wait, unless the provider asked for that wait, and is
   * begun anew when there was nothing to fetch for the run that it has joined.
   */
  refresh(
    reason: RefreshReason,
    term: Term,
    maxAttempts: RefreshRun['maxAttempts'] = 'unlimited',
  ): Promise<RefreshOutcome> {
    const { coolDown } = this.#deps.limits;
    if (reason === 'explicit') coolDown.forgetRejection();
    if (this.#running === undefined)
      return this.#begin(reason, term, maxAttempts, this.#isOnlyChainDue(reason) ? 'chain' : 'token');
    if (reason !== 'explicit') return this.#running;
    if (coolDown.demandedRestMs() === 0) {
      this.#isUrged = true;
      this.#wakeUp?.abort();
    }
    const retiring = this.#retiring?.signal;
    return this.#running.then((outcome) =>
      outcome.kind === 'fresh' && retiring?.aborted !== true
        ? this.refresh(reason, term, maxAttempts)
        : outcome,
    );
  }

  /**
   * The token is not managed any more: begins no further attempt, lets what is in flight end, and saves a refresh token
   * that the store does not have. Resolves after that, or with the term.
   * @param term `undefined`: this replica does not lead, so that nothing may be written
   */
  async retire(term: Term | undefined): Promise<void> {
    this.#retiring?.abort(new Error(RETIRED.message));
    // A bug in there is told to whoever began it.
    await this.#running?.catch(() => undefined);
    this.#deps.limits.forget();
    if (term !== undefined && this.hasUnsaved) await this.#begin('due', term, 'unlimited', 'chain');
  }

  #begin(
    reason: RefreshReason,
    term: Term,
    maxAttempts: RefreshRun['maxAttempts'],
    goal: RefreshRun['goal'],
  ): Promise<RefreshOutcome> {
    const retiring = new AbortController();
    const run: RefreshRun = {
      reason,
      term,
      retired: retiring.signal,
      ended: AbortSignal.any([term.stopping, term.signal, retiring.signal]),
      maxAttempts,
      startedMs: this.#deps.clock.monotonicMs(),
      beganLive: (this.#remainingMs ?? 0) > 0,
      goal,
      attempt: 1,
      failures: NO_FAILURES,
      onlyIfDue: false,
      phase: WORKING,
    };
    this.#retiring = retiring;
    this.#running = this.#refresh(run).finally(() => {
      this.#deps.limits.release();
      this.#running = undefined;
      this.#retiring = undefined;
      this.#isUrged = false;
    });
    return this.#running;
  }

  #isOnlyChainDue(reason: RefreshReason): boolean {
    const { policy, clock } = this.#deps;
    if (!this.hasUnsaved || this.#state.pending !== undefined || isDue(this.#state, policy, clock))
      return false;
    return reason === 'start' || reason === 'due';
  }

  /** The loop: everything that a refresh does, and everything that it waits for. */
  async #refresh(begun: RefreshRun): Promise<RefreshOutcome> {
    const { identity, limits, clock, events } = this.#deps;
    events({ event: 'refresh-started', identity, reason: begun.reason });
    let run = begun;
    for (;;) {
      run = endWhenEnded(run);
      const step = decideStep(this.#facts, run, limits.view(this.published?.issuedAtMs), clock);
      switch (step.kind) {
        case 'read-store':
          run = await this.#readStore(run);
          break;
        case 'fetch':
          run = await this.#fetch(run);
          break;
        case 'save-refresh-token':
          run = this.#follow(run, await this.#saveRefreshToken(run.term));
          break;
        case 'publish':
          run = await this.#publish(run);
          break;
        case 'wait-for-turn':
          await untilEnded(run, limits.takeTurn(this.#priority, run.ended));
          break;
        case 'wait':
          limits.leaveTurn();
          await untilEnded(run, clock.sleep(step.waitMs, run.ended));
          break;
        case 'wait-after-failure':
          limits.release();
          run = await this.#waitAfterFailure(run, step.failure, step.waitMs);
          break;
        case 'wait-for-permit':
          limits.leaveTurn();
          run = await this.#waitForPermit(run, step.refusal);
          break;
        case 'fail':
          run = this.#follow(run, step);
          break;
        case 'end':
          return this.#end(run, step.outcome);
      }
    }
  }

  get #facts(): TokenFacts {
    return { state: this.#state, hasUnsaved: this.hasUnsaved, policy: this.#deps.policy };
  }

  /** Life left on what readers see, in milliseconds. */
  get #remainingMs(): number | undefined {
    const { published } = this.#state;
    return published === undefined ? undefined : msUntil(published.expiry, this.#deps.clock);
  }

  /** Whose readers run out first goes first. */
  get #priority(): Priority {
    return this.published?.expiresAtMs ?? 'first';
  }

  #end(run: RefreshRun, outcome: RefreshOutcome): RefreshOutcome {
    const { identity, clock, events } = this.#deps;
    const { sinceMs, total } = run.failures;
    if (run.phase.kind === 'ending')
      events({ event: 'refresh-abandoned', identity, failure: run.phase.failure });
    else if (outcome.kind !== 'failed' && sinceMs !== undefined)
      events({
        event: 'refresh-recovered',
        identity,
        failures: total,
        failedForMs: clock.monotonicMs() - sinceMs,
      });
    return outcome;
  }

  /** What follows when a step has succeeded or failed. */
  #follow(run: RefreshRun, result: Result<unknown> | { readonly failure: Failure }): RefreshRun {
    return 'failure' in result ? this.#fail(run, result.failure) : run;
  }

  #fail(run: RefreshRun, failure: Failure): RefreshRun {
    this.#isUrged = false;
    this.#state = delay(this.#state);
    if (run.phase.kind === 'ending') return { ...run, phase: { ...run.phase, hasTried: true } };
    // Whatever fails once the term is gone fails because it is gone: nobody should be alerted.
    if (run.term.hasEnded() || run.retired.aborted) return ending(run, describeEndOf(run));
    if (failure.code === 'aborted' || failure.code === 'leadership-lost') return ending(run, failure);
    const repeated = run.failures.latestCode === failure.code;
    const failures = countFailure(run.failures, failure, this.#deps.clock.monotonicMs());
    const counted = { ...run, failures };
    const waitMs = this.#decideWait(counted, failure);
    this.#tellFailure(run, failure, repeated, waitMs);
    if (isGivenUp(run, failure, waitMs)) return { ...counted, phase: { kind: 'failed', failure } };
    const next = run.phase.kind === 'achieved' ? run.phase : WORKING;
    return { ...counted, phase: { kind: 'backing-off', failure, waitMs, next } };
  }

  #tellFailure({ attempt }: RefreshRun, failure: Failure, repeated: boolean, waitMs: number): void {
    const { clock, events, identity } = this.#deps;
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

  #decideWait({ beganLive, failures, goal }: RefreshRun, failure: Failure): number {
    const { limits, random } = this.#deps;
    limits.coolDown.recordFailure(failure);
    const input = {
      ...attemptsOf(failures, failure),
      failure,
      remainingMs: beganLive ? this.#remainingMs : undefined,
      roomInMs: limits.writer.roomInMs,
      humanInMs: limits.coolDown.rejectedRestMs(failure),
    };
    const ownMs = decideWait(input, random.next());
    if (goal === 'chain') return ownMs;
    const { demandedMs, intervalMs } = limits.view(this.published?.issuedAtMs);
    if (this.#state.pending !== undefined) return Math.max(ownMs, demandedMs);
    const spareMs = this.#state.kind === 'unread' ? 0 : limits.retryRestMs;
    return Math.max(ownMs, demandedMs, intervalMs, spareMs);
  }

  async #waitAfterFailure(run: RefreshRun, failure: Failure, waitMs: number): Promise<RefreshRun> {
    const { limits, clock } = this.#deps;
    const stopListening = limits.onRecovery(() => this.#wakeUp?.abort());
    await this.#waitEarlyEnding(run, (signal) => [
      clock.sleep(waitMs, signal),
      ...(failure.retry === 'needs-human' ? [this.#watchCredentials(signal)] : []),
    ]);
    stopListening?.();
    if (failure.retry === 'needs-human' && !run.ended.aborted) limits.coolDown.forgetRejection();
    const next = run.phase.kind === 'backing-off' ? run.phase.next : WORKING;
    return { ...run, attempt: run.attempt + 1, phase: next };
  }

  /** Waits until the provider may be asked for this token, or a human wants it asked, or its credentials have changed. */
  async #waitForPermit(run: RefreshRun, refusal: CallRefusal): Promise<RefreshRun> {
    const { limits } = this.#deps;
    const next: RefreshRun = { ...run, phase: WORKING };
    if (refusal.refusal !== 'held') {
      await untilEnded(run, limits.wait(refusal, this.#priority, run.ended));
      return next;
    }
    const { failure, restMs, hasFailed } = refusal;
    const isNews = run.failures.latestCode !== failure.code;
    if (isNews) this.#tellFailure(run, failure, false, restMs);
    await this.#waitEarlyEnding(run, (signal) => [
      limits.wait(refusal, this.#priority, signal),
      // Those that have not failed are called when one that has finds its credentials changed.
      ...(hasFailed && failure.retry === 'needs-human' ? [this.#watchCredentials(signal)] : []),
    ]);
    return isNews
      ? { ...next, failures: countOthers(run.failures, failure, this.#deps.clock.monotonicMs()) }
      : next;
  }

  async #watchCredentials(signal: AbortSignal): Promise<void> {
    await this.#deps.source.waitForCredentialChange(signal);
    this.#deps.limits.noteCredentialChange();
  }

  /** Waits for the first of several, for whoever wakes it up, or for the end of the run; leaves nothing behind. */
  async #waitEarlyEnding(
    run: RefreshRun,
    begin: (signal: AbortSignal) => readonly Promise<void>[],
  ): Promise<void> {
    const wakeUp = new AbortController();
    const done = new AbortController();
    this.#wakeUp = wakeUp;
    const signal = AbortSignal.any([wakeUp.signal, done.signal, run.ended]);
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

  async #readStore(run: RefreshRun): Promise<RefreshRun> {
    // Nothing is lost when a read is cut off, so the end of the program does not wait for the store.
    const restored = await this.restore(run.ended);
    return this.#follow({ ...run, onlyIfDue: run.reason !== 'explicit' }, restored);
  }

  async #fetch(run: RefreshRun): Promise<RefreshRun> {
    const { limits } = this.#deps;
    const isUrged = this.#isUrged || run.reason === 'explicit';
    const admitted = await limits.admit(run.attempt === 1, isUrged, run.term);
    if ('refusal' in admitted)
      return isUnbounded(run) && run.reason !== 'explicit'
        ? { ...run, phase: { kind: 'refused', refusal: admitted } }
        : this.#fail(run, admitted.failure);
    using permit = admitted;
    const { state, isPutOff } = await reconsider(this.#deps, this.#state, run.term);
    this.#state = state;
    const mayBePutOff = run.attempt === 1 && (run.reason === 'due' || run.reason === 'start');
    if (isPutOff && mayBePutOff) return achieved(run, 'fresh');
    const fetched = await fetchToken(this.#deps, state, run.term, permit);
    if (!fetched.ok) return this.#fail(run, fetched.failure);
    this.#isUrged = false;
    const isAskedEarly = run.reason === 'explicit';
    const taken = takeToken(this.#deps, this.#state, fetched.value, isAskedEarly, isOffSchedule(run));
    if (taken.ok) {
      this.#state = taken.value;
      return taken.value.kind === 'pending' ? run : achieved(run, 'unchanged');
    }
    // The token is of no use; the refresh token that came with it is.
    const saved = await this.#saveRefreshToken(run.term);
    return this.#fail(run, saved.ok ? taken.failure : saved.failure);
  }

  async #publish(run: RefreshRun): Promise<RefreshRun> {
    const { limits, clock, events, identity } = this.#deps;
    const { term, reason, startedMs } = run;
    const { pending, published } = this.#state;
    if (pending === undefined) throw new Error('nothing is pending to be published');
    const written = await limits.writer.publish(
      'document',
      pending.write,
      term,
      published?.token.expiresAtMs,
    );
    if (!written.ok)
      return written.failure.code === 'store-conflict'
        ? this.#resolveConflict(run, pending, written.failure)
        : this.#fail(run, written.failure);
    const { document, token, lifetimeMs, refreshAt, latestRefreshAt, expiry } = pending;
    this.#state = {
      kind: 'published',
      stored: { version: written.value.version, generation: document.generation },
      published: { token, lifetimeMs, refreshAt, latestRefreshAt, expiry },
    };
    events({
      event: 'token-refreshed',
      identity,
      reason,
      durationMs: clock.monotonicMs() - startedMs,
      issuedAtMs: token.issuedAtMs,
      expiresAtMs: token.expiresAtMs,
      refreshAtMs: token.refreshAtMs,
      generation: token.generation,
    });
    return achieved(run, 'refreshed');
  }

  /** Somebody else has written the secret: the token that lives longer stays. */
  async #resolveConflict(run: RefreshRun, pending: PendingToken, conflict: Failure): Promise<RefreshRun> {
    const { identity, random } = this.#deps;
    const { published } = this.#state;
    const read = await readSecret(this.#deps, run.term.signal);
    if (!read.ok) return this.#fail(run, read.failure);
    const rebased = rebase(pending, read.value, identity, random);
    if (rebased === undefined) {
      this.#state = learn(this.#deps, published, read.value, undefined);
      return achieved(run, 'fresh');
    }
    this.#state = { kind: 'pending', stored: storedIn(read.value), published, pending: rebased };
    return this.#fail(run, conflict);
  }

  #saveRefreshToken(term: Term): Promise<Result<void>> {
    return this.#deps.chain?.save(term) ?? Promise.resolve(succeed(undefined));
  }
}

function endWhenEnded(run: RefreshRun): RefreshRun {
  const isAlready =
    run.phase.kind === 'ending' || run.phase.kind === 'achieved' || run.phase.kind === 'failed';
  return run.ended.aborted && !isAlready ? ending(run, describeEndOf(run)) : run;
}

function ending(run: RefreshRun, failure: Failure): RefreshRun {
  return { ...run, phase: { kind: 'ending', failure, hasTried: false } };
}

function achieved(run: RefreshRun, kind: Achievement['kind']): RefreshRun {
  return { ...run, phase: { kind: 'achieved', achievement: { kind } } };
}

/** Only the run's own signals end a wait; anything else is a bug and must be seen. */
async function untilEnded(run: RefreshRun, wait: Promise<void>): Promise<void> {
  try {
    await wait;
  } catch (error) {
    if (!run.ended.aborted) throw error;
  }
}
