/** Durations as text: `900s` (protobuf), `15m`, `1h30m` (Go), `PT15M` (ISO 8601), `00:15:00` (hours or days first). */

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../wire/duration.ts';

/** Years and months are left out: nobody can say how long they are. */
const ISO_DURATION =
  /^P(?:(?<weeks>\d{1,4})W|(?:(?<days>\d{1,4})D)?(?:T(?:(?<hours>\d{1,6}(?:[.,]\d+)?)H)?(?:(?<minutes>\d{1,8}(?:[.,]\d+)?)M)?(?:(?<seconds>\d{1,9}(?:[.,]\d+)?)S)?)?)$/i;

const UNIT_PART = /\s*(\d{1,12}(?:\.\d+)?)\s*([a-z]+)/gy;
const UNITS_MS: ReadonlyMap<string, number> = new Map(
  [
    [1, 'ms msec msecs millis millisecond milliseconds'],
    [1000, 's sec secs second seconds'],
    [MINUTE_MS, 'm min mins minute minutes'],
    [HOUR_MS, 'h hr hrs hour hours'],
    [DAY_MS, 'd day days'],
  ].flatMap(([ms, names]) =>
    String(names)
      .split(' ')
      .map((name) => [name, Number(ms)]),
  ),
);

/** `[d.]hh:mm:ss[.fff]` or `d:hh:mm`, and `hh:mm` or `mm:ss`. */
const CLOCK =
  /^(?:(?<days>\d{1,4})[. ])?(?<first>\d{1,5}):(?<second>[0-5]\d)(?::(?<third>[0-5]\d)(?:[.,]\d{1,9})?)?$/;

/** All that the text may mean, in milliseconds; `undefined` when it is no duration. */
export function parseStatedDuration(text: string): readonly number[] | undefined {
  const single = parseIsoDuration(text) ?? parseUnits(text.toLowerCase());
  return single === undefined ? parseClock(text) : [single];
}

function parseIsoDuration(text: string): number | undefined {
  const groups = ISO_DURATION.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const parts = [
    [groups['weeks'], 7 * DAY_MS],
    [groups['days'], DAY_MS],
    [groups['hours'], HOUR_MS],
    [groups['minutes'], MINUTE_MS],
    [groups['seconds'], 1000],
  ] as const;
  if (parts.every(([count]) => count === undefined)) return undefined;
  return parts.reduce((sum, [count = '0', ms]) => sum + Number(count.replace(',', '.')) * ms, 0);
}

function parseUnits(text: string): number | undefined {
  let totalMs = 0;
  let end = 0;
  for (const [part, count, unit = ''] of text.matchAll(UNIT_PART)) {
    const unitMs = UNITS_MS.get(unit);
    if (unitMs === undefined) return undefined;
    totalMs += Number(count) * unitMs;
    end += part.length;
  }
  return end > 0 && end === text.length ? totalMs : undefined;
}

function parseClock(text: string): readonly number[] | undefined {
  const groups = CLOCK.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const [first, second, third] = [groups['first'], groups['second'], groups['third']].map(Number);
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const daysMs = Number(groups['days'] ?? 0) * DAY_MS;
  if (groups['third'] === undefined)
    return [first * MINUTE_MS + second * 1000, first * HOUR_MS + second * MINUTE_MS];
  const hoursFirst = daysMs + first * HOUR_MS + second * MINUTE_MS + third * 1000;
  const isDaysFirst = groups['days'] === undefined && second < 24;
  return isDaysFirst ? [hoursFirst, first * DAY_MS + second * HOUR_MS + third * MINUTE_MS] : [hoursFirst];
}
