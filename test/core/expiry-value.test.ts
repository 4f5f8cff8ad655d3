import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_LIFETIME_MS, parseExpiry } from '../../src/core/expiry-value.ts';

const AT_MS = Date.UTC(2026, 10, 21, 12);
const seconds = (count: number) => ({ base: 'sent', afterMs: count * 1000, unit: 'seconds' });
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
    [1e9 / 4, [seconds(250_000_000)]],
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
    ['0:00:15', [{ base: 'sent', afterMs: 900_000, unit: 'minutes' }]],
    ['1:02:03', [{ base: 'sent', afterMs: 93_780_000, unit: 'minutes' }]],
    [900_000, [{ base: 'sent', afterMs: 900_000, unit: 'milliseconds' }, seconds(900_000)]],
    ['450000', [{ base: 'sent', afterMs: 450_000, unit: 'milliseconds' }, seconds(450_000)]],
    [1_800_000, [{ base: 'sent', afterMs: 1_800_000, unit: 'milliseconds' }, seconds(1_800_000)]],
    [1_800_001, [seconds(1_800_001)]],
    [449_999, [seconds(449_999)]],
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
    ['0:24:00', 'is in a form that is not known'],
  ];
  for (const [value, why] of unusable) {
    test(`${typeof value === 'number' ? String(value) : JSON.stringify(value)} ${why}`, () => {
      assert.deepEqual(parseExpiry(value, 900), { state: 'unusable', why });
    });
  }

  test('whatever it is, it is parsed without an exception and never quoted', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), fc.double()), (value) => {
        const parsed = parseExpiry(value, 900);
        if (parsed.state === 'unusable') assert.match(parsed.why, /^(is|was) [a-z0-9 ]+$/);
      }),
    );
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
