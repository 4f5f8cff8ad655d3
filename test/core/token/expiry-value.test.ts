import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_LIFETIME_MS, parseExpiry } from '../../../src/core/token/expiry-value.ts';
import { assertLinear } from '../../support/linear-work.ts';
import { fc } from '../../support/property.ts';

const AT_MS = Date.UTC(2026, 10, 21, 12);
const seconds = (count: number) => ({ base: 'sent', afterMs: count * 1000, unit: 'seconds' });
const milliseconds = (count: number) => ({ base: 'sent', afterMs: count * 1000, unit: 'milliseconds' });
const clock = (count: number) => ({ base: 'sent', afterMs: count * 1000, unit: 'clock' });
const naive = (atMs: number) => ({ base: 'unknown-zone', atMs });
const epoch = { base: 'epoch', atMs: AT_MS };

describe('an expiry value', () => {
  const readable: readonly (readonly [unknown, readonly object[]])[] = [
    [900, [seconds(900)]],
    ['900', [seconds(900)]],
    [' 900 ', [seconds(900)]],
    ['+900', [seconds(900)]],
    [899.5, [seconds(899.5)]],
    ['9e2', [seconds(900)]],
    [1, [seconds(1)]],
    [AT_MS / 1000, [epoch]],
    [String(AT_MS / 1000), [epoch]],
    [AT_MS, [epoch]],
    [String(AT_MS), [epoch]],
    ['2026-11-21T12:00:00Z', [epoch]],
    ['2026-11-21t12:00:00z', [epoch]],
    ['2026-11-21T19:00:00+07:00', [epoch]],
    ['2026-11-21 19:00:00 +0700', [epoch]],
    ['2026-11-21T19:00+07', [epoch]],
    ['2026-11-21T06:30:00.000-05:30', [epoch]],
    ['2026-11-21T12:00:00.123456789Z', [{ base: 'epoch', atMs: AT_MS + 123 }]],
    ['2026-11-21T11:59:60Z', [epoch]],
    ['2026-11-21T12:00:00', [{ base: 'unknown-zone', atMs: AT_MS }]],
    ['2026-11-21 12:00:00', [{ base: 'unknown-zone', atMs: AT_MS }]],
    ['Sat, 21 Nov 2026 12:00:00 GMT', [epoch]],
    [AT_MS * 1000, [epoch]],
    [AT_MS * 1e6, [epoch]],
    // Documented are 900 s: 15 seconds are not meant, 15 minutes are.
    ['0:00:15', [clock(900)]],
    ['00:15:00', [clock(900)]],
    ['00:15:00.0000000', [clock(900)]],
    ['1:02:03', [clock(3_723)]],
    ['00:01:30', [clock(90)]],
    ['01:00:00', [clock(3_600)]],
    ['1.00:15:00', [clock(87_300)]],
    ['15:00', [clock(900)]],
    ['00:15', [clock(900)]],
    ['900s', [clock(900)]],
    ['900.5s', [clock(900.5)]],
    ['900000ms', [clock(900)]],
    ['15m', [clock(900)]],
    ['15 minutes', [clock(900)]],
    ['1h30m', [clock(5_400)]],
    ['1 hour 30 min', [clock(5_400)]],
    ['PT15M', [clock(900)]],
    ['pt900s', [clock(900)]],
    ['PT0.25H', [clock(900)]],
    ['P1DT15M', [clock(87_300)]],
    ['P2W', [clock(1_209_600)]],
    ['28-11-2026 23:55:00', [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    ['28/11/2026 23:55', [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    ['11/28/2026 11:55:00 PM', [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    ['2026/11/28 23:55:00', [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    ['20261128235500', [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    [20_261_128_235_500, [naive(Date.UTC(2026, 10, 28, 23, 55))]],
    ['03-11-2026 12:00:00', [naive(Date.UTC(2026, 10, 3, 12)), naive(Date.UTC(2026, 2, 11, 12))]],
    [3_600_000, [milliseconds(3_600)]],
    [300_000, [milliseconds(300)]],
    [900_000, [milliseconds(900)]],
    ['450000', [milliseconds(450)]],
    [1_800_001, [milliseconds(1_800.001)]],
    [299_873, [milliseconds(299.873)]],
    [60_000, [milliseconds(60)]],
    [30_000, [milliseconds(30)]],
    // Up to eight times the documented life is seconds, and so is what is no life in milliseconds.
    [7_200, [seconds(7_200)]],
    [9_999, [seconds(9_999)]],
    // So are whole hours up to a day.
    [18_000, [seconds(18_000)]],
    [36_000, [seconds(36_000)]],
    [86_400, [seconds(86_400)]],
  ];
  for (const [value, candidates] of readable) {
    test(`${JSON.stringify(value)} is read as ${JSON.stringify(candidates)}`, () => {
      assert.deepEqual(parseExpiry(value, 900), { state: 'readable', candidates });
    });
  }

  for (const value of [undefined, null, '', '  ']) {
    test(`${JSON.stringify(value) ?? 'undefined'} is missing`, () => {
      assert.deepEqual(parseExpiry(value, 900), { state: 'missing' });
    });
  }

  const unusable: readonly (readonly [unknown, string])[] = [
    ['0s', 'is zero'],
    ['PT0S', 'is zero'],
    [0, 'is zero'],
    ['0', 'is zero'],
    [-0, 'is zero'],
    ['0:00:00', 'is zero'],
    [-900, 'is negative'],
    ['-1', 'is negative'],
    [Number.NaN, 'is not a number'],
    [Number.POSITIVE_INFINITY, 'is not a finite number'],
    ['1e999', 'is not a finite number'],
    [315_360_001, 'is more than 10 years'],
    ['99999:00:00', 'is more than 10 years'],
    [true, 'is neither a number nor text'],
    [{}, 'is neither a number nor text'],
    [[900], 'is neither a number nor text'],
    ['NaN', 'is in a form that is not known'],
    ['soon', 'is in a form that is not known'],
    ['0x384', 'is in a form that is not known'],
    ['2026-11-21', 'is in a form that is not known'],
    ['2026-02-30T12:00:00Z', 'is in a form that is not known'],
    ['2026-13-01T12:00:00Z', 'is in a form that is not known'],
    ['2026-11-21T24:00:00Z', 'is in a form that is not known'],
    ['2026-11-21T12:60:00Z', 'is in a form that is not known'],
    ['2026-11-21T12:00:00+25:00', 'is in a form that is not known'],
    ['0900-11-21T12:00:00Z', 'is in a form that is not known'],
    ['0:24:60', 'is in a form that is not known'],
    ['P1M', 'is in a form that is not known'],
    ['P', 'is in a form that is not known'],
    ['PT', 'is in a form that is not known'],
    ['15 fortnights', 'is in a form that is not known'],
    ['never', 'is in a form that is not known'],
    ['30-02-2026 12:00:00', 'is in a form that is not known'],
    ['2026-11-28', 'is in a form that is not known'],
  ];
  for (const [value, why] of unusable) {
    test(`${typeof value === 'number' ? String(value) : JSON.stringify(value)} ${why}`, () => {
      const state = /known|neither/.test(why) ? 'unknown' : 'absurd';
      assert.deepEqual(parseExpiry(value, 900), { state, why });
    });
  }

  test('whatever it is, it is parsed without an exception and never quoted', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), fc.double()), (value) => {
        const parsed = parseExpiry(value, 900);
        if (parsed.state === 'unknown' || parsed.state === 'absurd')
          assert.match(parsed.why, /^(is|was) [a-z0-9 ]+$/);
      }),
    );
  });

  for (const [what, write] of [
    ['digits', (length: number) => `${'1'.repeat(length)}x`],
    ['digits behind a point', (length: number) => `1.${'1'.repeat(length)}x`],
    ['white space', (length: number) => `1${'\t'.repeat(length)}!`],
    ['units', (length: number) => `${'1s'.repeat(length)}!`],
  ] as const) {
    test(`of a great many ${what} holds nobody up`, () => {
      assertLinear((length) => {
        const text = write(length);
        for (let run = 0; run < 50; run += 1) assert.equal(parseExpiry(text, 900).state, 'unknown');
      }, 10_000);
    });
  }

  test('long lives that are documented stay seconds', () => {
    for (const days of [1, 7, 15, 30, 60, 180, 365]) {
      const value = days * 86_400;
      assert.deepEqual(parseExpiry(value, value), { state: 'readable', candidates: [seconds(value)] });
      if (value * 1000 > 1e9) continue;
      const inMilliseconds = { state: 'readable', candidates: [milliseconds(value)] };
      assert.deepEqual(parseExpiry(value * 1000, value), inMilliseconds);
    }
  });

  test('a number and its text mean the same', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        assert.deepEqual(parseExpiry(String(value), 900), parseExpiry(value, 900));
      }),
    );
  });

  test('a moment means the same in every offset', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: AT_MS, max: AT_MS + MAX_LIFETIME_MS }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (atMs, offsetMinutes) => {
          const local = new Date(atMs + offsetMinutes * 60_000).toISOString().slice(0, -1);
          const pad = (part: number): string => String(part).padStart(2, '0');
          const distance = Math.abs(offsetMinutes);
          const offset = `${offsetMinutes < 0 ? '-' : '+'}${pad(Math.floor(distance / 60))}:${pad(distance % 60)}`;
          const parsed = parseExpiry(`${local}${offset}`, 900);
          assert.deepEqual(parsed, { state: 'readable', candidates: [{ base: 'epoch', atMs }] });
        },
      ),
    );
  });
});
