/** Moments, durations and counts as people read them. Pure, never throws: messages are built while things go wrong. */

import { TIME_UNITS } from './duration.ts';

const LAST_DATE_MS = 8.64e15;

/**
 * The two largest units, whole seconds, rounded down: `45s`, `14m 03s`, `1h 05m`, `3d 04h`. Negative durations are
 * `0s`, what is no finite number is `?`.
 */
export function formatRoughly(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return '?';
  const wholeMs = Math.max(0, durationMs);
  const index = TIME_UNITS.findIndex(({ ms }) => wholeMs >= ms);
  const [unit, next] = TIME_UNITS.slice(index);
  if (index === -1 || unit === undefined) return '0s';
  const whole = `${Math.floor(wholeMs / unit.ms)}${unit.name}`;
  if (next === undefined) return whole;
  return `${whole} ${String(Math.floor((wholeMs % unit.ms) / next.ms)).padStart(2, '0')}${next.name}`;
}

/** What lasts the same each time: as {@link formatRoughly}, without a second unit that is zero. `15m`, `1m 52s`. */
export function formatPeriod(durationMs: number): string {
  return formatRoughly(durationMs).replace(/ 00.$/, '');
}

/** What was measured in seconds: as {@link formatPeriod}, rounded to the nearest of them. */
export function formatSeconds(durationMs: number): string {
  return formatPeriod(Math.round(durationMs / 1000) * 1000);
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
  const time = formatUtc(wallMs);
  return time === 'unknown' ? time : `${formatClock(time, formatUtc(nowMs))} UTC`;
}

/** `12:14:03`, with the date before it on another day than `at`. Both RFC 3339 in UTC. */
export function formatClock(time: string, at: string): string {
  const [day = '', clock = ''] = time.split('T', 2);
  return at.startsWith(day) ? clock.slice(0, 8) : `${day} ${clock.slice(0, 8)}`;
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
  return formatItems(tokens, 'token');
}

/** @param item what one of them is called */
export function formatItems(count: number, item: string): string {
  return `${formatCount(count)} ${item}${count === 1 ? '' : 's'}`;
}
