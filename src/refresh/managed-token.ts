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
import type { RejectionFacts } from '../core/rejection/decide-rejection.ts';
import { type Result, succeed } from '../core/result.ts';
import { decideWait } from '../core/schedule/backoff.ts';
import { msUntil } from '../core/schedule/moment.ts';
import type { PublishedToken } from '../core/token/document.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { decideStep, isDue, isStale } from './decide-step.ts';
import type { CallRefusal } from './limits/token-limits.ts';
import type { PendingToken } from './planned-token.ts';
import {
  attemptsOf,
  countFailure,
  countOthers,
  endEarly,
  endWith,
  FRESH,
  isGivenUp,
  NO_FAILURES,
  type Phase,
  REFRESHED,
  RETIRED,
  type RefreshOutcome,
  type RefreshRun,
  WORKING,
} from './refresh-run.ts';
import { type Interruptible, waitAfterFailure, waitForPermit } from './run-waits.ts';
import type { Term } from './term.ts';
import { fetchToken, type TokenFetchDeps } from './token-fetch.ts';
import { delay, learn, readSecret, rebase, storedIn, type TokenState, UNREAD } from './token-state.ts';
import { untilAborted } from './until-aborted.ts';

/** What is under way. */
interface Running extends Interruptible {
  readonly outcome: Promise<RefreshOutcome>;
  /** Ends the run as the end of its term does, when the token is not managed any more. */
  readonly retiring: AbortController;
  /** Of the run so far. */
  latestFailure: Failure | undefined;
}

export class ManagedToken {
  readonly #deps: TokenFetchDeps;
  #state: TokenState = UNREAD;
  #running: Running | undefined;

  constructor(deps: TokenFetchDeps) {
    this.#deps = deps;
  }

  get identity(): TokenIdentity {
    return this.#deps.identity;
  }

  get isRefreshing(): boolean {
    return this.#running !== undefined;
  }

