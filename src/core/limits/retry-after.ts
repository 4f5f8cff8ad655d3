/**
 * How long a provider asks us to wait, from wherever it says so.
 *
 * Guarantee: a result is a whole number of milliseconds, more than 0 and at most 24 hours; whatever cannot be read is
 * no request to wait. So a provider's mistake can neither stop a token for ever nor make us call without pause.
 */
import { parseHttpDate } from '../wire/http-date.ts';

export const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

const SECONDS = /^\d{1,15}(?:\.\d{1,9})?$/;
/** A comma, unless it follows the name of a day. */
const FIELD_BREAK = /(?<!\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|[A-Z][a-z]{2,5}day)),/;
/** Below this a number cannot be a date after 2001. */
const EPOCH_SECONDS_FROM = 1e9;
const EPOCH_MILLISECONDS_FROM = 1e12;

/**
 * Reads `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3). Some write the moment in Unix seconds instead.
 * @param value one field, or several as a list or joined by commas (RFC 9110, 5.3): the longest wait counts
 * @param providerNowMs the provider's clock, which is what it compared its date with
 */
export function parseRetryAfter(
  value: string | readonly string[] | undefined,
  providerNowMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const fields = typeof value === 'string' ? [value] : value;
  const waitsMs = fields.flatMap(splitFields).map((text) => {
    if (SECONDS.test(text)) return waitOfSeconds(Number(text), providerNowMs);
    const dateMs = parseHttpDate(text);
    return dateMs === undefined ? undefined : boundWait(dateMs - providerNowMs);
  });
  return longestWait(...waitsMs);
}

/** Reads a number of seconds, as a number or as its text (`error.retry_after` in a body); times as above. */
export function parseRetryAfterSeconds(value: unknown, providerNowMs: number): number | undefined {
  const seconds = toSeconds(value);
  return seconds === undefined ? undefined : waitOfSeconds(seconds, providerNowMs);
}

/** Reads a moment in Unix seconds (`X-RateLimit-Reset`); `providerNowMs` as in {@link parseRetryAfter}. */
export function parseRateLimitReset(value: unknown, providerNowMs: number): number | undefined {
  const epochSeconds = toSeconds(value);
  if (epochSeconds === undefined || epochSeconds < EPOCH_SECONDS_FROM) return undefined;
  return boundWait(epochSeconds * 1000 - providerNowMs);
}

/** The longest of several requests to wait. */
export function longestWait(...waitsMs: readonly (number | undefined)[]): number | undefined {
  const known = waitsMs.filter((waitMs) => waitMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** The comma of a date is none between two fields. */
function splitFields(text: string): readonly string[] {
  return text.split(FIELD_BREAK).map((field) => field.trim());
}

/** No provider asks for thirty years: so large a number is a moment. */
function waitOfSeconds(seconds: number, providerNowMs: number): number | undefined {
  if (seconds > EPOCH_MILLISECONDS_FROM) return boundWait(seconds - providerNowMs);
  return boundWait(seconds > EPOCH_SECONDS_FROM ? seconds * 1000 - providerNowMs : seconds * 1000);
}

function toSeconds(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' && SECONDS.test(value.trim()) ? Number(value.trim()) : undefined;
}

function boundWait(waitMs: number): number | undefined {
  return waitMs > 0 ? Math.min(Math.ceil(waitMs), MAX_RETRY_AFTER_MS) : undefined;
}
