import { parseDay, parseTimeOfDay } from './iso-time.ts';

/** HTTP dates, in the three forms that a recipient must accept (RFC 9110, 5.6.7), all of them UTC; and those of mail. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const IMF_FIXDATE =
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) GMT$/;
/** `Sun, 06 Nov 1994 15:49:37 +0700`, of mail (RFC 5322, 3.3) */
const MAIL_DATE =
  /^(?:[A-Z][a-z]{2}, )?(?<day>\d{1,2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) (?:(?<sign>[+-])(?<hours>\d{2})(?<minutes>[0-5]\d)|UTC?|Z)$/;
/** `Sunday, 06-Nov-94 08:49:37 GMT`, obsolete */
const RFC_850 =
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) GMT$/;
/** `Sun Nov  6 08:49:37 1994`, obsolete */
const ASCTIME =
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2}) (?<year>\d{4})$/;

/** Reads an HTTP date; milliseconds since the Unix epoch, or `undefined` when it is none. */
export function parseHttpDate(text: string): number | undefined {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text) ?? MAIL_DATE.exec(text))
    ?.groups;
  if (groups === undefined) return undefined;
  const year = Number(groups['year']);
  // Two digits: this program was written after 2000, and so was every server it talks to.
  const dayMs = parseDay(
    year < 100 ? 2000 + year : year,
    MONTHS.indexOf(groups['month'] ?? '') + 1,
    Number(groups['day']),
  );
  const ofDayMs = parseTimeOfDay(Number(groups['hour']), Number(groups['minute']), Number(groups['second']));
  if (dayMs === undefined || ofDayMs === undefined) return undefined;
  const offsetMinutes = Number(groups['hours'] ?? 0) * 60 + Number(groups['minutes'] ?? 0);
  return dayMs + ofDayMs - (groups['sign'] === '-' ? -1 : 1) * offsetMinutes * 60_000;
}
