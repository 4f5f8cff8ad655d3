/**
 * Leader election over a Kubernetes Lease, after client-go's `tools/leaderelection`.
 *
 * Guarantees
 * - At most one elector leads at a time, whatever the wall clocks say and however the network delays, loses or repeats
 *   answers: a leader counts its term from before it sent the renewal that succeeded, and stops at the renew deadline;
 *   a stand-by counts from after it saw the record change, and waits for the record's own, longer duration.
 * - A leader that was paused beyond its deadline finds its signal aborted when it reads it; see `lease-term.ts`.
 * - After a crash another leads within lease duration plus retry period, after `release` within one retry period, plus
 *   the time that the API server takes. While the API server is away nobody begins to lead.
 *
 * Non-guarantees
 * - A lease is no fence. A write that left before the term ended may arrive after it: the store's compare-and-swap
 *   decides about that one.
 * - Monotonic clocks have to run at about the same speed, and while a machine is suspended its own may stand still.
 * - People who edit or delete the Lease manually can make two leaders, for at most a renew deadline. A record that was
 *   edited so that it says less (no duration, a malformed field) is waited for as long as our own, and one that names us
 *   is written again.
 */
import { findLeaseTimingProblems } from '../../core/lease-timing.ts';
import type { Coordinator, Leadership, Random } from '../../core/ports.ts';
import { formatRoughly } from '../../core/wire/time-text.ts';
import type { CallLimits } from './api-client.ts';
import { ElectionReport, type ElectionReportOptions } from './election-report.ts';
import type { Lease, LeaseChange } from './lease.ts';
import type { LeaseAnswer, LeaseOperation, LeaseProblem } from './lease-answer.ts';
import type { LeaseClient } from './lease-client.ts';
import { LeaseTerm } from './lease-term.ts';
import { ObservedLease } from './observed-lease.ts';

export interface LeaseElectorOptions extends ElectionReportOptions {
  readonly client: LeaseClient;
  /** Must not be used by any other elector, not even by a former process of this replica. */
  readonly identity: string;
  readonly random: Random;
  /** See {@link LeaseChange.rejectionsAt}; asked at each write. */
  readonly rejectionsAt?: () => string | undefined;
  /** Called with the lease whenever it was read or written while this replica holds it. */
  readonly onOwnLease?: (lease: Lease) => void;
}

/** Waits are drawn between three quarters of a retry period and a whole one, so that replicas do not march in step. */
const JITTER_SHARE = 0.25;
/** After an attempt that took its time the next one follows soon, but not at once. */
const MIN_WAIT_SHARE = 0.25;
/** Giving up is a courtesy, and the program has to end: for its calls together. */
const RELEASE_MS = 1500;
/** A released record holds nobody back; the wire knows no zero. */
const RELEASED_DURATION_MS = 1000;
/** Update, read after a conflict, update again, and once more. */
const MAX_CALLS = 4;
/** A look that has not ended after so many lease durations never ends: each of its calls has a deadline. */
const STUCK_AFTER_DURATIONS = 3;

type Attempt =
  | { readonly kind: 'leading'; readonly term: LeaseTerm }
  | { readonly kind: 'waiting'; readonly waitMs: number };

export class LeaseElector implements Coordinator {
  readonly #options: LeaseElectorOptions;
  readonly #observed: ObservedLease;
  readonly #report: ElectionReport;
  readonly #requestLimitMs: number;
  #term: LeaseTerm | undefined;
  /** Renews and watches the present term; never rejects. */
  #work: Promise<void> = Promise.resolve();
  #fault: { readonly error: unknown } | undefined;
  /** As we last wrote it; `undefined` when it is not known to be ours. */
  #own: Lease | undefined;
  /** A write of ours may have been carried out, so that the record may name us. */
  #mayHold = false;
  #writes = 0;
  /** When the present look or renewal began; `undefined` between them. */
  #tryingSinceMs: number | undefined;
  /** Has led, or has seen that it might: from then on it is ready, whatever becomes of the API server. */
  #canTakePart = false;

  /** @throws when the settings are impossible: the configuration has checked them */
  constructor(options: LeaseElectorOptions) {
    const problem = findLeaseTimingProblems(options.timing)[0];
    if (problem !== undefined) throw new RangeError(`${problem.field} must be ${problem.allowed}`);
    if (options.identity === '') throw new RangeError('an elector needs an identity');
    this.#options = options;
    this.#requestLimitMs = options.timing.renewDeadlineMs / 2;
    this.#observed = new ObservedLease(options.timing.leaseDurationMs);
    this.#report = new ElectionReport(options);
  }

