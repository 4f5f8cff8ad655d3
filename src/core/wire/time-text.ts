/** Moments and durations as people read them. Pure, never throws: messages are built while things go wrong. */

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

/** RFC 3339 in UTC with milliseconds, `2026-11-21T12:00:00.000Z`; `unknown` for a moment that no date can hold. */
export function formatUtc(wallMs: number): string {
  return Math.abs(wallMs) <= LAST_DATE_MS ? new Date(wallMs).toISOString() : 'unknown';
}

/** The same in whole seconds, for sentences: `2026-11-21T12:00:00Z`. */
export function formatUtcSeconds(wallMs: number): string {
  return formatUtc(wallMs).replace(/\.\d{3}Z$/, 'Z');
}

/** A moment in a sentence: `17:11:07 UTC`, with the date before it unless it is the day of `nowMs`. */
export function formatMoment(wallMs: number, nowMs: number): string {
  const [day = '', clock] = formatUtcSeconds(wallMs).replace(/Z$/, '').split('T', 2);
  if (clock === undefined) return day;
  return formatUtc(nowMs).startsWith(`${day}T`) ? `${clock} UTC` : `${day} ${clock} UTC`;
}

/** The moment and how far it is away: `17:11:07 UTC, in 4m 57s`, `17:05:07 UTC, 1m 03s ago`. */
export function formatMomentAndDistance(wallMs: number, nowMs: number): string {
  const byMs = wallMs - nowMs;
  const distance = byMs >= 0 ? `in ${formatRoughly(byMs)}` : `${formatRoughly(-byMs)} ago`;
  return `${formatMoment(wallMs, nowMs)}, ${distance}`;
}

/** Since when and how long: `17:05:07 UTC (1m 03s)`. */
export function formatSince(wallMs: number, nowMs: number): string {
  return `${formatMoment(wallMs, nowMs)} (${formatRoughly(nowMs - wallMs)})`;
}

/** `10,000`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 token`, `1,736 tokens`. */
export function formatTokens(count: number): string {
  return `${formatCount(count)} token${count === 1 ? '' : 's'}`;
}
