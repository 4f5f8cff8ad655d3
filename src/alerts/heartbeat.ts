/**
 * A dead man's switch: an outside service is told again and again that the program works, and raises the alarm when that
 * stops.
 *
 * Guarantee: it is told only while {@link HeartbeatParts.isAlive} holds. A stand-by does not tell it, so that the alarm is
 * raised when nobody leads, however many replicas stand by.
 */

import type { Failure } from '../core/failure.ts';
import type { Clock, Random, RefreshEvents } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { decideWait } from '../core/schedule/backoff.ts';
import { DeliveryReport } from './delivery-report.ts';

export interface HeartbeatParts {
  readonly everyMs: number;
  /** Tells the service once, within a deadline of its own. */
  readonly ping: (signal: AbortSignal) => Promise<Result<void>>;
  /** Whether the loop truly turns: this replica leads, its ticks come, nothing is stuck. */
  readonly isAlive: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

const LOOK_EVERY_MS = 1_000;

/** Ends when `signal` is aborted. */
export async function keepBeating(parts: HeartbeatParts, signal: AbortSignal): Promise<void> {
  const { everyMs, ping, isAlive, clock, random } = parts;
  const report = new DeliveryReport('heartbeat', parts);
  const retryIn = (failure: Failure): number =>
    decideWait({ failure, attempt: report.failures, remainingMs: undefined }, random.next());
  let nextAtMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (isAlive() && clock.monotonicMs() >= nextAtMs) {
      const startedMs = clock.monotonicMs();
      const told = await ping(signal);
      if (signal.aborted) return;
      report.record('Heartbeat', told);
      nextAtMs = startedMs + (told.ok ? everyMs : Math.min(everyMs, retryIn(told.failure)));
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}
