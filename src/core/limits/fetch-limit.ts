/**
 * How many calls a provider allows in a window of time, and how they are shared out.
 *
 * A window is counted a sixtieth too long, to be on the safe side; what is needed is worked out for that.
 *
 * The rule of fairness: what all tokens of the provider need at their cadence in one window is kept back for first
 * attempts. Retries get by with the rest of the limit, all tokens together; a token that finds it used up is tried again
 * when its own next refresh would have been due. So tokens that fail cannot starve those that do not.
 */
import { formatSeconds } from '../wire/time-text.ts';
import { isRecovered, lowMark, type QuotaState } from './quota.ts';
import { countedMs } from './sliding-window-counter.ts';

export interface FetchLimit {
  /** Whole, 1 or more. */
  readonly calls: number;
  readonly window: FetchWindow;
}

export type FetchWindow = keyof typeof WINDOW_MS;

const WINDOW_MS = { day: 86_400_000, hour: 3_600_000, minute: 60_000 } as const;
const WINDOW_TEXT = { day: 'a day', hour: 'an hour', minute: 'a minute' } as const;

export const FETCH_LIMIT_PATTERN = /^([1-9]\d{0,8})\/(day|hour|minute)$/;
/** What {@link parseFetchLimit} accepts, for messages. */
export const FETCH_LIMIT_FORM = 'calls in a window of time: 1000/day, 60/hour or 5/minute';

/** Reads `1000/day`; `undefined` for anything else. */
export function parseFetchLimit(text: string): FetchLimit | undefined {
  const match = FETCH_LIMIT_PATTERN.exec(text);
  const window = match?.[2];
  if (window !== 'day' && window !== 'hour' && window !== 'minute') return undefined;
  return { calls: Number(match?.[1]), window };
}

/** Writes it as {@link parseFetchLimit} reads it. */
export function formatFetchLimit({ calls, window }: FetchLimit): string {
  return `${calls}/${window}`;
}

export function windowMsOf({ window }: FetchLimit): number {
  return WINDOW_MS[window];
}

/**
 * Most calls that can count in one window when so many tokens are each refreshed every `everyMs`. In a window that is
 * shorter than that, tokens come spread over half of it, because they are refreshed early once to spread them.
 */
export function regularCalls(tokens: number, everyMs: number, limit: FetchLimit): number {
  const cycles = countedMs(windowMsOf(limit)) / everyMs;
  return cycles >= 1 ? tokens * (Math.floor(cycles) + 1) : Math.ceil(tokens * Math.min(1, 2 * cycles));
}

/** Calls in one window that are left for retries. */
export function spareCalls(tokens: number, everyMs: number, limit: FetchLimit): number {
  return Math.max(0, limit.calls - regularCalls(tokens, everyMs, limit));
}

/** Where a configured cadence stands against the limit. */
export type LimitVerdict =
  | { readonly kind: 'comfortable' }
  /** It fits, and leaves little for retries. */
  | { readonly kind: 'tight'; readonly note: string }
  | { readonly kind: 'over'; readonly problem: string };

export function decideFetchLimit(tokens: number, everyMs: number, limit: FetchLimit): LimitVerdict {
  const needed = regularCalls(tokens, everyMs, limit);
  const who = tokens === 1 ? 'one token' : `${tokens} tokens`;
  const need = `${who} refreshed every ${formatSeconds(everyMs)} need${tokens === 1 ? 's' : ''} up to ${needed} calls ${WINDOW_TEXT[limit.window]}`;
  if (needed > limit.calls) {
    return {
      kind: 'over',
      problem:
        `${need}, more than fetchBudget ${formatFetchLimit(limit)}; a fetchBudget of at least ` +
        `${formatFetchLimit({ ...limit, calls: needed })} works, if the provider allows that`,
    };
  }
  if (needed < lowMark(limit.calls)) return { kind: 'comfortable' };
  const spare = limit.calls - needed;
  return {
    kind: 'tight',
    note: `${need} of fetchBudget ${formatFetchLimit(limit)}: ${spare === 0 ? 'none is' : `${spare} are`} left for retries and explicit refreshes`,
  };
}

/** `exhausted` until it has recovered. @param isRefused a call has just not been allowed */
export function decideLimitState(
  former: QuotaState,
  used: number,
  calls: number,
  isRefused: boolean,
): QuotaState {
  if (isRefused) return 'exhausted';
  if (isRecovered(used, calls)) return 'normal';
  // A limit of a few calls is used up at once in the best of times.
  return former === 'normal' && used >= lowMark(calls) && used < calls ? 'low' : former;
}
