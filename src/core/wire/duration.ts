/**
 * Durations as people write them in a configuration: `15m`, `1h30m`, `500ms`.
 * Units `d`, `h`, `m`, `s`, `ms`, each at most once, largest first; whole numbers; at most ten years.
 */

import type { Parsed } from '../result.ts';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The units in which people read time, the largest first. */
export const TIME_UNITS = [
  { name: 'd', ms: DAY_MS },
  { name: 'h', ms: HOUR_MS },
  { name: 'm', ms: MINUTE_MS },
  { name: 's', ms: SECOND_MS },
] as const;
const UNITS = [...TIME_UNITS, { name: 'ms', ms: 1 }] as const;

/** Nothing that is kept fresh lives longer, and a slip of the unit (`900d` for `900s`) shows only when it is absurd. */
const MAX_MS = 3650 * DAY_MS;

/**
 * Also the `pattern` of the JSON Schema, so that editors underline what {@link parseDuration} refuses. `\b` is what the empty
 * text has not; a look-ahead would say so as well, and Helm (RE2) would refuse the whole schema for it.
 */
export const DURATION_PATTERN =
  /^\b(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,12})ms)?$/;

/** What {@link parseDuration} accepts, for messages. */
export const DURATION_FORM = 'a duration like 30s, 15m or 1h30m (units d, h, m, s, ms)';

/** Reads `15m` as 900000. The problem says what a duration looks like and does not quote the text. */
export function parseDuration(text: string): Parsed<{ readonly durationMs: number }> {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return { ok: false, problem: `not ${DURATION_FORM}` };
  const durationMs = UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit.ms, 0);
  if (durationMs > MAX_MS) return { ok: false, problem: `longer than ${formatDuration(MAX_MS)}` };
  return { ok: true, durationMs };
}

/**
 * Writes 900000 as `15m` and 5400000 as `1h30m`; what {@link parseDuration} reads back.
 * @param durationMs not negative; rounded to whole milliseconds
 */
export function formatDuration(durationMs: number): string {
  let restMs = Math.round(durationMs);
  let text = '';
  for (const unit of UNITS) {
    const count = Math.floor(restMs / unit.ms);
    if (count > 0) text += `${count}${unit.name}`;
    restMs -= count * unit.ms;
  }
  return text || '0s';
}

/** The same without what nobody can act on: whole seconds from 10 s on. For what was calculated, not configured. */
export function formatRounded(durationMs: number): string {
  return formatDuration(
    durationMs < 10 * SECOND_MS ? durationMs : Math.round(durationMs / SECOND_MS) * SECOND_MS,
  );
}
