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
