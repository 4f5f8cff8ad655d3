/** How the page words times, counts and its headline. Times are UTC, as in the log. */

import type { TokenState } from '../core/board.ts';
import {
  formatClock,
  formatCount,
  formatDistance,
  formatRoughly,
  formatTokens,
} from '../core/wire/time-text.ts';
import { type Html, html } from './html.ts';
import type { StatusDocument } from './status-document.ts';

/** Of a token without a good one, while nothing fails: it is waiting for its turn. */
export const WAITING_LABEL = 'Not published yet';

export const STATE_LABELS: Readonly<Record<TokenState, string>> = {
  expired: 'Expired',
  absent: 'No token',
  failing: 'Failing',
  unknown: 'Not known yet',
  due: 'Due',
  fresh: 'Fresh',
};

export function timeElement(time: string, at: string): Html {
  return html`<time datetime="${time}" title="${time}">${formatClock(time, at)}</time>`;
}

/** `12:14:03 UTC, in 4m 57s`; the page's script moves the distance. */
export function momentElement(time: string, at: string): Html {
  return html`${timeElement(time, at)} UTC, ${distanceElement(time, at)}`;
}

/** `next attempt in 12s`, and `being tried now` when that is past. */
export function nextElement(time: string, at: string): Html {
  const aheadMs = msBetween(at, time);
  return html`<span class="distance" data-attempt="${time}">${aheadMs > 0 ? `next attempt in ${formatRoughly(aheadMs)}` : 'being tried now'}</span>`;
}

export function distanceElement(time: string, at: string): Html {
  return html`<span class="distance" data-next="${time}">${formatDistance(msBetween(at, time))}</span>`;
}

/** Milliseconds from one time to another; both RFC 3339. */
export function msBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/** `12m 03s left`, `expired 4s ago`. */
export function formatLifeLeft(leftMs: number): string {
  return leftMs > 0 ? `${formatRoughly(leftMs)} left` : `expired ${formatRoughly(-leftMs)} ago`;
}

/** What the page says first, and how bad it is. */
export interface Headline {
  readonly text: string;
  /** `bad`: readers go without. `warn`: they will, unless it heals. `quiet`: nothing to judge, or nothing yet. */
  readonly tone: 'bad' | 'warn' | 'quiet' | 'good';
}

export function describeHeadline(document: StatusDocument): Headline {
  if (!document.leadership.isLeader) return describeStandby(document.leadership);
  const ofTokens = describeTokens(document);
  const mirrors = document.causes.filter((cause) => cause.kind === 'mirror');
  const [first] = mirrors;
  if (first === undefined) return ofTokens;
  const expired = mirrors.filter((mirror) => mirror.hasExpired).length;
  const hasExpired = expired > 0;
  const who =
    mirrors.length === 1 ? `mirror ${first.place} is` : `${formatCount(mirrors.length)} mirrors are`;
  const ofThem = expired === mirrors.length ? '' : `${formatCount(expired)} of them `;
  const text = hasExpired ? `${who} behind, ${ofThem}with expired copies` : `${who} behind`;
  if (ofTokens.tone === 'bad' || (ofTokens.tone === 'warn' && !hasExpired))
    return { text: `${ofTokens.text}; ${text}`, tone: ofTokens.tone };
  return {
    text: `${text.charAt(0).toUpperCase()}${text.slice(1)}; ${ofTokens.text.charAt(0).toLowerCase()}${ofTokens.text.slice(1)}`,
    tone: hasExpired ? 'bad' : 'warn',
  };
}

/** What can be said of them where they are published first. */
function describeTokens({ tokens, counts, trouble, causes }: StatusDocument): Headline {
  const { readers, filling } = trouble;
  // What the store holds of them is not known yet: they may well be published.
  const unread = counts.unknown;
  if (tokens === 0) return { text: 'No tokens yet', tone: 'quiet' };
  const { expired, absent } = readers;
  const failing = readers.tokens - expired - absent;
  const refusals = causes.filter((cause) => cause.kind === 'refused');
  const refused = refusals.reduce((sum, cause) => sum + cause.tokens, 0);
  const isHelpless = refusals.some(({ needsPerson }) => needsPerson);
  const parts = [
    [expired, 'expired'],
    [absent, 'missing'],
    [refused, 'refused'],
    [failing, 'cannot be refreshed'],
    [filling - unread, 'not published yet'],
    [unread, 'not read yet'],
  ] as const;
  if (failing === tokens && tokens > 1 && refused === 0)
    return { text: `None of ${formatTokens(tokens)} can be refreshed`, tone: 'warn' };
  const [worst, ...others] = parts.filter(([count]) => count > 0);
  if (worst !== undefined && readers.tokens + refused > 0) {
    const [count, what] = worst;
    const verb = what === 'cannot be refreshed' ? '' : count === 1 ? 'is ' : 'are ';
    const rest = others.map(([each, other]) => `, ${formatCount(each)} ${other}`).join('');
    const text = `${shareOf(count, tokens)} ${verb}${what}${rest}`;
    return { text, tone: expired + absent > 0 || isHelpless ? 'bad' : 'warn' };
  }
  if (unread > 0) {
    const text = `Reading the store: ${formatCount(tokens - unread)} of ${formatTokens(tokens)} read`;
    return { text, tone: 'quiet' };
  }
  if (filling > 0) {
    const text = `Filling: ${formatCount(tokens - filling)} of ${formatTokens(tokens)} published`;
    return { text, tone: 'quiet' };
  }
  return { text: `${shareOf(tokens, tokens)} ${tokens === 1 ? 'is' : 'are'} good`, tone: 'good' };
}

/** `The one token`, `All 7 tokens`, `1 of 7 tokens`. */
export function shareOf(count: number, all: number): string {
  if (all === 1) return 'The one token';
  return count === all ? `All ${formatTokens(all)}` : `${formatCount(count)} of ${formatTokens(all)}`;
}

function describeStandby({ leader, isOurs, problem }: StatusDocument['leadership']): Headline {
  if (isOurs === false) return { text: `${leader} leads, and does not refresh these tokens`, tone: 'warn' };
  if (leader !== null) return { text: `Stand-by: ${leader} leads`, tone: 'quiet' };
  return problem === null
    ? { text: 'Stand-by: who leads is not known yet', tone: 'quiet' }
    : { text: 'This replica does not lead, and cannot see who does', tone: 'warn' };
}
