/**
 * One expiry value as providers write it, turned into what it may mean. Pure: no clock, no time zone of the host.
 *
 * Seen in the wild: a number or its text in seconds, milliseconds, epoch seconds or epoch milliseconds (even under the
 * name `expires_in`), ISO with offset, naive local time, an HTTP date, `D:HH:MM`, nothing at all.
 */
import { parseHttpDate } from './http-date.ts';
import { parseIsoTime } from './iso-time.ts';

/** Nothing that is called an access token lives longer. */
export const MAX_LIFETIME_MS = 10 * 365 * 86_400_000;

/** One thing that a value may mean. */
export type ExpiryCandidate =
  /** A duration, counted from the moment before the request was sent. */
  | { readonly base: 'sent'; readonly afterMs: number; readonly unit: 'seconds' | 'milliseconds' | 'minutes' }
  /** A moment. */
  | { readonly base: 'epoch'; readonly atMs: number }
  /** A moment without a time zone, read as UTC. */
  | { readonly base: 'unknown-zone'; readonly atMs: number };

export type ParsedExpiry =
  | { readonly state: 'missing' }
  /** `why` continues a sentence that starts with the field's name; it never quotes the value. */
  | { readonly state: 'unusable'; readonly why: string }
  | { readonly state: 'readable'; readonly candidates: readonly ExpiryCandidate[] };

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const DAYS_HOURS_MINUTES = /^(\d{1,5}):([01]\d|2[0-3]):([0-5]\d)$/;

/** More seconds than this (31 years) are an epoch: 9 September 2001 and later. */
const EPOCH_SECONDS_FROM = 1e9;
const EPOCH_MILLISECONDS_FROM = 1e12;

/**
 * Parses a value of any type.
 * @param documentedLifetimeSeconds tells milliseconds from seconds: a number a thousand times as large, within a
 *   factor of 2, may be milliseconds; `undefined` when nothing is documented
 */
export function parseExpiry(value: unknown, documentedLifetimeSeconds: number | undefined): ParsedExpiry {
  if (value === undefined || value === null) return { state: 'missing' };
  if (typeof value === 'number') return parseNumber(value, documentedLifetimeSeconds);
  if (typeof value !== 'string') return unusable(`is neither a number nor text`);
  const text = value.trim();
  if (text === '') return { state: 'missing' };
  if (DECIMAL.test(text)) return parseNumber(Number(text), documentedLifetimeSeconds);
  return parseText(text);
}

function parseNumber(value: number, documentedLifetimeSeconds: number | undefined): ParsedExpiry {
  if (Number.isNaN(value)) return unusable('is not a number');
  if (value === 0) return unusable('is zero');
  if (value < 0) return unusable('is negative');
  if (value > EPOCH_MILLISECONDS_FROM) return parseMoment(value);
  if (value > EPOCH_SECONDS_FROM) return parseMoment(value * 1000);
  const candidates: ExpiryCandidate[] = [];
  const thousandfold = value / ((documentedLifetimeSeconds ?? 0) * 1000);
  if (thousandfold >= 0.5 && thousandfold <= 2) {
    candidates.push({ base: 'sent', afterMs: value, unit: 'milliseconds' });
  }
  const afterMs = value * 1000;
  if (afterMs <= MAX_LIFETIME_MS) candidates.push({ base: 'sent', afterMs, unit: 'seconds' });
  return candidates.length === 0 ? unusable('is more than 10 years') : { state: 'readable', candidates };
}

function parseMoment(atMs: number): ParsedExpiry {
  return Number.isFinite(atMs)
    ? { state: 'readable', candidates: [{ base: 'epoch', atMs }] }
    : unusable('is not a finite number');
}

function parseText(text: string): ParsedExpiry {
  const duration = DAYS_HOURS_MINUTES.exec(text);
  if (duration !== null) {
    const [, days, hours, minutes] = duration;
    return parseMinutes((Number(days) * 24 + Number(hours)) * 60 + Number(minutes));
  }
  const iso = parseIsoTime(text);
  if (iso !== undefined) {
    const base = iso.hasOffset ? 'epoch' : 'unknown-zone';
    return { state: 'readable', candidates: [{ base, atMs: iso.utcMs }] };
  }
  const httpDateMs = parseHttpDate(text);
  return httpDateMs === undefined ? unusable('is in a form that is not known') : parseMoment(httpDateMs);
}

function parseMinutes(minutes: number): ParsedExpiry {
  const afterMs = minutes * 60_000;
  if (afterMs === 0) return unusable('is zero');
  if (afterMs > MAX_LIFETIME_MS) return unusable('is more than 10 years');
  return { state: 'readable', candidates: [{ base: 'sent', afterMs, unit: 'minutes' }] };
}

function unusable(why: string): ParsedExpiry {
  return { state: 'unusable', why };
}
