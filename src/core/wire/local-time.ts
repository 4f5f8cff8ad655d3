import { parseDay, parseTimeOfDay } from './iso-time.ts';

/**
 * Times without a zone in the orders that ISO does not know: `28-11-2026 23:55:00`, `11/28/2026 11:55:00 PM`,
 * `2026/11/28 23:55:00`, `20261128235500`. Which zone they mean is anybody's guess.
 */

const SEPARATED =
  /^(?<a>\d{1,4})(?<by>[-/.])(?<b>\d{1,2})\k<by>(?<c>\d{1,4})[ T,]+(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:\.\d{1,9})?)?(?: ?(?<half>[AaPp][Mm]))?$/;
const COMPACT =
  /^(?<a>20\d{2})(?<b>[01]\d)(?<c>[0-3]\d)[T ]?(?<hour>[0-2]\d)(?<minute>[0-5]\d)(?<second>[0-5]\d)$/;

/**
 * All that the text may mean, as if it were UTC, in milliseconds; both orders of day and month where both exist. Empty
 * when it is no such time, or one that `parseIsoTime` reads.
 */
export function parseLocalTimes(text: string): readonly number[] {
  const groups = (SEPARATED.exec(text) ?? COMPACT.exec(text))?.groups;
  if (groups === undefined) return [];
  const { a = '', b = '', c = '', by, second = '0', half = '' } = groups;
  if (a.length === 4 && by === '-') return [];
  const hour = Number(groups['hour']);
  if (half !== '' && hour > 12) return [];
  const ofDay = half === '' ? hour : (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  const timeMs = parseTimeOfDay(ofDay, Number(groups['minute']), Number(second));
  if (timeMs === undefined) return [];
  const dates =
    a.length === 4
      ? [[a, b, c]]
      : c.length === 4
        ? [
            [c, b, a],
            [c, a, b],
          ]
        : [];
  const daysMs = dates.flatMap(
    ([year, month, day]) => parseDay(Number(year), Number(month), Number(day)) ?? [],
  );
  return [...new Set(daysMs)].map((dayMs) => dayMs + timeMs);
}
