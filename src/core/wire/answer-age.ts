/**
 * How old an answer is and what the provider's clock showed, from the headers `Date` and `Age`.
 *
 * An answer that a cache had is as old as its `Age` (RFC 9111, 4.2.3 and 5.1), and its `Date` with it: without `Age` the
 * provider's clock would seem to be behind.
 */
import type { HttpAnswer } from './http-call.ts';
import { parseHttpDate } from './http-date.ts';

const DELTA_SECONDS = /^\d{1,20}$/;
/** RFC 9111, 1.2.2: what is larger than a recipient can hold counts as this. */
const MAX_AGE_SECONDS = 2 ** 31;

/** Milliseconds since the answer was made; 0 when it says nothing that can be read. */
export function parseAge(age: string | undefined): number {
  // Of a list the first value counts; a value that is no number of seconds counts as none (RFC 9111, 5.1).
  const [first = ''] = (age ?? '').split(',');
  const seconds = first.trim();
  return DELTA_SECONDS.test(seconds) ? Math.min(Number(seconds), MAX_AGE_SECONDS) * 1000 : 0;
}

/** Provider's clock minus ours, against the middle of the exchange; `Date` has whole seconds, cut off. */
export function measureSkew(
  headers: { readonly date: string | undefined; readonly age: string | undefined },
  { sentAtMs, receivedAtMs }: Pick<HttpAnswer, 'sentAtMs' | 'receivedAtMs'>,
): number | undefined {
  const dateMs = headers.date === undefined ? undefined : parseHttpDate(headers.date);
  if (dateMs === undefined) return undefined;
  const skewMs = Math.round(dateMs + 500 - (sentAtMs + receivedAtMs) / 2);
  const agedMs = skewMs + parseAge(headers.age);
  // Some caches write their own Date: then it is not as old as the answer.
  return Math.abs(agedMs) < Math.abs(skewMs) ? agedMs : skewMs;
}
