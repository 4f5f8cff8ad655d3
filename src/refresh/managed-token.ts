/**
 * Keeps one token fresh: single flight, fetch, publish, retry. One loop asks `decideStep` what comes next and does it.
 *
 * Guarantee: at most one fetch of this token is in flight in this process; a token that was fetched and not yet written
 * stays pending and only its write is repeated; the token that readers see is replaced by a better one or not at all.
 * Non-guarantee: two processes may fetch at once; the store's compare-and-swap decides whose token stays.
 */
import { decideWait } from '../core/backoff.ts';
import { type CadencePolicy, decideRefreshAt, decideTolerableCadence, isDueAtTick } from '../core/cadence.ts';
import { describeExcess } from '../core/chain-state.ts';
import {
  createDocument,
  createPublishedToken,
  describeFieldProblem,
  type PublishedToken,
  serializeDocument,
  type TokenDocument,
} from '../core/document.ts';
import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import { momentAt, msUntil } from '../core/moment.ts';
import type { Random, SecretWrite, TextReader } from '../core/ports.ts';
import { type Assessment, assessStored, decideReplacement } from '../core/replacement.ts';
import { type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import { decideStep, isDue, type TokenFacts } from './decide-step.ts';
import type { CallRefusal } from './limits/token-limits.ts';
import {
  earlierExpiry,
  isPutOff,
  keepEarlierMoments,
  momentOf,
  type PlannedToken,
  planStored,
  usableUntil,
  whenWorthAsking,
} from './planned-token.ts';
import {
  type Achievement,
  attemptsOf,
  countFailure,
  countOthers,
  describeEndOf,
  hasPatience,
  isGivenUp,
  isOffSchedule,
  NO_FAILURES,
  RETIRED,
  type RefreshOutcome,
  type RefreshRun,
  WORKING,
} from './refresh-run.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { Term } from './term.ts';
import { fetchToken, type TokenFetchDeps } from './token-fetch.ts';
import {
  delay,
  invalidate,
  isStale,
  type PendingToken,
  pendingOf,
  publishedOf,
  rebase,
  type Stored,
  settled,
  storedIn,
  type TokenState,
  UNREAD,
} from './token-state.ts';

export interface ManagedTokenDeps extends TokenFetchDeps {
  readonly policy: CadencePolicy;
  /** How early a token that came off schedule is refreshed once, to spread a provider's tokens; drawn once. */
  readonly offsetMs: number;
  readonly store: TextReader;
  readonly writer: SecretWriter;
  readonly random: Random;
}

export class ManagedToken {
  readonly #deps: ManagedTokenDeps;
  #state: TokenState = UNREAD;
  #running: Promise<RefreshOutcome> | undefined;
  /** Ends the present run as the end of its term does, when the token is not managed any more. */
  #retiring: AbortController | undefined;
  /** Ends the present wait after a failure, or for a permit. */
  #wakeUp: AbortController | undefined;
  /** A human waits for the next attempt of the present run. */
  #isUrged = false;

  constructor(deps: ManagedTokenDeps) {
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
    return publishedOf(this.#state)?.token;
  }

  /**
   * How long what readers see can be used to get the next one, in milliseconds: its lifetime, or less when the refresh
   * token that came with it dies earlier. `undefined` when there is no token.
   */
  get lifetimeMs(): number | undefined {
    return publishedOf(this.#state)?.lifetimeMs;
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
    const published = publishedOf(this.#state);
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
    const { chain, limits, identity, clock, events } = this.#deps;
    await limits.pace.restore();
    const restored = chain === undefined ? succeed(undefined) : await chain.restore(reader, signal);
    if (!restored.ok) return restored;
    const read = await reader.read(identity.secret, signal);
    if (!read.ok) {
      this.invalidate();
      return read;
    }
    const assessment = assessStored(read.value, identity, clock.now());
    if (assessment.kind === 'absent') events({ event: 'token-absent', identity, why: assessment.why });
    this.#learn(assessment, pendingOf(this.#state));
    return succeed(undefined);
  }

  /**
   * Refreshes the token and ends when that has succeeded, when the term ends, or after `maxAttempts` failures. A call
   * while one is running joins it; an explicit one also ends its wait, unless the provider asked for that wait.
   */
  refresh(
    reason: RefreshReason,
    term: Term,
    maxAttempts: RefreshRun['maxAttempts'] = 'unlimited',
  ): Promise<RefreshOutcome> {
    const { pace } = this.#deps.limits;
    if (reason === 'explicit') pace.forgetRejection();
    if (this.#running === undefined)
      return this.#begin(reason, term, maxAttempts, this.#isOnlyChainDue(reason) ? 'chain' : 'token');
    if (reason === 'explicit' && pace.demandedRestMs() === 0) {
      this.#isUrged = true;
      this.#wakeUp?.abort();
    }
    return this.#running;
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
      over: AbortSignal.any([term.stopping, term.signal, retiring.signal]),
      maxAttempts,
      startedMs: this.#deps.clock.monotonicMs(),
      beganLive: (this.#remainingMs() ?? 0) > 0,
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
    });
    return this.#running;
  }

  #isOnlyChainDue(reason: RefreshReason): boolean {
    const { policy, clock } = this.#deps;
    if (!this.hasUnsaved || pendingOf(this.#state) !== undefined || isDue(this.#state, policy, clock))
      return false;
    return reason === 'start' || reason === 'due';
  }

  /** The loop: everything that a refresh does, and everything that it waits for. */
  async #refresh(begun: RefreshRun): Promise<RefreshOutcome> {
    const { identity, limits, clock, events } = this.#deps;
    events({ event: 'refresh-started', identity, reason: begun.reason });
    let run = begun;
    for (;;) {
      run = endWhenOver(run);
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
          await untilOver(run, limits.takeTurn(this.#priority, run.over));
          break;
        case 'wait':
          limits.leaveTurn();
          await untilOver(run, clock.sleep(step.waitMs, run.over));
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

  /** Whose readers run out first goes first. */
  get #priority(): number {
    return this.published?.expiresAtMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Of what readers see, in milliseconds; `undefined` when there is no token. */
  #remainingMs(): number | undefined {
    const published = publishedOf(this.#state);
    return published === undefined ? undefined : msUntil(published.expiry, this.#deps.clock);
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
    if (run.term.signal.aborted || run.retired.aborted) return ending(run, describeEndOf(run));
    if (failure.code === 'aborted' || failure.code === 'leadership-lost') return ending(run, failure);
    const repeated = run.failures.latestCode === failure.code;
    const failures = countFailure(run.failures, failure, this.#deps.clock.monotonicMs());
    const counted = { ...run, failures };
    const waitMs = this.#decideWait(counted, failure);
    this.#tellFailure(run, failure, repeated, waitMs);
    if (isGivenUp(run, failure, waitMs)) return { ...counted, phase: { kind: 'given-up', failure } };
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
    const { limits, writer, random } = this.#deps;
    limits.pace.recordFailure(failure);
    const input = {
      ...attemptsOf(failures, failure),
      failure,
      remainingMs: beganLive ? this.#remainingMs() : undefined,
      roomInMs: writer.roomInMs,
      humanInMs: limits.pace.rejectedRestMs(failure),
    };
    const ownMs = decideWait(input, random.next());
    if (goal === 'chain') return ownMs;
    const { demandedMs, intervalMs } = limits.view(this.published?.issuedAtMs);
    if (pendingOf(this.#state) !== undefined) return Math.max(ownMs, demandedMs);
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
    if (failure.retry === 'needs-human' && !run.over.aborted) limits.pace.forgetRejection();
    const next = run.phase.kind === 'backing-off' ? run.phase.next : WORKING;
    return { ...run, attempt: run.attempt + 1, phase: next };
  }

  /** Waits until the provider may be asked for this token, or a human wants it asked, or its credentials have changed. */
  async #waitForPermit(run: RefreshRun, refusal: CallRefusal): Promise<RefreshRun> {
    const { limits } = this.#deps;
    const next: RefreshRun = { ...run, phase: WORKING };
    if (refusal.refusal !== 'held') {
      await untilOver(run, limits.wait(refusal, this.#priority, run.over));
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

  async #readStore(run: RefreshRun): Promise<RefreshRun> {
    if (isStale(pendingOf(this.#state), this.#deps.clock))
      this.#state = { kind: 'unread', published: publishedOf(this.#state), pending: undefined };
    // Nothing is lost when a read is cut off, so the end of the program does not wait for the store.
    const restored = await this.restore(run.over);
    return this.#follow({ ...run, onlyIfDue: run.reason !== 'explicit' }, restored);
  }

  /** What the store holds, beside what is pending. */
  #learn(read: Assessment, pending: PendingToken | undefined): void {
    const stored = storedIn(read);
    const published = read.kind === 'live' ? this.#adopt(read.document) : undefined;
    const kept = pending === undefined ? undefined : rebase(pending, read, this.#createWrite);
    this.#state =
      kept === undefined ? settled(stored, published) : { kind: 'pending', stored, published, pending: kept };
  }

  /** Takes over a live document that this process did not write. */
  #adopt(document: TokenDocument): PlannedToken {
    const { policy, chain, clock, events, identity } = this.#deps;
    const { issuedAtMs, expiresAtMs, generation } = document;
    const read = planStored(document, chain?.expiresAtMs, policy, clock);
    const refreshAtMs = read.refreshAt.wallMs;
    events({ event: 'token-restored', identity, issuedAtMs, expiresAtMs, refreshAtMs, generation });
    return keepEarlierMoments(read, publishedOf(this.#state));
  }

  async #fetch(run: RefreshRun): Promise<RefreshRun> {
    const { limits } = this.#deps;
    const isUrged = this.#isUrged || run.reason === 'explicit';
    const admitted = await limits.admit(run.attempt === 1, isUrged, run.term);
    if ('refusal' in admitted)
      return hasPatience(run) && run.reason !== 'explicit'
        ? { ...run, phase: { kind: 'refused', refusal: admitted } }
        : this.#fail(run, admitted.failure);
    using permit = admitted;
    if (await this.#isPutOffByOthers(run)) return { ...run, onlyIfDue: true };
    const remainingMs = this.#remainingMs();
    const fingerprint = (remainingMs ?? 0) > 0 ? this.published?.fingerprint : undefined;
    const fetched = await fetchToken(this.#deps, run.term, permit, { remainingMs, fingerprint });
    if (!fetched.ok) return this.#fail(run, fetched.failure);
    this.#isUrged = false;
    const token = fetched.value;
    const published = publishedOf(this.#state);
    if (published !== undefined && this.#isUnchanged(token, published)) {
      this.#decline(token, published, run.reason === 'explicit');
      return achieved(run, { kind: 'unchanged' });
    }
    const problem = this.#hold(token, isOffSchedule(run));
    if (problem === undefined) return run;
    // The token is of no use; the refresh token that came with it is.
    const saved = await this.#saveRefreshToken(run.term);
    return this.#fail(run, saved.ok ? problem : saved.failure);
  }

  /**
   * Looks, right before a call, whether somebody else's writes put the refresh off: a token that was published under us,
   * or versions that the budget does not bear.
   */
  async #isPutOffByOthers(run: RefreshRun): Promise<boolean> {
    const { writer, clock, policy } = this.#deps;
    const isReplaced = await this.#takeOverNewer(run.term.signal);
    const isNews = await writer.learnVersions(run.term);
    const published = publishedOf(this.#state);
    if ((!isReplaced && !isNews) || published === undefined || msUntil(published.expiry, clock) <= 0)
      return false;
    const { tickMs } = decideTolerableCadence(published.lifetimeMs, policy);
    const dueInMs = msUntil(published.refreshAt, clock);
    const waitMs = this.#decidePostponement(published);
    if (isDueAtTick(Math.max(dueInMs, waitMs), tickMs)) return false;
    if (waitMs > dueInMs) this.#postpone(published, waitMs);
    return run.attempt === 1 && (run.reason === 'due' || run.reason === 'start');
  }

  /**
   * While versions are short, a look at the store before the fetch saves one: a write over somebody else's newer token
   * makes a version whatever comes of it.
   */
  async #takeOverNewer(signal: AbortSignal): Promise<boolean> {
    const { store, writer, identity, policy, clock } = this.#deps;
    const state = this.#state;
    if (state.kind !== 'published' || !isPutOff(state.published, policy)) return false;
    const read = await store.read(identity.secret, signal);
    if (!read.ok || read.value?.version === state.stored.version) return false;
    const stored = assessStored(read.value, identity, clock.now());
    // The store is eventually consistent: what it shows may be what was there before ours.
    if (stored.kind !== 'live' || stored.document.expiresAtMs <= state.published.token.expiresAtMs)
      return false;
    this.#learn(stored, undefined);
    writer.noticeOthers();
    return true;
  }

  #decidePostponement({ refreshAt, latestRefreshAt }: PlannedToken): number {
    const { writer, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const postponedAtMs = writer.decidePostponedAt({
      plannedAtMs: nowMs + msUntil(refreshAt, clock),
      latestAtMs: nowMs + msUntil(latestRefreshAt, clock),
      offsetMs: 0,
    });
    return postponedAtMs - nowMs;
  }

  #postpone(published: PlannedToken, waitMs: number): void {
    const { clock, events, identity } = this.#deps;
    const refreshAt = momentAt(clock.now() + waitMs, clock);
    this.#replacePublished({ ...published, refreshAt });
    events({ event: 'refresh-postponed', identity, refreshAtMs: refreshAt.wallMs });
  }

  /** True when the provider had nothing better than what readers already see. */
  #isUnchanged(token: FetchedToken, published: PlannedToken): boolean {
    const { clock } = this.#deps;
    if (msUntil(published.expiry, clock) <= 0) return false;
    // By whichever clock says that it dies sooner: the wall clock may have been set back since it was published.
    const expiresAtMs = clock.now() + msUntil(published.expiry, clock);
    return decideReplacement(token, { ...published.token, expiresAtMs }, clock.now()) === 'unchanged';
  }

  /**
   * Nothing is written, and the next moment is the one at which asking makes sense, or the planned one when that has not
   * been tried yet.
   */
  #decline(token: FetchedToken, published: PlannedToken, isAskedEarly: boolean): void {
    const { clock, events, identity, policy } = this.#deps;
    const expiry = earlierExpiry(token, published);
    const worthAskingAt = whenWorthAsking(token, { ...published, expiry }, policy);
    const isPlanKept = isAskedEarly && msUntil(published.refreshAt, clock) < msUntil(worthAskingAt, clock);
    const refreshAt = isPlanKept ? published.refreshAt : worthAskingAt;
    this.#replacePublished({ ...published, expiry, refreshAt });
    events({
      event: 'token-unchanged',
      identity,
      expiresAtMs: expiry.wallMs,
      refreshAtMs: refreshAt.wallMs,
    });
  }

  /** The same token, with other moments. */
  #replacePublished(published: PlannedToken): void {
    if (this.#state.kind === 'published' || this.#state.kind === 'pending')
      this.#state = { ...this.#state, published };
  }

  /**
   * Takes a fetched token over and freezes the bytes of its write.
   * @returns why it can never be published; it is forgotten then
   */
  #hold(token: FetchedToken, isOffSchedule: boolean): Failure | undefined {
    const { identity, clock } = this.#deps;
    const state = this.#state;
    if (state.kind === 'unread') throw new Error('nothing is fetched before the store was read');
    const published = publishedOf(state);
    // The token that readers have seen, handed out again in its last seconds.
    const isSame = token.accessToken.fingerprint() === published?.token.fingerprint;
    if (isSame && msUntil(momentOf(token, token.expiresAtMs), clock) <= 0)
      return unusable(`the token of ${identity.token} was over before it could be published`);
    const pending = this.#plan(token, state.stored, isOffSchedule);
    const problem = describeFieldProblem(token.fields);
    if (problem !== undefined) return unusable(`the answer for ${identity.token} ${problem}`);
    const what = `the document of ${identity.token}, with its access token,`;
    const excess = describeExcess(what, pending.write.text);
    if (excess !== undefined) return unusable(excess);
    this.#state = { kind: 'pending', stored: state.stored, published, pending };
    return undefined;
  }

  #plan(token: FetchedToken, stored: Stored, isOffSchedule: boolean): PendingToken {
    const { policy, offsetMs, chain, identity, writer } = this.#deps;
    // A refresh token that did not come with it dies when it will: asking earlier and earlier would not save that one.
    const chainEndsAtMs =
      chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs;
    const usableUntilMs = usableUntil(token, chainEndsAtMs, token.issuedAtMs);
    const lifetimeMs = usableUntilMs - token.issuedAtMs;
    const cadence = decideTolerableCadence(lifetimeMs, policy);
    const latestRefreshAt = momentOf(token, usableUntilMs - cadence.leastMarginMs);
    const plannedAtMs = decideRefreshAt(usableUntilMs, cadence, 0);
    const soonestAtMs = decideRefreshAt(usableUntilMs, cadence, isOffSchedule ? offsetMs : 0);
    // As the cadence wants it, or later while versions of the secret are short.
    const decidedAtMs = writer.decideRefreshAt({
      plannedAtMs: momentOf(token, plannedAtMs).monotonicMs,
      latestAtMs: latestRefreshAt.monotonicMs,
      offsetMs: plannedAtMs - soonestAtMs,
      longestPaceMs: latestRefreshAt.wallMs - token.issuedAtMs,
    });
    const refreshAtMs = Math.round(token.issuedAtMs + (decidedAtMs - token.issuedAtMonotonicMs));
    const document = createDocument(identity, token, { refreshAtMs, generation: stored.generation + 1 });
    return {
      token: createPublishedToken(document),
      document,
      lifetimeMs,
      refreshAt: momentOf(token, refreshAtMs),
      latestRefreshAt,
      expiry: momentOf(token, token.expiresAtMs),
      write: this.#createWrite(document, stored),
      hasWaited: false,
    };
  }

  readonly #createWrite = (document: TokenDocument, { version }: Stored): SecretWrite => {
    const { identity, random } = this.#deps;
    const text = serializeDocument(document);
    return { secretName: identity.secret, text, requestToken: random.uuid(), expectedVersion: version };
  };

  #saveRefreshToken(term: Term): Promise<Result<void>> {
    return this.#deps.chain?.save(term) ?? Promise.resolve(succeed(undefined));
  }

  async #publish(run: RefreshRun): Promise<RefreshRun> {
    const { writer, clock, events, identity } = this.#deps;
    const { term, reason, startedMs } = run;
    const pending = pendingOf(this.#state);
    if (pending === undefined) throw new Error('nothing is pending to be published');
    if (term.signal.aborted) return this.#fail(run, describeEndOf(run));
    const written = await writer.publish('document', pending.write, term, this.published?.expiresAtMs);
    if (!written.ok)
      return written.failure.code === 'store-conflict'
        ? this.#resolveConflict(run, pending, written.failure)
        : this.#fail(run, written.failure);
    const { document, token, lifetimeMs, refreshAt, latestRefreshAt, expiry } = pending;
    const published = { token, lifetimeMs, refreshAt, latestRefreshAt, expiry };
    const { version } = written.value;
    this.#state = { kind: 'published', stored: { version, generation: document.generation }, published };
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = published.token;
    events({
      event: 'token-refreshed',
      identity,
      reason,
      durationMs: clock.monotonicMs() - startedMs,
      issuedAtMs,
      expiresAtMs,
      refreshAtMs,
      generation,
    });
    return achieved(run, { kind: 'refreshed' });
  }

  /** Somebody else has written the secret: the token that lives longer stays. */
  async #resolveConflict(run: RefreshRun, pending: PendingToken, conflict: Failure): Promise<RefreshRun> {
    const { store, identity, clock } = this.#deps;
    const read = await store.read(identity.secret, run.term.signal);
    if (!read.ok) return this.#fail(run, read.failure);
    const stored = assessStored(read.value, identity, clock.now());
    const rebased = rebase(pending, stored, this.#createWrite);
    if (rebased === undefined) {
      this.#learn(stored, undefined);
      return achieved(run, { kind: 'fresh' });
    }
    this.#state = {
      kind: 'pending',
      stored: storedIn(stored),
      published: publishedOf(this.#state),
      pending: rebased,
    };
    return this.#fail(run, conflict);
  }
}

function endWhenOver(run: RefreshRun): RefreshRun {
  const isAlready =
    run.phase.kind === 'ending' || run.phase.kind === 'achieved' || run.phase.kind === 'given-up';
  return run.over.aborted && !isAlready ? ending(run, describeEndOf(run)) : run;
}

function ending(run: RefreshRun, failure: Failure): RefreshRun {
  return { ...run, phase: { kind: 'ending', failure, hasTried: false } };
}

function achieved(run: RefreshRun, achievement: Achievement): RefreshRun {
  return { ...run, phase: { kind: 'achieved', achievement } };
}

function unusable(message: string): Failure {
  return { code: 'response-malformed', retry: 'backoff', message };
}

/** Only the run's own signals end a wait; anything else is a bug and must be seen. */
async function untilOver(run: RefreshRun, wait: Promise<void>): Promise<void> {
  try {
    await wait;
  } catch (error) {
    if (!run.over.aborted) throw error;
  }
}
