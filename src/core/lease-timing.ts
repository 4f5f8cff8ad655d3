import { formatDuration } from './wire/duration.ts';

/**
 * The three times of an election by lease, in milliseconds; the names are those of Kubernetes' own controllers.
 * See `client-go/tools/leaderelection`, `NewLeaderElector`.
 */
export interface LeaseTiming {
  /** A stand-by takes over when the lease has not changed for so long. Whole seconds: the wire has no fractions. */
  readonly leaseDurationMs: number;
  /** The leader stops when it has not renewed for so long. Shorter than the duration: it stops before others begin. */
  readonly renewDeadlineMs: number;
  /** The leader renews, and a stand-by looks, about this often. */
  readonly retryPeriodMs: number;
}

export const DEFAULT_LEASE_TIMING: LeaseTiming = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** Below this a deadline has no room for two attempts: one lost answer would end a term. */
const MIN_DEADLINE_IN_PERIODS = 1.2;
const MIN_RETRY_PERIOD_MS = 100;
/** The longest duration that can be configured. */
export const MAX_LEASE_MS = 3_600_000;

export interface LeaseTimingProblem {
  readonly field: 'leaseDuration' | 'renewDeadline' | 'retryPeriod';
  /** What would be right, with the other settings as they are. */
  readonly allowed: string;
}

/**
 * What is impossible about a timing; empty when it works. Values that are proposed work together: whoever follows all of
 * them is done.
 */
export function findLeaseTimingProblems(timing: LeaseTiming): readonly LeaseTimingProblem[] {
  const problems: LeaseTimingProblem[] = [];
  const { leaseDurationMs, renewDeadlineMs } = timing;
  const isLeaseUsable =
    leaseDurationMs >= 1000 && leaseDurationMs % 1000 === 0 && leaseDurationMs <= MAX_LEASE_MS;
  const isDeadlineTooLong = renewDeadlineMs >= MAX_LEASE_MS;
  if (!isLeaseUsable) {
    // With a deadline of the same message's making any of these works.
    const least = isDeadlineTooLong ? 1000 : wholeSecondsAfter(renewDeadlineMs);
    const allowed = `whole seconds, from ${formatDuration(least)} to ${formatDuration(MAX_LEASE_MS)}`;
    problems.push({ field: 'leaseDuration', allowed });
  }
  // What is wrong by itself must not make the others wrong as well.
  const leaseMs = isLeaseUsable ? leaseDurationMs : MAX_LEASE_MS;
  const isPeriodUsable = timing.retryPeriodMs >= MIN_RETRY_PERIOD_MS;
  const retryPeriodMs = isPeriodUsable ? timing.retryPeriodMs : MIN_RETRY_PERIOD_MS;
  if (!isPeriodUsable) {
    const allowed = describePeriod(renewDeadlineMs < leaseMs ? renewDeadlineMs : 0);
    problems.push({ field: 'retryPeriod', allowed });
  }
  return [...problems, ...findOrderProblems({ leaseDurationMs: leaseMs, renewDeadlineMs, retryPeriodMs })];
}

/** Of three times that are each usable: the period is well below the deadline, and that below the duration. */
function findOrderProblems(timing: LeaseTiming): readonly LeaseTimingProblem[] {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  const aboveMs = MIN_DEADLINE_IN_PERIODS * retryPeriodMs;
  if (renewDeadlineMs > aboveMs && renewDeadlineMs < leaseDurationMs) return [];
  if (aboveMs < leaseDurationMs - 1) {
    return [{ field: 'renewDeadline', allowed: describeDeadline(retryPeriodMs, leaseDurationMs) }];
  }
  // No deadline fits between the two.
  if (renewDeadlineMs > aboveMs && renewDeadlineMs < MAX_LEASE_MS) {
    const least = formatDuration(wholeSecondsAfter(renewDeadlineMs));
    return [{ field: 'leaseDuration', allowed: `at least ${least}, which is more than renewDeadline` }];
  }
  const isDeadlineUsable =
    renewDeadlineMs < leaseDurationMs && longestPeriod(renewDeadlineMs) >= MIN_RETRY_PERIOD_MS;
  const period = describePeriod(isDeadlineUsable ? renewDeadlineMs : leaseDurationMs - 1);
  const problem: LeaseTimingProblem = { field: 'retryPeriod', allowed: period };
  const deadline = describeDeadline(longestPeriod(leaseDurationMs - 1), leaseDurationMs);
  return isDeadlineUsable ? [problem] : [problem, { field: 'renewDeadline', allowed: deadline }];
}

function describeDeadline(retryPeriodMs: number, leaseDurationMs: number): string {
  const least = formatDuration(Math.floor(MIN_DEADLINE_IN_PERIODS * retryPeriodMs));
  return (
    `more than ${MIN_DEADLINE_IN_PERIODS} x retryPeriod (${least}): one lost answer must not end a term; and less than ` +
    `leaseDuration (${formatDuration(leaseDurationMs)}): the leader must stop before another may lead`
  );
}

function describePeriod(renewDeadlineMs: number): string {
  const longestMs = longestPeriod(renewDeadlineMs);
  const least = `at least ${formatDuration(MIN_RETRY_PERIOD_MS)}`;
  return longestMs < MIN_RETRY_PERIOD_MS
    ? least
    : `${least}, at most ${formatDuration(longestMs)}: renewDeadline must be more than ${MIN_DEADLINE_IN_PERIODS} x retryPeriod`;
}

/** The longest period of which more than 1.2 fit into the deadline. */
function longestPeriod(renewDeadlineMs: number): number {
  const longestMs = Math.floor(renewDeadlineMs / MIN_DEADLINE_IN_PERIODS);
  return renewDeadlineMs > MIN_DEADLINE_IN_PERIODS * longestMs ? longestMs : longestMs - 1;
}

function wholeSecondsAfter(durationMs: number): number {
  return (Math.floor(durationMs / 1000) + 1) * 1000;
}
