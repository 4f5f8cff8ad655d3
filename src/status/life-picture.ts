/**
 * Pictures of one token: its life as a bar, its last 24 hours as a strip. Each has a text that says the same.
 *
 * Positions are percentages in attributes: a strict Content-Security-Policy lets no style attribute through.
 */

import { STRIP_LENGTH } from '../core/token/refresh-strip.ts';
import { formatClock } from '../core/wire/time-text.ts';
import { type Html, html } from './html.ts';
import { formatLifeLeft, msBetween } from './page-text.ts';
import type { TokenStatus } from './status-document.ts';

/** A bar from issue to expiry; what is left of the life is filled, a line says when the refresh is due, a dot is now. */
export function drawLife(token: TokenStatus, at: string): Html {
  const { issuedAt, dueAt, expiresAt } = token;
  if (expiresAt === null)
    return html`<svg class="bar" role="img" aria-label="no token to show"><line class="nothing" x1="0" x2="100%" y1="10" y2="10"/></svg>`;
  const startsAt = issuedAt ?? dueAt ?? at;
  const placeOf = (time: string): string => `${formatShare(startsAt, expiresAt, time)}%`;
  const now = placeOf(at);
  const words = [
    ...(issuedAt === null ? [] : [`issued ${formatClock(issuedAt, at)}`]),
    ...(dueAt === null ? [] : [`refresh due ${formatClock(dueAt, at)}`]),
    `expires ${formatClock(expiresAt, at)}`,
    formatLifeLeft(msBetween(at, expiresAt)),
  ].join(', ');
  return html`<svg class="bar" role="img" aria-label="${words}" data-from="${startsAt}" data-to="${expiresAt}"><rect class="life" x="0" y="6" width="100%" height="8" rx="4"/><rect class="spent" x="0" y="6" width="${now}" height="8" rx="4"/>${
    dueAt === null
      ? undefined
      : html`<line class="due" x1="${placeOf(dueAt)}" x2="${placeOf(dueAt)}" y1="2" y2="18"/>`
  }<circle class="now" cx="${now}" cy="10" r="5"/></svg>`;
}

const KINDS = [
  { letter: 'o', name: 'ok', height: 6 },
  { letter: 'r', name: 'retried', height: 11 },
  { letter: 'f', name: 'failed', height: 18 },
] as const;
const HEIGHT = 18;

/** A stroke for each quarter of an hour, the taller the worse, so that nobody has to tell colours apart. */
export function drawDay(marks: string): Html {
  const counts = KINDS.map(({ letter }) => marks.split(letter).length - 1);
  const [ok = 0, retried = 0, failed = 0] = counts;
  const words =
    ok + retried + failed === 0
      ? 'last 24 hours: no refresh seen'
      : `last 24 hours, in quarter hours: ${ok} ok, ${retried} with retries, ${failed} failed`;
  const paths = KINDS.map(({ letter, name, height }) => {
    const strokes = Array.from(marks, (mark, index) =>
      mark === letter ? `M${index} ${HEIGHT - height}h.7v${height}h-.7z` : '',
    ).join('');
    return strokes === '' ? html`` : html`<path class="${name}" d="${strokes}"/>`;
  });
  return html`<svg class="day" role="img" aria-label="${words}" viewBox="0 0 ${STRIP_LENGTH} ${HEIGHT}" preserveAspectRatio="none"><rect class="floor" x="0" y="${HEIGHT - 1}" width="${STRIP_LENGTH}" height="1"/>${paths}</svg>`;
}

/** Where `time` lies between two others, 0 to 100 with two decimals. */
function formatShare(from: string, to: string, time: string): string {
  const wholeMs = msBetween(from, to);
  const share = wholeMs <= 0 ? 1 : msBetween(from, time) / wholeMs;
  return String(Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 100);
}
