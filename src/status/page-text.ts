/** How the page words times and counts. Times are UTC, as in the log. */

import type { TokenState } from '../core/board.ts';
import { formatCount, formatRoughly, formatTokens } from '../core/wire/time-text.ts';
import { type Html, html } from './html.ts';
import type { StateCounts } from './status-document.ts';

export const STATE_LABELS: Readonly<Record<TokenState, string>> = {
  expired: 'Expired',
  absent: 'No token',
  failing: 'Failing',
  unknown: 'Not read yet',
  due: 'Due',
  fresh: 'Fresh',
};

/** `12:14:03`, with the date before it on another day than `at`. Both RFC 3339 in UTC. */
export function formatClock(time: string, at: string): string {
  const [day = '', clock = ''] = time.split('T', 2);
  return at.startsWith(day) ? clock.slice(0, 8) : `${day} ${clock.slice(0, 8)}`;
}

export function timeElement(time: string, at: string): Html {
  return html`<time datetime="${time}" title="${time}">${formatClock(time, at)}</time>`;
}

/** Milliseconds from one time to another; both RFC 3339. */
export function msBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/** `12m 03s left`, `expired 4s ago`. */
export function formatLifeLeft(leftMs: number): string {
  return leftMs > 0 ? `${formatRoughly(leftMs)} left` : `expired ${formatRoughly(-leftMs)} ago`;
}

/** One sentence that says how things are; what needs attention first. */
export function describeCounts(counts: StateCounts, tokens: number): string {
  const { expired, absent, failing, unknown } = counts;
  const trouble = expired + absent + failing;
  if (tokens === 0) return 'No tokens yet';
  if (trouble > 0) {
    const each = [
      ...(expired > 0 ? [`${formatCount(expired)} expired`] : []),
      ...(absent > 0 ? [`${formatCount(absent)} without a token`] : []),
      ...(failing > 0 ? [`${formatCount(failing)} failing`] : []),
    ];
    const verb = trouble === 1 ? 'needs' : 'need';
    return `${formatCount(trouble)} of ${formatTokens(tokens)} ${verb} attention: ${each.join(', ')}`;
  }
  if (unknown > 0) return `${formatTokens(unknown)} of ${formatCount(tokens)} not read from the store yet`;
  return tokens === 1 ? 'The one token is good' : `All ${formatTokens(tokens)} are good`;
}
