/**
 * Cron expressions: the one that a tick period becomes, and the gaps of one that a user wrote.
 * Six fields (`second minute hour day-of-month month day-of-week`), always in `Etc/UTC`: in a zone with daylight
 * saving the repeated hour runs once, so that a ten-minute schedule would pause for seventy.
 */

import { validateDetailed } from 'node-cron';
import type { Parsed } from '../result.ts';
import { DAY_MS } from '../wire/duration.ts';

export const CRON_TIMEZONE = 'Etc/UTC';

const SECONDS_PER_DAY = DAY_MS / 1000;
/** Dates and weekdays meet again after 28 years; with twelve more, a gap over the seam is seen as well. */
const DAYS_TO_SCAN = 366 * 40;

/**
 * The expression that fires every `tickMs` with equal gaps, shifted by a phase that follows from `name`, so that the
 * world's daemons do not all call at :00.
 * @param tickMs one of `TICK_PERIODS_MS`
 */
export function tickExpression(tickMs: number, name: string): string {
  const tickSeconds = tickMs / 1000;
  const phase = hash(name) % tickSeconds;
  const second = phase % 60;
  const minute = Math.floor(phase / 60) % 60;
  const hour = Math.floor(phase / 3600);
  if (tickSeconds < 60) return `${everyNth(second, 59, tickSeconds)} * * * * *`;
  if (tickSeconds < 3600) return `${second} ${everyNth(minute, 59, tickSeconds / 60)} * * * *`;
  return `${second} ${minute} ${everyNth(hour, 23, tickSeconds / 3600)} * * *`;
}

/** What a user's expression means for a token. */
export interface CronGaps {
  readonly largestGapMs: number;
  readonly smallestGapMs: number;
  /** Most firings in any 24 hours that begin at midnight UTC. */
  readonly firingsPerDay: number;
}

/** Checks a cron expression of five or six fields and measures its gaps. */
export function parseCron(expression: string): Parsed<{ readonly gaps: CronGaps }> {
  const parsed = parseFirings(expression);
  if (typeof parsed === 'string') return { ok: false, problem: parsed };
  const gaps = measureGaps(parsed);
  return gaps === undefined
    ? { ok: false, problem: 'never fires twice: no day has that date' }
    : { ok: true, gaps };
}

/**
 * The next firings after `afterMs`, wall time in milliseconds, at most `count`.
 * @throws when {@link parseCron} refuses the expression
 */
export function nextFirings(expression: string, afterMs: number, count: number): readonly number[] {
  const parsed = parseFirings(expression);
  if (typeof parsed === 'string') throw new Error(`not a cron expression: ${parsed}`);
  const midnightMs = Math.floor(afterMs / DAY_MS) * DAY_MS;
  const firings: number[] = [];
  for (let day = 0; day < DAYS_TO_SCAN && firings.length < count; day += 1) {
    const dayMs = midnightMs + day * DAY_MS;
    if (!parsed.fires(new Date(dayMs))) continue;
    const ofDay = parsed.times.map((time) => dayMs + time * 1000).filter((firingMs) => firingMs > afterMs);
    firings.push(...ofDay.slice(0, count - firings.length));
  }
  return firings;
}

/** When an expression fires: on which days, and at which seconds of such a day, ascending. */
interface Firings {
  readonly times: readonly number[];
  readonly fires: (date: Date) => boolean;
}

/** @returns the firings, or what is wrong with the expression */
function parseFirings(expression: string): Firings | string {
  const { valid, fields, errors } = validateDetailed(expression);
  if (!valid || fields === undefined) {
    return errors.map((error) => `${error.field}: ${error.message}`).join('; ') || 'not a cron expression';
  }
  const dayOfMonth = numbers(fields.dayOfMonth);
  const dayOfWeek = numbers(fields.dayOfWeek);
  if (dayOfMonth === undefined || dayOfWeek === undefined) {
    return 'days must be plain numbers (L, W and # are not supported for tokens)';
  }
  const times = fields.hour.flatMap((hour) =>
    fields.minute.flatMap((minute) => fields.second.map((second) => hour * 3600 + minute * 60 + second)),
  );
  return {
    times: [...new Set(times)].toSorted((a, b) => a - b),
    fires: dayFilter(dayOfMonth, fields.month, dayOfWeek),
  };
}

function measureGaps({ times, fires }: Firings): CronGaps | undefined {
  const [first] = times;
  const last = times.at(-1);
  const days = Array.from({ length: DAYS_TO_SCAN }, (_, day) => day).filter((day) =>
    fires(new Date(Date.UTC(2024, 0, 1 + day))),
  );
  // Without a second day there is no gap to the next one, however often it fires on that day.
  if (first === undefined || last === undefined || days.length < 2) return undefined;
  const overnight = differences(days).map((count) => count * SECONDS_PER_DAY - last + first);
  const gaps = [...differences(times), ...overnight];
  return {
    largestGapMs: gaps.reduce((most, gap) => Math.max(most, gap)) * 1000,
    smallestGapMs: gaps.reduce((least, gap) => Math.min(least, gap)) * 1000,
    firingsPerDay: times.length,
  };
}

/** From each to the next. */
function differences(ascending: readonly number[]): readonly number[] {
  return ascending.slice(1).map((each, index) => each - (ascending[index] ?? 0));
}

/** node-cron fires when all three day fields match (it does not join day of month and day of week by "or"). */
function dayFilter(
  dayOfMonth: readonly number[],
  month: readonly number[],
  dayOfWeek: readonly number[],
): (date: Date) => boolean {
  const weekdays = new Set(dayOfWeek.map((day) => day % 7));
  return (date) =>
    dayOfMonth.includes(date.getUTCDate()) &&
    month.includes(date.getUTCMonth() + 1) &&
    weekdays.has(date.getUTCDay());
}

function numbers(values: readonly (number | string)[]): readonly number[] | undefined {
  const result = values.map(Number);
  return result.every(Number.isInteger) ? result : undefined;
}

function everyNth(first: number, last: number, step: number): string {
  return step === 1 ? '*' : `${first}-${last}/${step}`;
}

/** FNV-1a, 32 bits: small, and the same in every process and version. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
