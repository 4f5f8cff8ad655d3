import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LEASE_TIMING, findLeaseTimingProblems } from '../../src/core/lease-timing.ts';
import { parseDuration } from '../../src/core/wire/duration.ts';
import { fc } from '../support/property.ts';

describe('findLeaseTimingProblems', () => {
  it('finds nothing wrong with the defaults', () => {
    assert.deepEqual(findLeaseTimingProblems(DEFAULT_LEASE_TIMING), []);
  });

  const WINDOW =
    'more than 1.2 x retryPeriod (2s400ms): one lost answer must not end a term; and less than leaseDuration (15s): the ' +
    'leader must stop before another may lead';

  for (const { name, changes, problems } of [
    { name: 'a deadline just below the duration', changes: { renewDeadlineMs: 14_999 }, problems: [] },
    {
      name: 'a deadline as long as the duration',
      changes: { renewDeadlineMs: 15_000 },
      problems: [['renewDeadline', WINDOW]],
    },
    { name: 'a deadline just above 1.2 periods', changes: { renewDeadlineMs: 2_401 }, problems: [] },
    {
      name: 'a deadline of 1.2 periods',
      changes: { renewDeadlineMs: 2_400 },
      problems: [['renewDeadline', WINDOW]],
    },
    {
      name: 'a duration that the wire cannot say',
      changes: { leaseDurationMs: 15_500 },
      problems: [['leaseDuration', 'whole seconds, from 11s to 1h']],
    },
    {
      name: 'a duration that nobody waits for',
      changes: { leaseDurationMs: 3_601_000 },
      problems: [['leaseDuration', 'whole seconds, from 11s to 1h']],
    },
    {
      name: 'no pause between attempts',
      changes: { retryPeriodMs: 0 },
      problems: [
        ['retryPeriod', 'at least 100ms, at most 8s333ms: renewDeadline must be more than 1.2 x retryPeriod'],
      ],
    },
    {
      name: 'a period that leaves no room for a deadline',
      changes: { leaseDurationMs: 2000, renewDeadlineMs: 1000 },
      problems: [
        ['retryPeriod', 'at least 100ms, at most 833ms: renewDeadline must be more than 1.2 x retryPeriod'],
      ],
    },
    {
      name: 'a duration below a good deadline',
      changes: { leaseDurationMs: 2000 },
      problems: [['leaseDuration', 'at least 11s, which is more than renewDeadline']],
    },
    {
      name: 'several at once',
      changes: { leaseDurationMs: 0, renewDeadlineMs: 0, retryPeriodMs: 99 },
      problems: [
        ['leaseDuration', 'whole seconds, from 1s to 1h'],
        ['retryPeriod', 'at least 100ms'],
        [
          'renewDeadline',
          'more than 1.2 x retryPeriod (120ms): one lost answer must not end a term; and less than leaseDuration (1h): ' +
            'the leader must stop before another may lead',
        ],
      ],
    },
  ]) {
    it(`${problems.length === 0 ? 'accepts' : 'refuses'} ${name}`, () => {
      const found = findLeaseTimingProblems({ ...DEFAULT_LEASE_TIMING, ...changes });
      assert.deepEqual(
        found.map(({ field, allowed }) => [field, allowed]),
        problems,
      );
    });
  }

  it('proposes values that work when all of them are followed', () => {
    const timeMs = fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 3_700_000 }));
    const timing = fc.record({ leaseDurationMs: timeMs, renewDeadlineMs: timeMs, retryPeriodMs: timeMs });
    fc.assert(
      fc.property(timing, (wrong) => {
        const problems = findLeaseTimingProblems(wrong);
        const followed = { ...wrong };
        for (const { field, allowed } of problems) {
          const limits = [...allowed.matchAll(/\b\d+(?:h|m|s|ms)[\dhms]*/g)].map(([text]) => {
            const parsed = parseDuration(text);
            assert.ok(parsed.ok);
            return parsed.durationMs;
          });
          const [least = 0, most = least] = limits;
          if (field === 'renewDeadline') followed.renewDeadlineMs = least + 1;
          if (field === 'leaseDuration') followed.leaseDurationMs = least;
          if (field === 'retryPeriod') followed.retryPeriodMs = most;
        }
        // A duration that was wrong by itself is the first to be followed: the deadline then has to stay below it.
        const isRepaired = problems.some(({ field }) => field === 'leaseDuration');
        const mended =
          isRepaired && problems.length > 1 ? { ...followed, leaseDurationMs: 3_600_000 } : followed;
        assert.deepEqual(findLeaseTimingProblems(mended), [], JSON.stringify({ wrong, mended, problems }));
      }),
      { numRuns: 1000 },
    );
  });
});
