/**
 * One expiry value as providers write it, turned into what it may mean. Pure: no clock, no time zone of the host.
 *
 * Seen in the wild: a number or its text in seconds, milliseconds, epoch seconds, milliseconds, micro- or nanoseconds
 * (even under the name `expires_in`), ISO with offset, naive local time, an HTTP date, `D:HH:MM`, `HH:MM:SS`, `900s`,
 * `PT15M`, nothing at all.
 *
 * Guarantee: where a value has several readings, the later one is chosen only when the expected lifetime speaks for it.
 */
import { parseHttpDate } from '../wire/http-date.ts';
import { parseIsoTime } from '../wire/iso-time.ts';
import { parseLocalTimes } from '../wire/local-time.ts';
import { parseStatedDuration } from './stated-duration.ts';

/** Nothing that is called an access token lives longer. */
export const MAX_LIFETIME_MS = 10 * 365 * 86_400_000;

/**
 * Nothing that lives shorter is of use: fetching and publishing may take as long (one call of a provider has 10 s by
 * default), and following it would use up a day's versions of a secret within minutes.
 */
export const MIN_LIFETIME_MS = 10_000;

/** One thing that a value may mean. */
export type ExpiryCandidate =
  /** A duration, counted from the moment before the request was sent. */
  | { readonly base: 'sent'; readonly afterMs: number; readonly unit: 'seconds' | 'milliseconds' | 'clock' }
  /** A moment. */
  | { readonly base: 'epoch'; readonly atMs: number }
  /** A moment without a time zone: what it would be in UTC. */
  | { readonly base: 'unknown-zone'; readonly atMs: number };

type ParsedExpiry =
  | { readonly state: 'missing' }
  /** Cannot be right. `why` continues a sentence that starts with the field's name; it never quotes the value. */
  | { readonly state: 'absurd'; readonly why: string }
  /** May be right, and nobody can tell what it says. `why` as above. */
  | { readonly state: 'unknown'; readonly why: string }
  | { readonly state: 'readable'; readonly candidates: readonly ExpiryCandidate[] };

/** .NET's own JSON: milliseconds since the epoch, whatever the zone that it was written in. */
const DOTNET_DATE = /^\\?\/Date\((?<ms>\d{12,14})(?:[+-]\d{4})?\)\\?\/$/;

/** Digits are matched in one way only: a provider may send a million of them. */
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** More seconds than this (31 years) are an epoch: 9 September 2001 and later. */
const EPOCH_SECONDS_FROM = 1e9;
const EPOCH_MILLISECONDS_FROM = 1e12;
const EPOCH_MICROSECONDS_FROM = 1e15;
const EPOCH_NANOSECONDS_FROM = 1e18;

/** A lifetime may be this many times as long as expected, or as short. */
const MAX_FACTOR = 8;

/**
 * Parses a value of any type.
 * @param expectedSeconds the longest lifetime that documentation or configuration give; it decides between readings.
 *   `undefined` when nothing is known: a number then is seconds
 */
export function parseExpiry(value: unknown, expectedSeconds: number | undefined): ParsedExpiry {
  if (value === undefined || value === null) return { state: 'missing' };
  if (typeof value !== 'number' && typeof value !== 'string') {
    return { state: 'unknown', why: 'is neither a number nor text' };
  }
  const text = String(value).trim();
  if (text === '') return { state: 'missing' };
  const local = parseLocalTimes(text);
  if (local.length > 0) return readable(...local.map((atMs) => ({ base: 'unknown-zone', atMs }) as const));
  if (typeof value === 'number' || DECIMAL.test(text)) return parseNumber(Number(value), expectedSeconds);
  return parseText(text, expectedSeconds);
}

function parseNumber(value: number, expectedSeconds: number | undefined): ParsedExpiry {
  if (Number.isNaN(value)) return absurd('is not a number');
  if (value === 0) return absurd('is zero');
  if (value < 0) return absurd('is negative');
  if (value > EPOCH_SECONDS_FROM) return parseMoment(epochMilliseconds(value));
  if (expectedSeconds !== undefined && isInMilliseconds(value, expectedSeconds)) {
    return readable({ base: 'sent', afterMs: value, unit: 'milliseconds' });
  }
  return parseLifetime(value * 1000, 'seconds');
}

function epochMilliseconds(value: number): number {
  if (value > EPOCH_NANOSECONDS_FROM) return value / 1e6;
  if (value > EPOCH_MICROSECONDS_FROM) return value / 1000;
  return value > EPOCH_MILLISECONDS_FROM ? value : value * 1000;
}

/**
 * Whether a number that should be seconds is milliseconds: as seconds it is far more than expected, and as milliseconds
 * a life that is worth fetching. A whole number of hours up to a day that is no whole number of minutes in milliseconds
 * (86400, 36000) was written by somebody who thought in seconds, and so was what is left of a day after a moment (86399)
 * unless its milliseconds are about what is expected.
 */
function isInMilliseconds(value: number, expectedSeconds: number): boolean {
  const longestSeconds = expectedSeconds * MAX_FACTOR;
  if (value <= longestSeconds || value < MIN_LIFETIME_MS) return false;
  // Nothing in milliseconds either: it stays what it says, which is absurd.
  if (value > longestSeconds * 1000 && value * 1000 > MAX_LIFETIME_MS) return false;
  if (value > 86_400) return true;
  if (value % 1000 !== 0 && value < (expectedSeconds * 1000) / MAX_FACTOR) return false;
  return value % 3600 !== 0 || value % 60_000 === 0;
}

function parseMoment(atMs: number): ParsedExpiry {
  return Number.isFinite(atMs) ? readable({ base: 'epoch', atMs }) : absurd('is not a finite number');
}

function parseText(text: string, expectedSeconds: number | undefined): ParsedExpiry {
  const durations = parseStatedDuration(text);
  if (durations !== undefined) return parseLifetime(chooseDuration(durations, expectedSeconds), 'clock');
  const dotnetMs = DOTNET_DATE.exec(text)?.groups?.['ms'];
  if (dotnetMs !== undefined) return parseMoment(Number(dotnetMs));
  const iso = parseIsoTime(text);
  if (iso !== undefined) {
    return readable({ base: iso.hasOffset ? 'epoch' : 'unknown-zone', atMs: iso.utcMs });
  }
  const httpDateMs = parseHttpDate(text);
  return httpDateMs === undefined
    ? { state: 'unknown', why: 'is in a form that is not known' }
    : parseMoment(httpDateMs);
}

/** `0:15:00` may be hours or days: the longer reading counts only when it is about what is expected. */
function chooseDuration(durationsMs: readonly number[], expectedSeconds: number | undefined): number {
  const shortest = Math.min(...durationsMs);
  if (expectedSeconds === undefined) return shortest;
  const expectedMs = expectedSeconds * 1000;
  if (shortest >= expectedMs / MAX_FACTOR) return shortest;
  return durationsMs.find((ms) => ms > expectedMs / 2 && ms < expectedMs * 2) ?? shortest;
}

function parseLifetime(afterMs: number, unit: 'seconds' | 'clock'): ParsedExpiry {
  if (afterMs === 0) return absurd('is zero');
  if (afterMs > MAX_LIFETIME_MS) return absurd('is more than 10 years');
  return readable({ base: 'sent', afterMs, unit });
}

function readable(...candidates: readonly ExpiryCandidate[]): ParsedExpiry {
  return { state: 'readable', candidates };
}

function absurd(why: string): ParsedExpiry {
  return { state: 'absurd', why };
}
