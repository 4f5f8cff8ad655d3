import type { Clock } from '../core/ports.ts';
import { CLOCK_JUMP_MS } from '../core/schedule/moment.ts';
import { untilAborted } from './until-aborted.ts';

const CHECK_EVERY_MS = 5000;

/**
 * Calls `onJump` within five seconds of a jump of wall time against monotonic time. node-cron sleeps until a wall-clock
 * slot: without this, an hour set back would stop every schedule for an hour. Ends when `signal` is aborted.
 */
export async function watchClock(
  clock: Clock,
  signal: AbortSignal,
  onJump: (byMs: number) => void,
): Promise<void> {
  let offsetMs = clock.now() - clock.monotonicMs();
  for (;;) {
    await untilAborted(clock.sleep(CHECK_EVERY_MS, signal), signal);
    if (signal.aborted) return;
    const newOffsetMs = clock.now() - clock.monotonicMs();
    const byMs = newOffsetMs - offsetMs;
    offsetMs = newOffsetMs;
    if (Math.abs(byMs) > CLOCK_JUMP_MS) onJump(Math.round(byMs));
  }
}
