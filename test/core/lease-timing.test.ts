import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LEASE_TIMING, findLeaseTimingProblems } from '../../src/core/lease-timing.ts';

describe('findLeaseTimingProblems', () => {
  it('finds nothing wrong with the defaults', () => {
    assert.deepEqual(findLeaseTimingProblems(DEFAULT_LEASE_TIMING), []);
  });

  for (const { name, changes, problems } of [
    { name: 'a deadline just below the duration', changes: { renewDeadlineMs: 14_999 }, problems: [] },
    {
      name: 'a deadline as long as the duration',
      changes: { renewDeadlineMs: 15_000 },
      problems: [
        ['renewDeadline', 'less than leaseDuration (15s): the leader must stop before another may lead'],
      ],
    },
    { name: 'a deadline just above 1.2 periods', changes: { renewDeadlineMs: 2_401 }, problems: [] },
    {
      name: 'a deadline of 1.2 periods',
      changes: { renewDeadlineMs: 2_400 },
      problems: [
        ['renewDeadline', 'more than 1.2 x retryPeriod (2s400ms): one lost answer must not end a term'],
      ],
    },
    {
      name: 'a duration that the wire cannot say',
      changes: { leaseDurationMs: 15_500 },
      problems: [['leaseDuration', 'whole seconds, from 1s to 1h']],
    },
    {
      name: 'a duration that nobody waits for',
      changes: { leaseDurationMs: 3_601_000 },
      problems: [['leaseDuration', 'whole seconds, from 1s to 1h']],
    },
    {
      name: 'no pause between attempts',
      changes: { retryPeriodMs: 0 },
      problems: [['retryPeriod', 'at least 100ms']],
    },
    {
      name: 'several at once',
      changes: { leaseDurationMs: 0, renewDeadlineMs: 0, retryPeriodMs: 99 },
      problems: [
        ['leaseDuration', 'whole seconds, from 1s to 1h'],
        ['retryPeriod', 'at least 100ms'],
        ['renewDeadline', 'less than leaseDuration (0s): the leader must stop before another may lead'],
        ['renewDeadline', 'more than 1.2 x retryPeriod (119ms): one lost answer must not end a term'],
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
});
