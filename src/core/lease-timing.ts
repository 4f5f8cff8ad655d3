import { formatDuration } from './duration.ts';

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
const LEAST_DEADLINE_IN_PERIODS = 1.2;
const LEAST_RETRY_PERIOD_MS = 100;
/** The longest duration that can be configured. */
export const LONGEST_LEASE_MS = 3_600_000;

export interface LeaseTimingProblem {
  readonly field: 'leaseDuration' | 'renewDeadline' | 'retryPeriod';
  /** What would be right, with the other settings as they are. */
  readonly allowed: string;
}

/** What is impossible about a timing; empty when it works. */
export function findLeaseTimingProblems(timing: LeaseTiming): readonly LeaseTimingProblem[] {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  const problems: LeaseTimingProblem[] = [];
  const isWholeSeconds = leaseDurationMs >= 1000 && leaseDurationMs % 1000 === 0;
  if (!isWholeSeconds || leaseDurationMs > LONGEST_LEASE_MS) {
    const allowed = `whole seconds, from 1s to ${formatDuration(LONGEST_LEASE_MS)}`;
    problems.push({ field: 'leaseDuration', allowed });
  }
  if (!(retryPeriodMs >= LEAST_RETRY_PERIOD_MS)) {
    problems.push({ field: 'retryPeriod', allowed: `at least ${formatDuration(LEAST_RETRY_PERIOD_MS)}` });
  }
  if (!(renewDeadlineMs < leaseDurationMs)) {
    const allowed = `less than leaseDuration (${formatDuration(leaseDurationMs)}): the leader must stop before another may lead`;
    problems.push({ field: 'renewDeadline', allowed });
  }
  if (!(renewDeadlineMs > LEAST_DEADLINE_IN_PERIODS * retryPeriodMs)) {
    const least = formatDuration(LEAST_DEADLINE_IN_PERIODS * retryPeriodMs);
    const allowed = `more than ${LEAST_DEADLINE_IN_PERIODS} x retryPeriod (${least}): one lost answer must not end a term`;
    problems.push({ field: 'renewDeadline', allowed });
  }
  return problems;
}
