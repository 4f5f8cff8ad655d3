import { LEASE, TAKE_OVER_MS } from './chaos-timing.ts';
import { type Disturbance, findCalm } from './disturbance.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';

/** How a leader was made to stop leading. */
export type LossKind = 'kill' | 'stop' | 'hand-over';

export interface LeaderLoss {
  readonly kind: LossKind;
  readonly process: string;
  readonly atMs: number;
}

/** A `leadership-acquired` line. */
export interface Acquisition {
  readonly process: string;
  readonly atMs: number;
}

export interface TakeOver extends LeaderLoss {
  /** Until somebody led, or until the run ended. */
  readonly tookMs: number;
  readonly isOver: boolean;
  /** How much of that time the API server failed, by which replicas agree, or its failure still had effect. */
  readonly hamperedMs: number;
}

/**
 * Far beyond what the lease allows, because a verdict must not depend on how busy a machine is; the table has the times.
 * A hand-over begins with the end of what is in flight.
 */
const BUSY_MS = 6000;
const LIMITS_MS: Readonly<Record<LossKind, number>> = {
  kill: TAKE_OVER_MS + BUSY_MS,
  stop: TAKE_OVER_MS + BUSY_MS,
  'hand-over': LEASE.retryPeriodMs + 2 * BUSY_MS,
};

/** From each loss to the next acquisition by anybody. */
export function findTakeOvers(
  losses: readonly LeaderLoss[],
  acquisitions: readonly Acquisition[],
  disturbances: readonly Disturbance[],
  endMs: number,
): readonly TakeOver[] {
  const earliestFirst = acquisitions.toSorted((a, b) => a.atMs - b.atMs);
  const hampering = disturbances.filter(({ source }) => source === 'API server' || source === 'machine');
  return losses.map((loss) => {
    const next = earliestFirst.find(({ atMs }) => atMs > loss.atMs);
    const toMs = next?.atMs ?? endMs;
    const calm = findCalm(hampering, '', { fromMs: loss.atMs, toMs });
    const calmMs = calm.reduce((sumMs, stretch) => sumMs + stretch.toMs - stretch.fromMs, 0);
    const tookMs = toMs - loss.atMs;
    return { ...loss, tookMs, isOver: next !== undefined, hamperedMs: tookMs - calmMs };
  });
}

/** Nobody may be missing for longer than the limit, not counting the time in which nobody could be elected. */
export function checkTakeOvers(takeOvers: readonly TakeOver[]): Verdict {
  const verdict = new VerdictBuilder();
  for (const { kind, process, atMs, tookMs, hamperedMs } of takeOvers) {
    if (tookMs <= LIMITS_MS[kind]) continue;
    const what = `after the ${kind} of ${process} nobody led for ${Math.round(tookMs)} ms`;
    const isHampered = tookMs - hamperedMs <= LIMITS_MS[kind];
    verdict.add(atMs, what, isHampered ? 'the API server failed meanwhile' : undefined);
  }
  return verdict;
}
