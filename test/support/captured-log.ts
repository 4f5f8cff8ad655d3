import { createLog, type Log } from '../../src/adapters/log/log.ts';
import type { Prettify } from '../../src/adapters/log/pretty-line.ts';
import type { LogLevel } from '../../src/core/log-level.ts';
import type { Clock } from '../../src/core/ports.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';

export interface CapturedLog {
  readonly log: Log;
  /** Everything that was written. */
  readonly text: () => string;
  /** The lines written since the last call, parsed; fails on a line that is no JSON object. */
  readonly takeLines: () => readonly JsonObject[];
}

/** A log that writes into memory. */
export function captureLog(
  clock: Pick<Clock, 'now'>,
  { level = 'debug', prettify }: { readonly level?: LogLevel; readonly prettify?: Prettify } = {},
): CapturedLog {
  let written = '';
  let taken = 0;
  const log = createLog({
    level,
    prettify,
    clock,
    destination: {
      write: (line) => {
        written += line;
        return true;
      },
    },
  });
  return {
    log,
    text: () => written,
    takeLines: () => {
      const fresh = written.slice(taken);
      taken = written.length;
      return fresh
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const parsed = parseJson(line);
          if (!isJsonObject(parsed)) throw new Error(`not a JSON line: ${line}`);
          return parsed;
        });
    },
  };
}
