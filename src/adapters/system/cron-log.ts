import type { Logger } from 'node-cron';
import { errorName } from '../../core/fault.ts';
import type { LogLevel } from '../../core/log-level.ts';
import type { Log } from '../log/log.ts';

/**
 * Takes the place of node-cron's own logger, which prints error objects with everything that hangs on them. Of a
 * message its text is logged, of an error only the name of its class.
 */
export function createCronLogger(log: Log): Logger {
  const at =
    (level: LogLevel) =>
    (message: string | Error, error?: Error): void => {
      const thrown = message instanceof Error ? message : error;
      const name = thrown === undefined ? undefined : errorName(thrown);
      const text = message instanceof Error ? 'a cron task threw' : message;
      log.write(level, 'cron', { errorName: name }, name === undefined ? text : `${text} (${name})`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error'), debug: at('debug') };
}
