/**
 * How many reports one caller may send: some at once, and {@link PER_SECOND} a second in the long run. Readers of
 * one Deployment are one caller.
 */
import type { Clock } from '../core/ports.ts';

const PER_SECOND = 50;
/** Callers are those of the configuration, so that there are never many. */
const MAX_CALLERS = 1_000;

/**
 * @param burst most reports at once
 * @returns counts a report of a caller; 0, or how long the caller has to wait, in milliseconds
 */
export function createCallerPace(
  clock: Pick<Clock, 'monotonicMs'>,
  burst: number,
): (caller: string) => number {
  const burstMs = (burst * 1_000) / PER_SECOND;
  /** When all that a caller has sent is forgotten, by caller: the earlier, the more it may send. */
  const freeAtMs = new Map<string, number>();
  return (caller) => {
    const nowMs = clock.monotonicMs();
    const freeMs = Math.max(nowMs, freeAtMs.get(caller) ?? nowMs) + 1_000 / PER_SECOND;
    const waitMs = freeMs - nowMs - burstMs;
    if (waitMs > 0) return waitMs;
    if (freeAtMs.size >= MAX_CALLERS) freeAtMs.clear();
    freeAtMs.set(caller, freeMs);
    return 0;
  };
}
