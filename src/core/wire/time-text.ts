/** Moments, durations and counts as people read them. Pure, never throws: messages are built while things go wrong. */

const LAST_DATE_MS = 8.64e15;
const UNITS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'm', ms: 60_000 },
  { unit: 's', ms: 1000 },
] as const;

/**
 * The two largest units, whole seconds, rounded down: `45s`, `14m 03s`, `1h 05m`, `3d 04h`. Negative durations are
 * `0s`, what is no finite number is `?`.
 */
export function formatRoughly(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return '?';
  const wholeMs = Math.max(0, durationMs);
  for (const [index, { unit, ms }] of UNITS.entries()) {
    const next = UNITS[index + 1];
    if (next === undefined) return `${Math.floor(wholeMs / ms)}${unit}`;
    if (wholeMs < ms) continue;
    const rest = Math.floor((wholeMs % ms) / next.ms);
    return `${Math.floor(wholeMs / ms)}${unit} ${String(rest).padStart(2, '0')}${next.unit}`;
  }
  return '0s';
}

/** What lasts the same each time: as {@link formatRoughly}, without a second unit that is zero. `15m`, `1m 52s`. */
export function formatPeriod(durationMs: number): string {
  return formatRoughly(durationMs).replace(/ 00.$/, '');
}

/** RFC 3339 in UTC with milliseconds, `2026-11-21T12:00:00.000Z`; `unknown` for a moment that no date can hold. */
export function formatUtc(wallMs: number): string {
  return Math.abs(wallMs) <= LAST_DATE_MS ? new Date(wallMs).toISOString() : 'unknown';
}

/**
 * A moment in a sentence: `12:14:03 UTC`, and on another day than `nowMs` `2026-11-22 12:14:03 UTC`; `unknown` for a
 * moment that no date can hold.
 */
export function formatMoment(wallMs: number, nowMs: number): string {
  const [day = '', clock] = formatUtc(wallMs).split('T', 2);
  if (clock === undefined) return day;
  return `${formatUtc(nowMs).startsWith(day) ? '' : `${day} `}${clock.slice(0, 8)} UTC`;
}

/** How far off: `in 12m 03s`, `4s ago`. */
export function formatDistance(byMs: number): string {
  return byMs >= 0 ? `in ${formatRoughly(byMs)}` : `${formatRoughly(-byMs)} ago`;
}

/** `10,000`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 token`, `3 tokens`, `10,000 tokens`. */
export function formatTokens(tokens: number): string {
  return `${formatCount(tokens)} token${tokens === 1 ? '' : 's'}`;
}
