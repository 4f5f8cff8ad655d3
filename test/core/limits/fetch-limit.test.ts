import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decideFetchLimit,
  decideLimitState,
  formatFetchLimit,
  parseFetchLimit,
  regularCalls,
  spareCalls,
  windowMsOf,
} from '../../../src/core/limits/fetch-limit.ts';

const PER_DAY = { calls: 1000, window: 'day' } as const;

describe('a fetch limit', () => {
  for (const [text, calls, windowMs] of [
    ['1000/day', 1000, 86_400_000],
    ['60/hour', 60, 3_600_000],
    ['1/minute', 1, 60_000],
  ] as const) {
    it(`is read from ${text} and written as that`, () => {
      const limit = parseFetchLimit(text);
      assert.ok(limit !== undefined);
      assert.equal(limit.calls, calls);
      assert.equal(windowMsOf(limit), windowMs);
      assert.equal(formatFetchLimit(limit), text);
    });
  }

  for (const text of [
    '',
    '1000',
    '0/day',
    '-1/day',
    '1e3/day',
    '10/second',
    '10 /day',
    '10/day ',
    '9999999999/day',
  ]) {
    it(`is not read from "${text}"`, () => {
      assert.equal(parseFetchLimit(text), undefined);
    });
  }

  it('expects tokens to come spread in a window that is shorter than their cadence', () => {
    const perMinute = { calls: 100, window: 'minute' } as const;
    assert.equal(regularCalls(1, 840_000, perMinute), 1);
    assert.equal(regularCalls(1000, 840_000, perMinute), 146);
    assert.equal(regularCalls(1000, 100_000, perMinute), 1000, 'never more than all of them');
  });

  it('keeps what all tokens need back from retries', () => {
    // 104.6 cadences are a day and its sixtieth: a token may be refreshed 105 times in it.
    assert.equal(regularCalls(5, 840_000, PER_DAY), 525);
    assert.equal(spareCalls(5, 840_000, PER_DAY), 475);
    assert.equal(spareCalls(50, 840_000, PER_DAY), 0, 'never less than nothing');
  });
});

describe('decideFetchLimit', () => {
  it('is comfortable below 85 % of the limit', () => {
    assert.equal(decideFetchLimit(8, 840_000, PER_DAY).kind, 'comfortable');
  });

  it('notes what leaves little for retries', () => {
    assert.deepEqual(decideFetchLimit(9, 840_000, PER_DAY), {
      kind: 'tight',
      note: '9 tokens refreshed every 14m need up to 945 calls a day of fetchBudget 1000/day: 55 are left for retries and explicit refreshes',
    });
    const exact = decideFetchLimit(1, 60_000, { calls: 62, window: 'hour' });
    assert.match(
      exact.kind === 'tight' ? exact.note : '',
      /need.* 62 calls an hour .*: none is left for retries/,
    );
  });

  it('refuses what needs more, and names the number that works', () => {
    assert.deepEqual(decideFetchLimit(10, 840_000, PER_DAY), {
      kind: 'over',
      problem:
        '10 tokens refreshed every 14m need up to 1050 calls a day, more than fetchBudget 1000/day; a fetchBudget of at least ' +
        '1050/day works, if the provider allows that',
    });
    assert.equal(decideFetchLimit(10, 840_000, { ...PER_DAY, calls: 1050 }).kind, 'tight');
  });
});

describe('decideLimitState', () => {
  for (const [former, used, isRefused, expected] of [
    ['normal', 849, false, 'normal'],
    ['normal', 850, false, 'low'],
    ['low', 800, false, 'low'],
    ['low', 799, false, 'normal'],
    ['low', 1000, false, 'low'],
    ['low', 1000, true, 'exhausted'],
    ['exhausted', 1000, false, 'exhausted'],
    ['exhausted', 850, false, 'exhausted'],
    ['exhausted', 799, false, 'normal'],
  ] as const) {
    it(`is ${expected} after ${former} with ${used} of 1000 calls${isRefused ? ' and one refused' : ''}`, () => {
      assert.equal(decideLimitState(former, used, 1000, isRefused), expected);
    });
  }

  it('does not call a limit of a few calls low each time that it is used', () => {
    assert.equal(decideLimitState('normal', 1, 1, false), 'normal');
    assert.equal(decideLimitState('normal', 5, 5, false), 'normal');
  });
});
