/**
 * Until when the readers of some tokens are fine, as the board has it. Alerts, status page and live table say it with the
 * same words.
 */
import type { TokenRecord } from './board.ts';
import { formatCount, formatDistance, formatMoment, formatTokens } from './wire/time-text.ts';

/** What readers have of some tokens; wall times in milliseconds. */
export interface ReadersOutlook {
  readonly tokens: number;
  /** The store holds nothing that could be used, and nothing that once could. */
  readonly absent: number;
  /** The store has not been read. */
  readonly unread: number;
  /** Undefined: none has expired. */
  readonly expired: { readonly count: number; readonly sinceMs: number } | undefined;
  /** When the first of the good tokens expires; undefined: none is good. */
  readonly firstExpiryMs: number | undefined;
}

export function assessReaders(
  records: Iterable<Pick<TokenRecord, 'readable'>>,
  nowMs: number,
): ReadersOutlook {
  let [tokens, absent, unread, expired] = [0, 0, 0, 0];
  let sinceMs: number | undefined;
  let firstExpiryMs: number | undefined;
  for (const { readable } of records) {
    tokens += 1;
    if (readable.kind === 'absent') absent += 1;
    else if (readable.kind === 'unknown') unread += 1;
    else if (readable.expiresAtMs <= nowMs) {
      expired += 1;
      sinceMs = Math.min(sinceMs ?? readable.expiresAtMs, readable.expiresAtMs);
    } else firstExpiryMs = Math.min(firstExpiryMs ?? readable.expiresAtMs, readable.expiresAtMs);
  }
  return {
    tokens,
    absent,
    unread,
    expired: sinceMs === undefined ? undefined : { count: expired, sinceMs },
    firstExpiryMs,
  };
}

/** A part of a sentence, and the moment that follows it. */
export interface OutlookClause {
  readonly text: string;
  /** Wall time in milliseconds; undefined: no moment follows. */
  readonly atMs: number | undefined;
}

/** What is worst comes first. One at least. */
export function outlookClauses(outlook: ReadersOutlook): readonly OutlookClause[] {
  const { tokens, absent, unread, expired, firstExpiryMs } = outlook;
  if (tokens === 0) return [{ text: 'there are no tokens', atMs: undefined }];
  const isOne = tokens === 1;
  const share = (count: number): string =>
    count === tokens ? `all ${formatTokens(tokens)}` : `${formatCount(count)} of ${formatTokens(tokens)}`;
  const clauses: OutlookClause[] = [];
  const add = (text: string, atMs?: number): number => clauses.push({ text, atMs });
  if (expired !== undefined) {
    const first = expired.count === 1 ? '' : ', the first';
    add(isOne ? 'token expired' : `${share(expired.count)} expired${first}`, expired.sinceMs);
  }
  if (absent > 0)
    add(isOne ? 'no usable token in the store' : `${share(absent)} absent or unusable in the store`);
  if (unread > 0)
    add(
      isOne
        ? 'store not read yet, so its token is not known'
        : `${share(unread)} not read from the store yet`,
    );
  if (firstExpiryMs !== undefined) {
    const which = isOne ? 'token' : clauses.length === 0 ? 'first token' : 'the next';
    add(`${which} expires`, firstExpiryMs);
  }
  return clauses;
}

/**
 * The same without a full stop: `token expires 17:11:07 UTC, in 4m 57s`, and of several tokens `30 of 2,000 tokens
 * expired, the first 17:01:07 UTC, 3m 02s ago; the next expires 17:11:07 UTC, in 4m 57s`.
 */
export function describeOutlook(outlook: ReadersOutlook, nowMs: number): string {
  return outlookClauses(outlook)
    .map(({ text, atMs }) =>
      atMs === undefined ? text : `${text} ${formatMoment(atMs, nowMs)}, ${formatDistance(atMs - nowMs)}`,
    )
    .join('; ');
}