  /** Why the refresh that is under way is not done yet, as far as it has failed. */
  get latestFailure(): Failure | undefined {
    return this.#running?.latestFailure;
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

  /** How the refresh that is under way ends. */
  get outcome(): Promise<RefreshOutcome> | undefined {
    return this.#running?.outcome;
  }

  /** What decides whether a report that this token was refused leads to a fetch. */
  get rejectionFacts(): RejectionFacts {
    const { clock, limits } = this.#deps;
    const { published } = this.#state;
    const pausedMs = this.#running && Math.max(0, this.#running.resumesAtMs - clock.monotonicMs());
    const seen = published && {
      ...published.token,
      refreshInMs: Math.max(0, msUntil(published.refreshAt, clock)),
    };
    return { published: seen, pausedMs, ...limits.viewRejection(seen?.issuedAtMs) };
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

  /** Other processes may have published since the store was read: it is read again before anything is fetched. */
  invalidate(): void {
    this.#state = { ...this.#state, stored: 'unread' };
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
    if (read.value.kind === 'absent') {
      const { why, expired } = read.value;
      events({ event: 'token-absent', identity, why, ...(expired === undefined ? {} : { expired }) });
    }
    this.#state = learn(this.#deps, published, read.value, isStale(pending, clock) ? undefined : pending);
    return succeed(undefined);
  }

  /**
   * Refreshes the token and ends when that has succeeded, when the term ends, or after `maxAttempts` failures. A call
   * while one is running joins it; an explicit one also ends its wait, unless the provider asked for that wait, and is
   * begun again when there was nothing to fetch for the run that it has joined.
   */
  refresh(
    reason: RefreshReason,
    term: Term,
    maxAttempts: RefreshRun['maxAttempts'] = 'unlimited',
  ): Promise<RefreshOutcome> {
    const { coolDown } = this.#deps.limits;
    const running = this.#running;
    if (reason === 'explicit') coolDown.forgetRejection();
    if (running === undefined) return this.#begin(reason, term, maxAttempts);
    if (reason !== 'explicit') return running.outcome;
    if (coolDown.demandedMs() === 0) {
      running.isUrged = true;
      running.wakeUp?.abort();
    }
    return running.outcome.then((outcome) =>
      outcome.kind === 'fresh' && !running.retiring.signal.aborted
        ? this.refresh(reason, term, maxAttempts)
        : outcome,
    );
  }

  /**
   * Refreshes the token, unless that is under way or not due.
   * @param withinMs it is due if its time comes sooner than that; `whenever` for a schedule of the user's
   */
  refreshIfDue(
    reason: RefreshReason,
    term: Term,
    withinMs: number | 'whenever',
  ): Promise<RefreshOutcome> | undefined {
    const isDueNow = withinMs === 'whenever' || this.dueInMs() < withinMs;
    return isDueNow && this.#running === undefined ? this.#begin(reason, term, 'unlimited') : undefined;
  }

  /**
   * Refreshes the token because readers were refused with it, unless a refresh is under way; that is joined.
   * @param refused its fingerprint; nothing is fetched once readers see another token
   */
  replaceRefused(refused: string, term: Term): Promise<RefreshOutcome> {
    return this.#running?.outcome ?? this.#begin('rejected', term, 'unlimited', { refused });
  }

  /**
   * The token is not managed any more: begins no further attempt, lets what is in flight end, and saves a refresh token
   * that the store does not have. Resolves after that, or with the term.
   * @param term `undefined`: this replica does not lead, so that nothing may be written
   */
  async retire(term: Term | undefined): Promise<void> {
    this.#running?.retiring.abort(new Error(RETIRED.message));
    // A bug in there is reported where the run was begun.
    await this.#running?.outcome.catch(() => undefined);
    this.#deps.limits.forget();
    if (term !== undefined && this.hasUnsaved) await this.#begin('due', term, 'unlimited', { goal: 'chain' });
  }

  /** @param aim.goal `chain`: the token is left as it is; by default when nothing of it is due */
  #begin(
    reason: RefreshReason,
    term: Term,
    maxAttempts: RefreshRun['maxAttempts'],
    { goal, refused }: { readonly goal?: 'chain'; readonly refused?: string } = {},
  ): Promise<RefreshOutcome> {
    const { clock, limits, policy } = this.#deps;
    const retiring = new AbortController();
    const ended = AbortSignal.any([term.stopping, term.signal, retiring.signal]);
    const isUnasked = reason === 'start' || reason === 'due';
    const isOnlyChainDue =
      isUnasked && this.hasUnsaved && this.#state.pending === undefined && !isDue(this.#state, policy, clock);
    const run: RefreshRun = {
      reason,
      term,
      retired: retiring.signal,
      maxAttempts,
      startedMs: clock.monotonicMs(),
      beganLive: (this.#remainingMs ?? 0) > 0,
      refused,
      goal: goal ?? (isOnlyChainDue ? 'chain' : 'token'),
      attempt: 1,
      failures: NO_FAILURES,
      onlyIfDue: false,
      phase: WORKING,
    };
    const interruptible: Interruptible = { ended, wakeUp: undefined, isUrged: false, resumesAtMs: 0 };
    const outcome = this.#refresh(run, interruptible).finally(() => {
      limits.release();
      this.#running = undefined;
    });
    this.#running = Object.assign(interruptible, { outcome, retiring, latestFailure: undefined });
    return outcome;
  }

