import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure, FailureCode, Retry } from '../../../src/core/failure.ts';
import {
  boundRetryAfter,
  decideHumanWait,
  decideWait,
  NEEDS_HUMAN_MS,
} from '../../../src/core/schedule/backoff.ts';
import { fc } from '../../support/property.ts';
import { buildFailure } from '../../support/sample-events.ts';

const MINUTE_MS = 60_000;

interface Case {
  readonly title: string;
  readonly retry: Retry;
  readonly code?: FailureCode;
  readonly soonAttempt?: number;
  readonly attempt: number;
  readonly remainingMs?: number;
  readonly retryAfterMs?: number;
  readonly draw: number;
  readonly waitMs: number;
}

const cases: readonly Case[] = [
  {
    title: 'half a second for the middle of the first second',
    retry: 'backoff',
    attempt: 1,
    draw: 0.5,
    waitMs: 500,
  },
  { title: 'a window that doubles', retry: 'backoff', attempt: 2, draw: 0.5, waitMs: 1000 },
  { title: 'a window that doubles again', retry: 'backoff', attempt: 4, draw: 0.5, waitMs: 4000 },
  { title: 'a window of at most 60 s', retry: 'backoff', attempt: 7, draw: 0.999, waitMs: 59_940 },
  {
    title: 'the same after a million attempts',
    retry: 'backoff',
    attempt: 1_000_000,
    draw: 0.999,
    waitMs: 59_940,
  },
  { title: 'never zero, whatever is drawn', retry: 'backoff', attempt: 5, draw: 0, waitMs: 250 },
  {
    title: 'a quarter of the life that is left',
    retry: 'backoff',
    attempt: 7,
    remainingMs: 40_000,
    draw: 0.5,
    waitMs: 5000,
  },
  {
    title: 'never zero at the very end of the life',
    retry: 'backoff',
    attempt: 7,
    remainingMs: 4,
    draw: 0.9,
    waitMs: 250,
  },
  {
    title: '60 s once the token has expired',
    retry: 'backoff',
    attempt: 1,
    remainingMs: 0,
    draw: 0.1,
    waitMs: MINUTE_MS,
  },
  {
    title: '60 s long after that',
    retry: 'backoff',
    attempt: 90,
    remainingMs: -5_000_000,
    draw: 0.1,
    waitMs: MINUTE_MS,
  },
  { title: 'up to one second, soon', retry: 'soon', attempt: 1, draw: 0.5, waitMs: 500 },
  { title: 'no longer, soon, the second time', retry: 'soon', attempt: 2, draw: 0.5, waitMs: 500 },
  { title: 'as every back-off, soon, the third time', retry: 'soon', attempt: 3, draw: 0.5, waitMs: 2000 },
  { title: 'up to 60 s, soon, after many attempts', retry: 'soon', attempt: 50, draw: 0.999, waitMs: 59_940 },
  {
    title: 'up to one second, soon, although much else has failed before',
    retry: 'soon',
    attempt: 9,
    soonAttempt: 1,
    draw: 0.5,
    waitMs: 500,
  },
  {
    title: 'no 60 s, soon, after expiry',
    retry: 'soon',
    attempt: 1,
    remainingMs: -1,
    draw: 0.5,
    waitMs: 500,
  },
  {
    title: '60 s after expiry, soon for the third time',
    retry: 'soon',
    attempt: 3,
    remainingMs: -1,
    draw: 0.5,
    waitMs: MINUTE_MS,
  },
  {
    title: 'half a second for the first write of a fetched token after expiry',
    code: 'store-unavailable',
    retry: 'backoff',
    attempt: 1,
    remainingMs: -1,
    draw: 0.5,
    waitMs: 500,
  },
  {
    title: 'at most 60 s for the next writes',
    code: 'store-unavailable',
    retry: 'backoff',
    attempt: 12,
    remainingMs: -1,
    draw: 0.5,
    waitMs: 30_000,
  },
  { title: '15 min for a human', retry: 'needs-human', attempt: 1, draw: 0, waitMs: 15 * MINUTE_MS },
  {
    title: '15 min for a human, little life left or not',
    retry: 'needs-human',
    attempt: 1,
    remainingMs: 1000,
    draw: 0.5,
    waitMs: 15 * MINUTE_MS,
  },
  {
    title: '15 min for a human, after expiry too',
    retry: 'needs-human',
    attempt: 3,
    remainingMs: -1,
    draw: 0.5,
    waitMs: 15 * MINUTE_MS,
  },
  {
    title: 'Retry-After when it is longer',
    retry: 'backoff',
    attempt: 1,
    retryAfterMs: 90_000,
    draw: 0.5,
    waitMs: 90_000,
  },
  {
    title: 'its own wait when Retry-After is shorter',
    retry: 'backoff',
    attempt: 4,
    retryAfterMs: 2000,
    draw: 0.5,
    waitMs: 4000,
  },
  {
    title: 'Retry-After beyond the life that is left',
    retry: 'backoff',
    attempt: 1,
    remainingMs: 1000,
    retryAfterMs: 120_000,
    draw: 0.5,
    waitMs: 120_000,
  },
  {
    title: 'Retry-After beyond the patience for a human',
    retry: 'needs-human',
    attempt: 1,
    retryAfterMs: 3_600_000,
    draw: 0.5,
    waitMs: 3_600_000,
  },
];