  async lead(signal: AbortSignal): Promise<Leadership> {
    if (this.#term?.hasEnded() === false) throw new Error('the present term has not ended');
    await this.#work;
    if (this.#fault !== undefined) throw this.#fault.error;
    for (;;) {
      signal.throwIfAborted();
      this.#tryingSinceMs = this.#nowMs();
      const attempt = await this.#tryToLead(signal);
      this.#tryingSinceMs = undefined;
      if (attempt.kind === 'leading') return attempt.term;
      await this.#options.clock.sleep(attempt.waitMs, signal);
    }
  }

  async release(): Promise<void> {
    this.#term?.end('leadership was released');
    await this.#work;
    if (this.#mayHold) await this.#giveUp(this.#nowMs() + RELEASE_MS);
    this.#options.client.close();
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  stuckReasons(): readonly string[] {
    if (this.#tryingSinceMs === undefined) return [];
    const tryingForMs = this.#nowMs() - this.#tryingSinceMs;
    if (tryingForMs <= STUCK_AFTER_DURATIONS * this.#options.timing.leaseDurationMs) return [];
    return [
      `a look at lease ${this.#options.leaseName} has not ended for ${formatRoughly(tryingForMs)}: a bug`,
    ];
  }

  unreadyReasons(): readonly string[] {
    if (this.#canTakePart) return [];
    return [this.#report.problem ?? `lease ${this.#options.leaseName} has not been read yet`];
  }

  /** Looks once, and takes the lease when it is free. */
  async #tryToLead(signal: AbortSignal): Promise<Attempt> {
    const { client, identity } = this.#options;
    const startedMs = this.#nowMs();
    const call: CallLimits = { timeoutMs: this.#requestLimitMs, signal };
    const seen = await client.get(call);
    const failure = this.#noteAnswer('get', seen, signal);
    if (failure !== undefined) {
      this.#report.noteVacancy(this.#observed);
      return { kind: 'waiting', waitMs: this.#waitMs(startedMs, failure) };
    }
    if (seen.kind === 'lease') {
      const { record } = seen.lease;
      const change = this.#observed.observe(seen.lease, identity, this.#nowMs());
      if (change === 'renewed') this.#report.noteLeader(seen.lease);
      if (change === 'changed') this.#report.noteChange();
      this.#mayHold = record.holder === identity;
    } else {
      this.#observed.observeAbsence(this.#nowMs());
    }
    const freeInMs = this.#observed.freeInMs(this.#nowMs());
    if (freeInMs > 0) {
      if (seen.kind === 'lease') await this.#rehearse(seen.lease, call);
      this.#report.noteVacancy(this.#observed);
      return { kind: 'waiting', waitMs: Math.min(freeInMs, this.#waitMs(startedMs)) };
    }

    const sentAtMs = this.#nowMs();
    const taken = await this.#write(seen.kind === 'lease' ? seen.lease : undefined, call);
    const refusal = this.#noteAnswer(seen.kind === 'lease' ? 'update' : 'create', taken, signal);
    const isOurs = taken.kind === 'lease' && taken.lease.record.holder === identity;
    const term = isOurs ? this.#begin(taken.lease, sentAtMs) : undefined;
    if (term !== undefined) return { kind: 'leading', term };
    this.#report.noteVacancy(this.#observed);
    return { kind: 'waiting', waitMs: this.#waitMs(startedMs, refusal) };
  }

  /**
   * Whether a stand-by could write, if it had to: until that has been seen once, and while it fails. A refusal counts
   * when the server says why; what else may come of a dry run says nothing about a write.
   */
  async #rehearse(lease: Lease, call: CallLimits): Promise<void> {
    if (this.#canTakePart && !this.#report.isWriteFailing) return;
    const answer = await this.#options.client.rehearse(lease, call);
    const isRefused = answer.kind === 'failed' && answer.problem.isExplained === true;
    if (isRefused || answer.kind === 'lease') this.#noteAnswer('update', answer, call.signal);
    if (!isRefused && !call.signal.aborted) this.#canTakePart = true;
  }

  /** Starts a term, unless the answer took so long that it would be over already. */
  #begin(lease: Lease, sentAtMs: number): LeaseTerm | undefined {
    const term = new LeaseTerm(this.#options.clock, this.#deadlineAfter(sentAtMs));
    this.#adopt(lease);
    if (term.hasEnded()) return undefined;
    this.#term = term;
    this.#canTakePart = true;
    this.#report.noteOwnTerm();
    this.#work = Promise.all([term.watch(), this.#renewUntilEnd(term)]).then(
      () => undefined,
      (error: unknown) => {
        term.end('leadership was lost: the elector failed');
        this.#fault = { error };
      },
    );
    return term;
  }

  async #renewUntilEnd(term: LeaseTerm): Promise<void> {
    let waitMs = this.#waitMs(this.#nowMs());
    while (!term.hasEnded()) {
      await this.#options.clock.sleep(waitMs, term.signal).catch(() => undefined);
      if (term.hasEnded()) return;
      const startedMs = this.#nowMs();
      this.#tryingSinceMs = startedMs;
      const problem = await this.#renew(term);
      this.#tryingSinceMs = undefined;
      waitMs = this.#waitMs(startedMs, problem);
    }
  }

  /** Extends the term once, or ends it when somebody else holds the lease. */
  async #renew(term: LeaseTerm): Promise<LeaseProblem | undefined> {
    const { client, identity } = this.#options;
    // As a rule one call: nobody but the leader writes, so the version that it wrote last is the present one.
    let next: 'write' | 'read' = 'write';
    for (let calls = 0; calls < MAX_CALLS && !term.hasEnded(); calls += 1) {
      const call = { timeoutMs: Math.min(this.#requestLimitMs, term.leftMs), signal: term.signal };
      const sentAtMs = this.#nowMs();
      const operation = next === 'read' ? 'get' : this.#own === undefined ? 'create' : 'update';
      const answer: LeaseAnswer =
        next === 'read' ? await client.get(call) : await this.#write(this.#own, call);
      if (term.hasEnded()) return undefined;
      const problem = this.#noteAnswer(operation, answer, term.signal);
      if (problem !== undefined) return problem;
      if (answer.kind === 'lease' && answer.lease.record.holder !== identity) {
        this.#observed.observe(answer.lease, identity, this.#nowMs());
        this.#own = undefined;
        this.#mayHold = false;
        term.end('leadership was lost: the lease names another holder');
        return undefined;
      }
      if (answer.kind === 'lease') this.#adopt(answer.lease);
      if (answer.kind === 'lease' && next === 'write') {
        term.extend(this.#deadlineAfter(sentAtMs));
        this.#report.noteOwnTerm();
        return undefined;
      }
      if (answer.kind === 'absent') this.#own = undefined;
      next = answer.kind === 'conflict' ? 'read' : 'write';
    }
    return undefined;
  }

  /** Names nobody as the holder, if the record still names us. */
  async #giveUp(untilMs: number): Promise<void> {
    const { client, identity, clock } = this.#options;
    const { signal } = new AbortController();
    let lease = this.#own;
    for (let calls = 0; calls < MAX_CALLS && this.#nowMs() < untilMs; calls += 1) {
      const call = { timeoutMs: Math.min(this.#requestLimitMs, untilMs - this.#nowMs()), signal };
      const answer: LeaseAnswer =
        lease === undefined
          ? await client.get(call)
          : await client.update(
              lease,
              this.#change({
                holder: '',
                durationMs: RELEASED_DURATION_MS,
                acquiredAtMs: clock.now(),
                transitions: lease.record.transitions,
              }),
              call,
            );
      if (this.#noteAnswer(lease === undefined ? 'get' : 'update', answer, signal) !== undefined) return;
      if (answer.kind === 'conflict') {
        lease = undefined;
        continue;
      }
      if (answer.kind !== 'lease' || answer.lease.record.holder !== identity) break;
      lease = answer.lease;
    }
    this.#own = undefined;
    this.#mayHold = false;
  }

  /** Names us as the holder: over what was read, or in a new object. */
  #write(lease: Lease | undefined, call: CallLimits): Promise<LeaseAnswer> {
    const { client, identity, timing, clock } = this.#options;
    const isOurs = lease?.record.holder === identity;
    const change = this.#change({
      holder: identity,
      durationMs: timing.leaseDurationMs,
      acquiredAtMs: isOurs && lease.record.acquireTime !== undefined ? undefined : clock.now(),
      transitions: lease === undefined ? 0 : lease.record.transitions + (isOurs ? 0 : 1),
    });
    this.#mayHold = true;
    return lease === undefined ? client.create(change, call) : client.update(lease, change, call);
  }

  #change(
    change: Omit<LeaseChange, 'renewedAtMs' | 'microseconds' | 'installation' | 'rejectionsAt'>,
  ): LeaseChange {
    const { clock, installation } = this.#options;
    this.#writes += 1;
    return {
      ...change,
      renewedAtMs: clock.now(),
      microseconds: this.#writes % 1000,
      installation,
      rejectionsAt: this.#options.rejectionsAt?.(),
    };
  }

  #adopt(lease: Lease): void {
    this.#own = lease;
    this.#options.onOwnLease?.(lease);
    this.#observed.observe(lease, this.#options.identity, this.#nowMs());
  }

  /** @returns the failure; one that we brought about ourselves is not reported */
  #noteAnswer(operation: LeaseOperation, answer: LeaseAnswer, signal: AbortSignal): LeaseProblem | undefined {
    const problem = answer.kind === 'failed' ? answer.problem : undefined;
    if (problem === undefined || !signal.aborted)
      this.#report.noteAnswer(operation, answer, this.#term?.hasEnded() === false);
    return problem;
  }

  /** Milliseconds until the next attempt. */
  #waitMs(startedMs: number, problem?: LeaseProblem): number {
    const { timing, random } = this.#options;
    const periodMs = timing.retryPeriodMs * (1 - JITTER_SHARE * random.next());
    const restMs = startedMs + periodMs - this.#nowMs();
    const ownMs = Math.max(restMs, timing.retryPeriodMs * MIN_WAIT_SHARE);
    // Longer than a lease lives nobody is kept from looking, whatever the server says.
    return Math.max(ownMs, Math.min(problem?.retryAfterMs ?? 0, timing.leaseDurationMs));
  }

  #deadlineAfter(sentAtMs: number): number {
    return sentAtMs + this.#options.timing.renewDeadlineMs;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
