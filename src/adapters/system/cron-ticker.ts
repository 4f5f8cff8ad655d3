/**
 * The {@link Ticker} of production: node-cron, in UTC.
 *
 * Non-guarantee: in a process whose zone has daylight saving it stands still for the hour that is repeated; see
 * `leaveLocalTime` in `time-zone.ts`.
 */
import { createTask, type Logger } from 'node-cron';
import type { Ticker } from '../../core/ports.ts';
import { CRON_TIMEZONE } from '../../core/schedule/cron-expression.ts';

/** @param logger node-cron's own prints raw errors */
export function createCronTicker(logger: Logger): Ticker {
  return {
    start: ({ name, expression, onTick, onMissed }) => {
      const options = { name, timezone: CRON_TIMEZONE, suppressMissedWarning: true, logger };
      const task = createTask(expression, onTick, options);
      let isMissedPending = false;
      task.on('execution:missed', () => {
        if (isMissedPending) return;
        isMissedPending = true;
        queueMicrotask(() => {
          isMissedPending = false;
          onMissed();
        });
      });
      void task.start();
      return {
        msToNext: () => task.msToNext() ?? Number.POSITIVE_INFINITY,
        stop: () => {
          void task.destroy();
        },
      };
    },
  };
}