describe('decideWait', () => {
  for (const { title, code, retry, attempt, soonAttempt, remainingMs, retryAfterMs, draw, waitMs } of cases) {
    it(`waits ${title}`, () => {
      const failure = buildFailure({
        retry,
        ...(code === undefined ? {} : { code }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
      const soon = soonAttempt === undefined ? {} : { soonAttempt };
      assert.equal(decideWait({ failure, attempt, remainingMs, ...soon }, draw), waitMs);
    });
  }

  it('Nobody is locked out: never waits zero, never less than Retry-After, never longer than the rule allows', () => {
    const failures: fc.Arbitrary<Failure> = fc
      .record({
        retry: fc.constantFrom<Retry>('soon', 'backoff', 'needs-human'),
        retryAfterMs: fc.option(fc.integer({ min: 1, max: 86_400_000 }), { nil: undefined }),
      })
      .map(({ retry, retryAfterMs }) =>
        buildFailure({ retry, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
      );
    fc.assert(
      fc.property(
        failures,
        fc.integer({ min: 1, max: 5000 }),
        fc.option(fc.integer({ min: -1e9, max: 1e10 }), { nil: undefined }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failure, attempt, remainingMs, draw) => {
          const waitMs = decideWait({ failure, attempt, remainingMs }, draw);
          const isLive = remainingMs !== undefined && remainingMs > 0;
          const capMs =
            failure.retry === 'needs-human'
              ? NEEDS_HUMAN_MS
              : Math.max(250, Math.min(MINUTE_MS, isLive ? remainingMs / 4 : MINUTE_MS));
          assert.ok(waitMs >= 250);
          assert.ok(waitMs >= (failure.retryAfterMs ?? 0));
          assert.ok(
            waitMs <= Math.max(Math.ceil(capMs), failure.retryAfterMs ?? 0),
            `${waitMs} over ${capMs}`,
          );
          if (failure.retry === 'needs-human') assert.ok(waitMs >= NEEDS_HUMAN_MS);
        },
      ),
    );
  });

  for (const [roomInMs, waitMs] of [
    [undefined, MINUTE_MS],
    [5000, MINUTE_MS],
    [4 * MINUTE_MS, 4 * MINUTE_MS],
    [3 * 60 * MINUTE_MS, 10 * MINUTE_MS],
  ] as const) {
    it(`waits ${waitMs / 1000} s for a store that has room in ${roomInMs} ms, as far as is known`, () => {
      const failure = buildFailure({ code: 'store-quota' });
      assert.equal(decideWait({ failure, attempt: 1, remainingMs: 30_000, roomInMs }, 0.5), waitMs);
      assert.equal(decideWait({ failure, attempt: 9, remainingMs: -1, roomInMs }, 0), waitMs);
    });
  }
});

describe('a Retry-After that readers cannot live with', () => {
  for (const { title, failure, remainingMs, waitMs } of [
    {
      title: 'of a day is cut to five minutes after the expiry',
      failure: {},
      remainingMs: MINUTE_MS,
      waitMs: 6 * MINUTE_MS,
    },
    {
      title: 'is cut to five minutes once the token has expired',
      failure: {},
      remainingMs: -MINUTE_MS,
      waitMs: 5 * MINUTE_MS,
    },
    {
      title: 'is cut to five minutes where there is no token',
      failure: {},
      remainingMs: undefined,
      waitMs: 5 * MINUTE_MS,
    },
    {
      title: 'is obeyed from a rate limit',
      failure: { code: 'rate-limited' as const },
      remainingMs: -1,
      waitMs: 1440 * MINUTE_MS,
    },
  ]) {
    it(title, () => {
      const bound = boundRetryAfter(
        buildFailure({ retryAfterMs: 1440 * MINUTE_MS, ...failure }),
        remainingMs,
      );
      assert.equal(bound.retryAfterMs, waitMs);
    });
  }

  it('is left as it is when it is short', () => {
    const failure = buildFailure({ retryAfterMs: 2 * MINUTE_MS });
    assert.equal(boundRetryAfter(failure, -1), failure);
  });
});

it('Nobody is locked out: rejected credentials are left alone for 15 minutes, those that have worked for 1, 2, 4 and 8 first', () => {
  const rejections = [1, 2, 3, 4, 5, 6, 5000];
  assert.deepEqual(
    rejections.map((count) => decideHumanWait(count, true) / MINUTE_MS),
    [1, 2, 4, 8, 15, 15, 15],
  );
  assert.deepEqual(
    new Set(rejections.map((count) => decideHumanWait(count, false))),
    new Set([NEEDS_HUMAN_MS]),
  );
});
