/**
 * What a replica says about the election: whether it works, who leads, and that nobody does.
 *
 * Guarantee: each cause is reported once, until what failed has succeeded. That something else has succeeded says nothing: an
 * API server that is read well may refuse every write, and then nobody leads.
 */
import { isSameInstallation } from '../../core/installation.ts';
import type { LeaseTiming } from '../../core/lease-timing.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import { formatRoughly } from '../../core/wire/time-text.ts';
import { describeReach, type Lease, nameHolder } from './lease.ts';
import type { LeaseAnswer, LeaseOperation, LeaseProblem } from './lease-answer.ts';
import type { ObservedLease } from './observed-lease.ts';

export interface ElectionReportOptions {
  /** For messages. */
  readonly leaseName: string;
  /** See {@link LeaseChange.installation}. */
  readonly installation: string;
  readonly timing: LeaseTiming;
  readonly clock: Clock;
  readonly events: RefreshEvents;
  /** Where each replica, as a pod beside the Lease, has its status page; undefined: they are no pods, or elsewhere. */
  readonly podPort?: number | undefined;
}

type Side = 'read' | 'write';

export class ElectionReport {
  readonly #options: ElectionReportOptions;
  /** What fails now. */
  readonly #failing = new Map<Side, string>();
  /** What has been reported since the first of these failures. */
  readonly #told = new Set<string>();
  #failingSinceMs = 0;
  /** Monotonic time at which somebody was known to lead. */
  #ledAtMs: number;
  /** As it was reported; `undefined` when nobody else is known to lead. */
  #leader: string | undefined;
  /** Why nobody leads, as it was reported; `undefined` while somebody does as far as people know. */
  #vacancy: string | undefined;

  constructor(options: ElectionReportOptions) {
    this.#options = options;
    this.#ledAtMs = options.clock.monotonicMs();
  }

  /** Whether the last write that was tried has failed, and none has succeeded since. */
  get isWriteFailing(): boolean {
    return this.#failing.has('write');
  }

  /** What fails; `undefined` when nothing does. */
  get problem(): string | undefined {
    const [first] = this.#failing.values();
    return first;
  }

  noteAnswer(operation: LeaseOperation, answer: LeaseAnswer, isLeader: boolean): void {
    const side = operation === 'get' ? 'read' : 'write';
    if (answer.kind === 'failed') this.#noteFailure(side, answer.problem, isLeader);
    // Somebody was faster, or it is not there: whether a write would be taken is still not known.
    else if (side === 'read' || answer.kind === 'lease') this.#noteSuccess(side);
  }

  /** This replica leads. */
  noteOwnTerm(): void {
    this.#ledAtMs = this.#nowMs();
    this.#leader = undefined;
    this.#vacancy = undefined;
  }

  /** Somebody has written the lease: whether to lead is seen when it is renewed. */
  noteChange(): void {
    this.#ledAtMs = this.#nowMs();
  }

  /** Somebody else has renewed the lease. */
  noteLeader(lease: Lease): void {
    const { installation, rejectionsAt } = lease;
    const { holder } = lease.record;
    const { podPort } = this.#options;
    this.#ledAtMs = this.#nowMs();
    if (this.#leader === holder && this.#vacancy === undefined) return;
    this.#leader = holder;
    this.#vacancy = undefined;
    const reach = podPort === undefined ? undefined : describeReach(lease, podPort);
    this.#options.events({
      event: 'standing-by',
      leader: nameHolder(holder),
      ...(reach === undefined ? {} : { reach }),
      ...(rejectionsAt === undefined ? {} : { rejectionsAt }),
      ...(installation === undefined
        ? {}
        : { isOurs: isSameInstallation(installation, this.#options.installation) }),
    });
  }

  /** This replica has looked, and could not begin to lead. Tells when a take-over would be over by now. */
  noteVacancy(observed: ObservedLease): void {
    const { timing, leaseName } = this.#options;
    const nowMs = this.#nowMs();
    const vacantForMs = nowMs - this.#ledAtMs;
    if (vacantForMs <= timing.leaseDurationMs + timing.retryPeriodMs) return;
    this.#leader = undefined;
    const { problem } = this;
    // That it fails has been reported, and nothing since that would let people believe that somebody leads.
    if (problem !== undefined && this.#vacancy !== undefined) return;
    const { holder } = observed;
    const cause = problem ?? `held by ${holder ?? 'nobody'}`;
    if (cause === this.#vacancy) return;
    this.#vacancy = cause;
    const heldFor = `lease ${leaseName} has been held by ${nameHolder(holder ?? '')} for ${formatRoughly(vacantForMs)}`;
    const text =
      problem ??
      (holder === undefined
        ? `lease ${leaseName} is changed by somebody whenever this replica takes it: find out who writes it`
        : `${heldFor}, which does not renew it; others may take it in ${formatRoughly(observed.freeInMs(nowMs))}: ` +
          'if the holder is gone, delete the Lease');
    this.#options.events({ event: 'nobody-leads', problem: text, sinceMs: vacantForMs });
  }

  #noteFailure(side: Side, { message }: LeaseProblem, isLeader: boolean): void {
    if (this.#failing.size === 0) this.#failingSinceMs = this.#nowMs();
    this.#failing.set(side, message);
    if (this.#told.has(message)) return;
    this.#told.add(message);
    // Whoever can read sees whether somebody leads.
    const leader = side === 'write' && !isLeader ? this.#leader : undefined;
    if (leader === undefined) this.#vacancy = message;
    this.#options.events({
      event: 'coordination-failed',
      problem: message,
      isLeader,
      ...(leader === undefined ? {} : { leader: nameHolder(leader) }),
    });
  }

  #noteSuccess(side: Side): void {
    if (!this.#failing.delete(side) || this.#failing.size > 0) return;
    this.#told.clear();
    this.#vacancy = undefined;
    this.#options.events({
      event: 'coordination-recovered',
      failedForMs: this.#nowMs() - this.#failingSinceMs,
    });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
