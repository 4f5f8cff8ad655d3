import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask } from 'node-cron';
import { CRON_TIMEZONE, nextFirings, parseCron } from '../../../src/core/schedule/cron-expression.ts';
import { fc } from '../../support/property.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** node-cron's own opinion on when an expression fires. */
function nextRunsMs(expression: string, count: number): readonly number[] {
  const task = createTask(expression, () => undefined, { timezone: CRON_TIMEZONE });
  const runs = task.getNextRuns(count).map((run) => run.getTime());
  void task.destroy();
  return runs;
}

function measure(expression: string): { largestGapMs: number; smallestGapMs: number; firingsPerDay: number } {
  const parsed = parseCron(expression);
  if (!parsed.ok) assert.fail(parsed.problem);
  return { ...parsed.gaps };
}

describe('parseCron', () => {
  for (const { expression, largestGapMs, smallestGapMs, firingsPerDay } of [
    {
      expression: '*/14 * * * *',
      largestGapMs: 14 * MINUTE_MS,
      smallestGapMs: 4 * MINUTE_MS,
      firingsPerDay: 120,
    },
    {
      expression: '*/50 * * * *',
      largestGapMs: 50 * MINUTE_MS,
      smallestGapMs: 10 * MINUTE_MS,
      firingsPerDay: 48,
    },
    {
      expression: '*/12 * * * *',
      largestGapMs: 12 * MINUTE_MS,
      smallestGapMs: 12 * MINUTE_MS,
      firingsPerDay: 120,
    },
    { expression: '*/90 * * * *', largestGapMs: HOUR_MS, smallestGapMs: HOUR_MS, firingsPerDay: 24 },
    {
      expression: '*/20 * * * * *',
      largestGapMs: 20 * SECOND_MS,
      smallestGapMs: 20 * SECOND_MS,
      firingsPerDay: 4320,
    },
    { expression: '30 5 */6 * * *', largestGapMs: 6 * HOUR_MS, smallestGapMs: 6 * HOUR_MS, firingsPerDay: 4 },
    { expression: '0 9-17 * * *', largestGapMs: 16 * HOUR_MS, smallestGapMs: HOUR_MS, firingsPerDay: 9 },
    {
      expression: '*/10 * * * 1-5',
      largestGapMs: 2 * DAY_MS + 10 * MINUTE_MS,
      smallestGapMs: 10 * MINUTE_MS,
      firingsPerDay: 144,
    },
    { expression: '0 3 * * 1', largestGapMs: 7 * DAY_MS, smallestGapMs: 7 * DAY_MS, firingsPerDay: 1 },
    { expression: '0 3 * * 7', largestGapMs: 7 * DAY_MS, smallestGapMs: 7 * DAY_MS, firingsPerDay: 1 },
    { expression: '0 3 * * sun', largestGapMs: 7 * DAY_MS, smallestGapMs: 7 * DAY_MS, firingsPerDay: 1 },
    { expression: '0 0 1 * *', largestGapMs: 31 * DAY_MS, smallestGapMs: 28 * DAY_MS, firingsPerDay: 1 },
    { expression: '0 0 31 * *', largestGapMs: 61 * DAY_MS, smallestGapMs: 31 * DAY_MS, firingsPerDay: 1 },
    { expression: '0 0 29 2 *', largestGapMs: 1461 * DAY_MS, smallestGapMs: 1461 * DAY_MS, firingsPerDay: 1 },
    { expression: '@hourly', largestGapMs: HOUR_MS, smallestGapMs: HOUR_MS, firingsPerDay: 24 },
    {
      expression: '0,0,30 * * * *',
      largestGapMs: 30 * MINUTE_MS,
      smallestGapMs: 30 * MINUTE_MS,
      firingsPerDay: 48,
    },
  ]) {
    it(`measures the gaps of ${expression}`, () => {
      assert.deepEqual(measure(expression), { largestGapMs, smallestGapMs, firingsPerDay });
    });
  }

  it('sees the years between two days of a schedule that fires often on a rare day', () => {
    assert.equal(measure('* * 1 1 1').largestGapMs, (11 * 365 + 3 - 1) * DAY_MS + MINUTE_MS);
    assert.ok(!parseCron('* * 29 2 1').ok, 'a leap day on a Monday comes once in 28 years');
  });

  for (const { expression, problem } of [
    { expression: '0 0 30 2 *', problem: /impossible day of month/ },
    { expression: '61 * * * *', problem: /minute/ },
    { expression: '* * * *', problem: /./ },
    { expression: 'every quarter of an hour', problem: /./ },
    { expression: '', problem: /./ },
    { expression: '0 0 L * *', problem: /days must be plain numbers/ },
    { expression: '0 0 15W * *', problem: /days must be plain numbers/ },
    { expression: '0 0 * * 1#2', problem: /days must be plain numbers/ },
    { expression: '*/0 * * * *', problem: /./ },
  ]) {
    it(`refuses "${expression}"`, () => {
      const parsed = parseCron(expression);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, problem);
    });
  }

  it('agrees with node-cron about the largest and smallest gap', () => {
    const list = (max: number): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min: 1, max: max + 1 }).map((step) => `*/${step}`),
        fc
          .uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 3 })
          .map((values) => values.join()),
      );
    fc.assert(
      fc.property(fc.constantFrom('0', '17', '*/30'), list(59), list(23), (second, minute, hour) => {
        const expression = `${second} ${minute} ${hour} * * *`;
        const { largestGapMs, smallestGapMs, firingsPerDay } = measure(expression);
        fc.pre(firingsPerDay <= 200);
        const runs = nextRunsMs(expression, firingsPerDay + 1);
        const gaps = runs.slice(1).map((atMs, index) => atMs - (runs[index] ?? Number.NaN));
        assert.deepEqual([Math.max(...gaps), Math.min(...gaps)], [largestGapMs, smallestGapMs], expression);
      }),
      { numRuns: 25 },
    );
  });
});

describe('nextFirings', () => {
  for (const expression of ['*/14 * * * *', '*/20 * * * * *', '0 3 * * 1', '0 0 1 * *', '30 5 */6 * * *']) {
    it(`lists what node-cron fires for ${expression}`, () => {
      const expected = nextRunsMs(expression, 6);
      assert.deepEqual(nextFirings(expression, (expected[0] ?? Number.NaN) - 1, 6), expected);
    });
  }

  it('begins after the given moment', () => {
    const noonMs = Date.UTC(2026, 10, 21, 12);
    assert.deepEqual(nextFirings('0 * * * *', noonMs, 2), [noonMs + HOUR_MS, noonMs + 2 * HOUR_MS]);
  });

  it('throws for what parseCron refuses', () => {
    assert.throws(() => nextFirings('never', 0, 1), /not a cron expression/);
  });
});
