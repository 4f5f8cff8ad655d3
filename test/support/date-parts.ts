/** Moments whose parts are kept, of each format. */
const MAX_MOMENTS = 1000;

/**
 * node-cron asks for the parts of one moment many times, and where a test lets days pass most of its work is that.
 * @returns puts the real function back
 */
export function rememberDateParts(): () => void {
  const { prototype } = Intl.DateTimeFormat;
  const { formatToParts } = prototype;
  const known = new WeakMap<Intl.DateTimeFormat, Map<number, Intl.DateTimeFormatPart[]>>();
  prototype.formatToParts = function (this: Intl.DateTimeFormat, date = Date.now()) {
    const moments = known.get(this) ?? new Map<number, Intl.DateTimeFormatPart[]>();
    known.set(this, moments);
    const parts = moments.get(Number(date)) ?? formatToParts.call(this, date);
    if (moments.size >= MAX_MOMENTS) moments.clear();
    moments.set(Number(date), parts);
    return parts;
  };
  return () => {
    prototype.formatToParts = formatToParts;
  };
}
