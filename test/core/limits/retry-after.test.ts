import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  longestWait,
  MAX_RETRY_AFTER_MS,
  parseRateLimitReset,
  parseRetryAfter,
  parseRetryAfterSeconds,
} from '../../../src/core/limits/retry-after.ts';
import { fc } from '../../support/property.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);

describe('Retry-After', () => {
  const cases: readonly (readonly [string | readonly string[] | undefined, number | undefined])[] = [
    ['60', 60_000],
    [' 60 ', 60_000],
    ['1.5', 1_500],
    ['86400', MAX_RETRY_AFTER_MS],
    ['999999999', MAX_RETRY_AFTER_MS],
    ['Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
    ['Saturday, 21-Nov-26 12:01:00 GMT', 60_000],
    ['Sat Nov 21 12:01:00 2026', 60_000],
    ['Sun Dec  6 12:00:00 2026', MAX_RETRY_AFTER_MS],
    ['Sat, 21 Nov 2026 11:59:00 GMT', undefined],
    ['Sat, 31 Feb 2026 12:01:00 GMT', undefined],
    ['Sat, 21 Xyz 2026 12:01:00 GMT', undefined],
    ['Sat, 21 Nov 2026 25:01:00 GMT', undefined],
    ['2026-11-21T12:01:00Z', undefined],
    ['1795262460', 60_000],
    ['1795262460000', 60_000],
    ['Sat, 21 Nov 2026 19:01:00 +0700', 60_000],
    ['1795262340', undefined],
    ['30, 60', 60_000],
    ['60, 30', 60_000],
    ['60,-5, soon, 0', 60_000],
    ['60.5;', undefined],
    ['5, Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 12:00:30 GMT, 60', 60_000],
    ['Saturday, 21-Nov-26 12:01:00 GMT,Sat, 21 Nov 2026 12:00:30 GMT', 60_000],
    [['30', '60'], 60_000],
    [['5', 'Sat, 21 Nov 2026 12:01:00 GMT', ''], 60_000],
    [[], undefined],
    ['0', undefined],
    ['-60', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [value, waitMs] of cases) {
    test(`${JSON.stringify(value) ?? 'undefined'} asks for ${waitMs ?? 'no'} ms`, () => {
      assert.equal(parseRetryAfter(value, NOW_MS), waitMs);
    });
  }
});

describe('a number of seconds in a body', () => {
  const cases: readonly (readonly [unknown, number | undefined])[] = [
    [60, 60_000],
    ['60', 60_000],
    [0.25, 250],
    [1e9, MAX_RETRY_AFTER_MS],
    [NOW_MS / 1000 + 60, 60_000],
    [0, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [null, undefined],
    [{}, undefined],
  ];
  for (const [value, waitMs] of cases) {
    test(`${String(value)} asks for ${waitMs ?? 'no'} ms`, () => {
      assert.equal(parseRetryAfterSeconds(value, NOW_MS), waitMs);
    });
  }
});

describe('X-RateLimit-Reset', () => {
  const cases: readonly (readonly [unknown, number | undefined])[] = [
    [String(NOW_MS / 1000 + 60), 60_000],
    [NOW_MS / 1000 + 60, 60_000],
    [String(NOW_MS / 1000 - 60), undefined],
    [String(NOW_MS), MAX_RETRY_AFTER_MS],
    ['60', undefined],
    ['garbage', undefined],
    [undefined, undefined],
  ];
  for (const [value, waitMs] of cases) {
    test(`${String(value)} asks for ${waitMs ?? 'no'} ms`, () => {
      assert.equal(parseRateLimitReset(value, NOW_MS), waitMs);
    });
  }
});

test('the longest of several waits counts', () => {
  assert.equal(longestWait(undefined, 5, undefined, 7), 7);
  assert.equal(longestWait(undefined, undefined), undefined);
});

test('whatever is asked for, the wait is more than nothing and at most a day', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.double(), fc.nat().map(String)), (value) => {
      const waits = [
        typeof value === 'string' ? parseRetryAfter(value, NOW_MS) : undefined,
        parseRetryAfterSeconds(value, NOW_MS),
        parseRateLimitReset(value, NOW_MS),
      ];
      for (const waitMs of waits) {
        assert.ok(
          waitMs === undefined || (Number.isInteger(waitMs) && waitMs > 0 && waitMs <= MAX_RETRY_AFTER_MS),
        );
      }
    }),
  );
});
