/**
 * ISO 8601 / RFC 3339 date-times, read strictly.
 *
 * Guarantee: the result depends on the text alone, never on the host's time zone. `new Date(text)` does not give that:
 * it reads `900` as the year 900 and a time without offset in the zone of the machine.
 */
import { MINUTE_MS } from './duration.ts';

interface IsoTime {
  /** Wall time in milliseconds since the Unix epoch; without offset the text is taken as UTC. */
  readonly utcMs: number;
  /** False for a naive time: which zone it means is anybody's guess. */
  readonly hasOffset: boolean;
}

const ISO_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?$/;

/** Reads `2026-11-21T19:21:02+07:00` and its relatives (`Z`, `+0700`, a fraction, a space for the `T`). */
export function parseIsoTime(text: string): IsoTime | undefined {
  const match = ISO_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '0', offset] = match;
  const dayMs = parseDay(Number(year), Number(month), Number(day));
  const offsetMinutes = parseOffset(offset);
  const ofDayMs = parseTimeOfDay(Number(hour), Number(minute), Number(second));
  if (dayMs === undefined || ofDayMs === undefined || offsetMinutes === undefined) return undefined;
  const milliseconds = Math.floor(Number(`0.${fraction}`) * 1000);
  const utcMs = dayMs + ofDayMs + milliseconds - offsetMinutes * MINUTE_MS;
  return { utcMs, hasOffset: offset !== undefined };
}

/** Milliseconds since midnight. A leap second (60) is legal and becomes the first second of the next minute. */
export function parseTimeOfDay(hour: number, minute: number, second: number): number | undefined {
  return hour > 23 || minute > 59 || second > 60 ? undefined : ((hour * 60 + minute) * 60 + second) * 1000;
}

/** Midnight UTC of a day that exists; `undefined` for 30 February and for years before 1970. */
export function parseDay(year: number, month: number, day: number): number | undefined {
  if (year < 1970) return undefined;
  const utcMs = Date.UTC(year, month - 1, day);
  const date = new Date(utcMs);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? utcMs : undefined;
}

function parseOffset(offset: string | undefined): number | undefined {
  if (offset === undefined || /^(?:Z|UTC|GMT)$/i.test(offset)) return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', ''));
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
