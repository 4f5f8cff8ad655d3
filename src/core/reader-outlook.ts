/**
 * Until when readers are fine, as the board's records and the time have it: what page, alerts and commands say of it. Pure.
 *
 * Guarantee: the worst is said first, and never that readers have a token when one of them has none. A provider's failure
 * plays no part: a token that cannot be refreshed is fine until it expires.
 */
import type { ReadableToken } from './board.ts';
import { formatMomentAndDistance, formatSince, formatTokens } from './wire/time-text.ts';

export interface ReaderOutlook {
  /** `broken`: some readers have no valid token. `unknown`: that of some has not been read. */
  readonly severity: 'broken' | 'unknown' | 'fine';
  readonly tokens: number;
  readonly expired: number;
  readonly absent: number;
  readonly unknown: number;
  /** When the first token expired that is over; wall time in milliseconds. */
  readonly brokenSinceMs: number | undefined;
  /** When the first of the valid tokens expires. */
  readonly firstExpiryMs: number | undefined;
  /** One line without a full stop: `first token expires 17:11:07 UTC, in 4m 57s`. */
  readonly sentence: string;
}

export function describeOutlook(readables: Iterable<ReadableToken>, nowMs: number): ReaderOutlook {
  const counts = { tokens: 0, expired: 0, absent: 0, unknown: 0 };
  let [brokenSinceMs, firstExpiryMs]: [number | undefined, number | undefined] = [undefined, undefined];
  for (const readable of readables) {
    counts.tokens += 1;
    if (readable.kind !== 'published') counts[readable.kind] += 1;
    else if (readable.expiresAtMs > nowMs)
      firstExpiryMs = Math.min(firstExpiryMs ?? readable.expiresAtMs, readable.expiresAtMs);
    else {
      counts.expired += 1;
      brokenSinceMs = Math.min(brokenSinceMs ?? readable.expiresAtMs, readable.expiresAtMs);
    }
  }
  const severity = counts.expired + counts.absent > 0 ? 'broken' : counts.unknown > 0 ? 'unknown' : 'fine';
  const outlook = { severity, ...counts, brokenSinceMs, firstExpiryMs } as const;
  return { ...outlook, sentence: counts.tokens === 1 ? sayOfOne(outlook, nowMs) : sayOfMany(outlook, nowMs) };
}

type Outlook = Omit<ReaderOutlook, 'sentence'>;

function sayOfOne({ brokenSinceMs, firstExpiryMs, absent }: Outlook, nowMs: number): string {
  if (brokenSinceMs !== undefined)
    return `readers have had no valid token since ${formatSince(brokenSinceMs, nowMs)}`;
  if (firstExpiryMs !== undefined) return `token expires ${formatMomentAndDistance(firstExpiryMs, nowMs)}`;
  return absent > 0
    ? 'no token is published, readers have none'
    : 'the store has not been read, so it is not known whether readers have a token';
}

function sayOfMany(outlook: Outlook, nowMs: number): string {
  const { tokens, expired, absent, unknown, brokenSinceMs, firstExpiryMs } = outlook;
  if (tokens === 0) return 'there are no tokens';
  const parts: string[] = [];
  if (brokenSinceMs !== undefined)
    parts.push(
      `${formatTokens(expired)} expired, ${expired === 1 ? '' : 'the first '}at ${formatSince(brokenSinceMs, nowMs)}`,
    );
  if (absent > 0)
    parts.push(`${formatTokens(absent)} ${absent === 1 ? 'is' : 'are'} not published, readers have none`);
  if (unknown > 0) parts.push(`${formatTokens(unknown)} not read from the store yet`);
  if (firstExpiryMs !== undefined) {
    const which = parts.length > 0 ? 'the next' : 'first token';
    parts.push(`${which} expires ${formatMomentAndDistance(firstExpiryMs, nowMs)}`);
  }
  return parts.join('; ');
}
