import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask } from 'node-cron';
import { TICK_PERIODS_MS } from '../../../src/core/schedule/cadence.ts';
import { CRON_TIMEZONE, tickExpression } from '../../../src/core/schedule/cron-expression.ts';
import { fc } from '../../support/property.ts';

const DAY_MS = 86_400_000;

/** node-cron's own opinion on when an expression fires. */
function nextRunsMs(expression: string, count: number): readonly number[] {
  const task = createTask(expression, () => undefined, { timezone: CRON_TIMEZONE });
  const runs = task.getNextRuns(count).map((run) => run.getTime());
  void task.destroy();
  return runs;
}

describe('tickExpression', () => {
  it('fires with equal gaps for every period and any name, also over midnight', () => {
    for (const tickMs of TICK_PERIODS_MS) {
      fc.assert(
        fc.property(fc.string({ maxLength: 40 }), (name) => {
          const runs = nextRunsMs(tickExpression(tickMs, name), 5);
          const gaps = runs.slice(1).map((atMs, index) => atMs - (runs[index] ?? Number.NaN));
          assert.deepEqual(gaps, [tickMs, tickMs, tickMs, tickMs]);
        }),
        { numRuns: 6 },
      );
    }
  });

  it('stays on the same phase from one day to the next', () => {
    for (const tickMs of TICK_PERIODS_MS.filter((period) => period >= 3_600_000)) {
      const perDay = DAY_MS / tickMs;
      const runs = nextRunsMs(tickExpression(tickMs, 'pivot'), perDay * 2 + 1);
      assert.deepEqual(new Set(runs.map((atMs) => atMs % tickMs)).size, 1, `${tickMs} ms`);
    }
  });

  it('is the same in every process and version, so that replicas agree', () => {
    assert.deepEqual(
      ['pik', 'pivot', 'apimw', 'paysecurez'].map((name) => tickExpression(15_000, name)),
      ['3-59/15 * * * * *', '14-59/15 * * * * *', '14-59/15 * * * * *', '13-59/15 * * * * *'],
    );
  });

  it('gives different names different phases, so that not everybody calls at :00', () => {
    const phases = new Set(
      Array.from({ length: 60 }, (_, index) => tickExpression(15_000, `provider-${index}`)),
    );
    assert.ok(phases.size >= 12, `${phases.size} phases of 15`);
  });
});
