import { createTask, type Logger } from 'node-cron';
import { CRON_TIMEZONE } from '../core/cron-expression.ts';

export interface CronTaskOptions {
  readonly name: string;
  readonly expression: string;
  /** Must return at once: node-cron would drop or overlap ticks of a handler that takes its time. */
  readonly onTick: () => void;
  /**
   * One or more slots were dropped because the timer woke too late (a blocked event loop, a suspended machine). Called
   * once for all of them: a night's sleep is thousands of slots.
   */
  readonly onMissed: () => void;
  /** node-cron's own logger prints raw errors. */
  readonly logger: Logger;
}

export interface CronTask {
  /** Milliseconds until the next firing. */
  msToNext(): number;
  stop(): void;
}

/**
 * Starts one node-cron task, in UTC. It does not fire at once.
 *
 * Non-guarantee: in a process whose zone has daylight saving it stands still for the hour that is repeated; see
 * `leaveLocalTime` in `adapters/system/time-zone.ts`.
 */
export function startCronTask({ name, expression, onTick, onMissed, logger }: CronTaskOptions): CronTask {
  const task = createTask(expression, onTick, {
    name,
    timezone: CRON_TIMEZONE,
    suppressMissedWarning: true,
    logger,
  });
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
}
