/**
 * The log: one line per event, JSON for machines or prose for a terminal.
 *
 * Guarantee: a line holds `level`, `time` (ISO 8601, UTC), `event`, `msg` and the fields that `log-fields.ts` lists for
 * the event; whatever else is handed in is dropped. Control characters become spaces, so that a line stays one line and
 * no text can steer a terminal. Lines that the destination loses are counted, and the first one that it takes again is
 * preceded by one that says how many.
 *
 * Non-guarantee: what a listed text says is not inspected. Messages come from our own code, which quotes no body.
 */
import pino from 'pino';
import type { LogLevel } from '../../core/log-level.ts';
import type { Clock } from '../../core/ports.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import { LOG_FIELDS, type LogEvent, type LogFields, type LogValue } from './log-fields.ts';
import type { Prettify } from './pretty-line.ts';

export interface Log {
  /** Writes one line, when `level` is logged. Never throws. `message` is for the person who is woken by it. */
  write<Event extends LogEvent>(
    level: LogLevel,
    event: Event,
    fields: LogFields<Event>,
    message: string,
  ): void;
  /** Lines that were lost since the start, because the destination did not take them. */
  lostLines(): number;
}

/** Takes whole lines; returns at once. */
export interface LogDestination {
  /** @returns false when the line is lost: the disk is full, nobody reads */
  write(line: string): boolean;
}

export interface LogOptions {
  /** The least urgent level that is written. */
  readonly level: LogLevel;
  /** For people; lines are JSON when left out. */
  readonly prettify?: Prettify | undefined;
  readonly destination: LogDestination;
  readonly clock: Pick<Clock, 'now'>;
}

export function createLog(options: LogOptions): Log {
  const { destination, prettify = (line: string) => line } = options;
  let lost = 0;
  let toldLost = 0;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${formatUtc(options.clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line) => {
        if (!destination.write(prettify(line))) lost += 1;
      },
    },
  );
  return {
    lostLines: () => lost,
    write: (level, event, fields, message) => {
      if (!logger.isLevelEnabled(level)) return;
      if (lost > toldLost) tellLost();
      logger[level]({ event, ...pickListed(event, fields) }, printable(message));
    },
  };

  /** At the highest level, which is always written. Is lost too, and not counted, while nothing is taken. */
  function tellLost(): void {
    const before = lost;
    const lines = lost - toldLost;
    const event = 'log-lines-lost' satisfies LogEvent;
    logger.error(
      { event, lines },
      `${lines} ${lines === 1 ? 'line' : 'lines'} of the log before this one were lost: standard output did not take them ` +
        '(a full disk, or nobody reads)',
    );
    if (lost === before) toldLost = lost;
    else lost = before;
  }
}

function pickListed<Event extends LogEvent>(
  event: Event,
  fields: LogFields<Event>,
): Record<string, LogValue> {
  const given = new Map<string, unknown>(Object.entries(fields));
  const picked: Record<string, LogValue> = {};
  for (const name of LOG_FIELDS[event] ?? []) {
    const value = plainValue(given.get(name));
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** The types already say so; this holds for values that come in under a wrong type as well. */
function plainValue(value: unknown): LogValue {
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string').map(printable);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return undefined;
  }
  const plain: Record<string, string | number> = {};
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === 'string') plain[name] = printable(item);
    if (typeof item === 'number') plain[name] = item;
  }
  return plain;
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