  /** The loop: everything that a refresh does, and everything that it waits for. */
  async #refresh(begun: RefreshRun, running: Interruptible): Promise<RefreshOutcome> {
    const { identity, limits, clock, events, policy, chain } = this.#deps;
    events({ event: 'refresh-started', identity, reason: begun.reason });
    let run = begun;
    for (;;) {
      if (running.ended.aborted) run = endEarly(run);
      const { published } = this.#state;
      const facts = { state: this.#state, hasUnsaved: chain?.hasUnsaved === true, policy };
      const step = decideStep(facts, run, limits.view(published?.token.issuedAtMs), clock);
      // Whose readers run out first goes first.
      const priority = published?.token.expiresAtMs ?? 'first';
      switch (step.kind) {
        case 'read-store':
          // Nothing is lost when a read is cut off, so the end of the program does not wait for the store.
          run = this.#follow(
            { ...run, onlyIfDue: run.reason !== 'explicit' },
            await this.restore(running.ended),
          );
          break;
        case 'fetch':
          run = await this.#fetch(run, running);
          break;
        case 'save-refresh-token':
          run = this.#follow(run, await chain?.save(run.term));
          break;
        case 'publish':
          run = await this.#publish(run, step.pending);
          break;
        case 'wait-for-turn':
          await limits.takeTurn(priority, running.ended);
          break;
        case 'wait':
          limits.leaveTurn();
          running.resumesAtMs = clock.monotonicMs() + step.waitMs;
          await untilAborted(clock.sleep(step.waitMs, running.ended), running.ended);
          break;
        case 'wait-after-failure':
          limits.release();
          running.resumesAtMs = clock.monotonicMs() + step.waitMs;
          await waitAfterFailure(this.#deps, running, step.failure, step.waitMs);
          run = { ...run, attempt: run.attempt + 1, phase: step.next };
          break;
        case 'wait-for-permit':
          limits.leaveTurn();
          running.resumesAtMs = clock.monotonicMs() + step.refusal.waitMs;
          await waitForPermit(this.#deps, running, step.refusal, priority);
          run = { ...run, phase: WORKING };
          break;
        case 'fail':
          run = this.#fail(run, step.failure);
          break;
        case 'end':
          this.#tellEnd(run, step.outcome);
          return step.outcome;
      }
    }
  }

  /** Life left on what readers see, in milliseconds. */
  get #remainingMs(): number | undefined {
    const { published } = this.#state;
    return published === undefined ? undefined : msUntil(published.expiry, this.#deps.clock);
  }

  #tellEnd({ phase, failures: { sinceMs, total } }: RefreshRun, { kind }: RefreshOutcome): void {
    const { identity, clock, events } = this.#deps;
    if (phase.kind === 'ending') events({ event: 'refresh-abandoned', identity, failure: phase.failure });
    else if (kind !== 'failed' && sinceMs !== undefined) {
      const failedForMs = clock.monotonicMs() - sinceMs;
      events({ event: 'refresh-recovered', identity, failures: total, failedForMs });
    }
  }

