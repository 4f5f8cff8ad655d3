import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { measureSkew, parseAge } from '../../../src/core/wire/answer-age.ts';

const AT_MS = Date.UTC(2026, 10, 21, 12);
const dateAt = (afterSeconds: number) => new Date(AT_MS + afterSeconds * 1000).toUTCString();

describe('the age of an answer', () => {
  const ages: readonly (readonly [string | undefined, number])[] = [
    [undefined, 0],
    ['0', 0],
    ['600', 600_000],
    [' 600 ', 600_000],
    ['600, 30', 600_000],
    ['-5', 0],
    ['1.5', 0],
    ['ten', 0],
    ['', 0],
    ['99999999999999', 2 ** 31 * 1000],
  ];
  for (const [age, expectedMs] of ages) {
    test(`${JSON.stringify(age) ?? 'no Age'} is ${expectedMs} ms`, () => {
      assert.equal(parseAge(age), expectedMs);
    });
  }
});

describe('the skew of the clocks', () => {
  const cases: readonly (readonly [string, string | undefined, string | undefined, number | undefined])[] = [
    ['is not known without Date', undefined, '600', undefined],
    ['is what Date says', dateAt(-600), undefined, -599_500],
    ['is none when Age explains an old Date', dateAt(-600), '600', 500],
    ['is none when a cache wrote its own Date', dateAt(0), '600', 500],
    ['is what Age leaves', dateAt(-600), '300', -299_500],
  ];
  for (const [what, date, age, expectedMs] of cases) {
    test(what, () => {
      assert.equal(measureSkew({ date, age }, { sentAtMs: AT_MS, receivedAtMs: AT_MS }), expectedMs);
    });
  }
});
