/**
 * The {@link Ticker} of production: node-cron, in UTC.
 *
 * Guarantee: slots that passed while the machine slept, or that a clock which was set forward has left out, cost the same
 * whether there are ten or ten million of them.
 * Non-guarantee: in a process whose zone has daylight saving it stands still for the hour that is repeated; see
 * `leaveLocalTime` in `time-zone.ts`.
 */
import { createTask, type Logger, type ScheduledTask } from 'node-cron';
import type { Ticker } from '../../core/ports.ts';
import { CRON_TIMEZONE } from '../../core/schedule/cron-expression.ts';

/** node-cron goes through all slots that it has missed, in one turn of the event loop: at 15 s a year takes it minutes. */
const MAX_LATE_MS = 600_000;
/** The longest that `setTimeout` takes is 24 days. */
const MAX_GUARD_MS = 86_400_000;
/** Both timers are in whole milliseconds, from moments that are: one apart they might go off in either order. */
const AHEAD_MS = 5;

/** @param logger node-cron's own prints raw errors */
export function createCronTicker(logger: Logger): Ticker {
  return {
    start: ({ name, expression, onTick, onMissed }) => {
      const options = { name, timezone: CRON_TIMEZONE, suppressMissedWarning: true, logger };
      let task: ScheduledTask;
      let guard: NodeJS.Timeout;
      let isStopped = false;
      const begin = (): void => {
        let isMissedPending = false;
        task = createTask(
          expression,
          () => {
            guardNextSlot();
            onTick();
          },
          options,
        );
        task.on('execution:missed', () => {
          if (isMissedPending) return;
          isMissedPending = true;
          queueMicrotask(() => {
            isMissedPending = false;
            guardNextSlot();
            onMissed();
          });
        });
        void task.start();
        guardNextSlot();
      };
      /** A timer that is due just before node-cron's own, so that it is the first to see how late it is. */
      const guardNextSlot = (): void => {
        clearTimeout(guard);
        if (isStopped) return;
        const slotMs = Date.now() + msToNext();
        guard = setTimeout(
          () => {
            if (Date.now() - slotMs <= MAX_LATE_MS) return;
            void task.destroy();
            begin();
            onMissed();
          },
          // Node.js warns about what is negative.
          Math.min(Math.max(0, slotMs - Date.now() - AHEAD_MS), MAX_GUARD_MS),
        );
      };
      const msToNext = (): number => task.msToNext() ?? Number.POSITIVE_INFINITY;
      begin();
      return {
        msToNext,
        stop: () => {
          isStopped = true;
          clearTimeout(guard);
          void task.destroy();
        },
      };
    },
  };
}