  async #fetch(run: RefreshRun, running: Interruptible): Promise<RefreshRun> {
    const intent = {
      // What is fetched for reports gets by with what the regular refreshes of all tokens leave, as retries do.
      isFirstAttempt: run.attempt === 1 && run.reason !== 'rejected',
      isUrged: running.isUrged || run.reason === 'explicit',
      isLive: (this.#remainingMs ?? 0) > 0,
    };
    const admitted = await this.#deps.limits.admit(intent, run.term);
    if ('refusal' in admitted) return this.#refuse(run, admitted, running.ended);
    using permit = admitted;
    const former = this.#state;
    // Others may have written while the permit was waited for: the store is read first.
    if (former.stored === 'unread') return run;
    const { state, phase } = await fetchToken(this.#deps, former, run, permit);
    // What others have learned meanwhile is not undone.
    if (state !== former) this.#state = state;
    return phase.ok ? { ...run, phase: phase.value } : this.#fail(run, phase.failure);
  }

  /** A human who waits for the outcome gets the reason at once; all others wait. */
  #refuse(run: RefreshRun, refusal: CallRefusal, ended: AbortSignal): RefreshRun {
    const { failure, waitMs } = refusal;
    if (run.reason === 'explicit' || run.maxAttempts !== 'unlimited') return this.#fail(run, failure);
    const refused: RefreshRun = { ...run, phase: { kind: 'refused', refusal } };
    const isNews = refusal.refusal === 'held' && run.failures.latestCode !== failure.code;
    if (!isNews || ended.aborted) return refused;
    this.#tellFailure(run, failure, waitMs);
    return { ...refused, failures: countOthers(run.failures, failure, this.#deps.clock.monotonicMs()) };
  }

  async #publish(run: RefreshRun, pending: PendingToken): Promise<RefreshRun> {
    const { limits, clock, events, identity } = this.#deps;
    const { term, reason, startedMs } = run;
    const { document, write, hasWaited: _, ...planned } = pending;
    const written = await limits.writer.publish('document', write, term, this.published?.expiresAtMs);
    if (!written.ok)
      return written.failure.code === 'store-conflict'
        ? this.#resolveConflict(run, pending, written.failure)
        : this.#fail(run, written.failure);
    const stored = { version: written.value.version, generation: document.generation };
    this.#state = { stored, published: planned, pending: undefined };
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = planned.token;
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
    return { ...run, phase: REFRESHED };
  }

  /** Another process has written the secret: the token that lives longer stays. */
  async #resolveConflict(run: RefreshRun, pending: PendingToken, conflict: Failure): Promise<RefreshRun> {
    const read = await readSecret(this.#deps, run.term.signal);
    if (!read.ok) return this.#fail(run, read.failure);
    const { published } = this.#state;
    const rebased = rebase(pending, read.value, this.#deps);
    if (rebased === undefined) {
      this.#state = learn(this.#deps, published, read.value, undefined);
      return { ...run, phase: FRESH };
    }
    // Theirs is not told: it is replaced at once, and the failures that led here would seem to be over.
    this.#state = { stored: storedIn(read.value), published, pending: rebased };
    return this.#fail(run, conflict);
  }

  /** What follows when a step has succeeded or failed. */
  #follow(run: RefreshRun, result: Result<unknown> | undefined): RefreshRun {
    return result?.ok === false ? this.#fail(run, result.failure) : run;
  }

  #fail(run: RefreshRun, failure: Failure): RefreshRun {
    if (this.#running !== undefined) this.#running.isUrged = false;
    this.#state = delay(this.#state);
    if (run.phase.kind === 'ending') return { ...run, phase: { ...run.phase, hasTried: true } };
    // Whatever fails once the term is gone fails because it is gone: that is worth no alert.
    if (run.term.hasEnded() || run.retired.aborted) return endEarly(run);
    if (failure.code === 'aborted' || failure.code === 'leadership-lost') return endWith(run, failure);
    const failures = countFailure(run.failures, failure, this.#deps.clock.monotonicMs());
    const waitMs = this.#decideWait({ ...run, failures }, failure);
    this.#tellFailure(run, failure, waitMs);
    const next = run.phase.kind === 'achieved' ? run.phase : WORKING;
    const phase: Phase = isGivenUp(run, failure, waitMs)
      ? { kind: 'failed', failure }
      : { kind: 'backing-off', failure, waitMs, next };
    return { ...run, failures, phase };
  }

  #tellFailure({ attempt, failures }: RefreshRun, failure: Failure, waitMs: number): void {
    const { clock, events, identity } = this.#deps;
    if (this.#running !== undefined) this.#running.latestFailure = failure;
    events({
      event: 'refresh-failed',
      identity,
      failure,
      attempt,
      repeated: failures.latestCode === failure.code,
      nextAttemptAtMs: clock.now() + waitMs,
      expiresAtMs: this.published?.expiresAtMs,
    });
  }

  #decideWait({ beganLive, failures, goal }: RefreshRun, failure: Failure): number {
    const { limits, random } = this.#deps;
    const { coolDown, writer } = limits;
    coolDown.recordFailure(failure);
    const input = {
      ...attemptsOf(failures, failure),
      failure,
      remainingMs: beganLive ? this.#remainingMs : undefined,
      roomInMs: writer.roomInMs,
      humanInMs: coolDown.rejectedMs(failure),
    };
    const ownMs = decideWait(input, random.next());
    if (goal === 'chain') return ownMs;
    const { stored, pending } = this.#state;
    const { demandedMs, intervalMs } = limits.view(this.published?.issuedAtMs);
    if (pending !== undefined) return Math.max(ownMs, demandedMs);
    return Math.max(ownMs, demandedMs, intervalMs, stored === 'unread' ? 0 : limits.retryWaitMs);
  }
}
