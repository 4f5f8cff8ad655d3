import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type BenchScale, TINY_SCALE } from './bench-scale.ts';
import { buildProgram } from './built-program.ts';
import { measureConnectionFlood } from './connection-flood.ts';
import { type Figure, isMet } from './figure.ts';
import { formatReport } from './figure-report.ts';
import { formatFigures } from './figure-table.ts';
import { measureIdleCost } from './idle-cost.ts';
import { measureRefreshCost } from './refresh-cost.ts';
import { measureStartTime } from './start-time.ts';
import { medianAndNoise, percentile } from './statistics.ts';
import { measureTimeLapse } from './time-lapse.ts';
import { measureTokenMemory } from './token-memory.ts';
import { measureVirtualLateness } from './virtual-lateness.ts';

const FIGURES: readonly Figure[] = [
  { metric: 'a ratio', value: 1.2345, unit: 'x', noise: { min: 1, max: 2 }, target: 1.15, note: 'why' },
  { metric: 'a count', value: 10_000, unit: 'calls', target: 10_000 },
  { metric: 'an explanation', value: 0.5, unit: 'ms' },
];

describe('what the bench says', () => {
  it('judges a figure by its target, the target itself included', () => {
    assert.deepEqual(FIGURES.map(isMet), [false, true, undefined]);
  });

  it('is a table with a row for each figure and its note below', () => {
    assert.deepEqual(formatFigures(FIGURES).split('\n'), [
      '| metric         | figure       | noise  | target    | met |',
      '| -------------- | ------------ | ------ | --------- | --- |',
      '| a ratio [1]    | 1.23 x       | 1 .. 2 | <= 1.15   | NO  |',
      '| a count        | 10,000 calls |        | <= 10,000 | yes |',
      '| an explanation | 0.5 ms       |        |           |     |',
      '',
      '[1] why',
      '',
    ]);
  });

  it('is JSON with every figure and its judgement', () => {
    const run = {
      scale: 'quick',
      at: '2026-11-21T12:00:00.000Z',
      node: '26.9.0',
      cores: 2,
      cpu: 'a cpu',
    } as const;
    const report: unknown = JSON.parse(formatReport(FIGURES.slice(1, 2), run));
    assert.deepEqual(report, { run, figures: [{ ...FIGURES[1], isMet: true }] });
  });

  it('is the median of what was measured, and the ends', () => {
    assert.deepEqual(medianAndNoise([3, 1, 2]), { value: 2, noise: { min: 1, max: 3 } });
    assert.equal(percentile([4, 3, 2, 1], 99), 4);
    assert.throws(() => percentile([], 50), /nothing was measured/);
  });
});

/** Figures that are counts, and so the same on every machine; of all others only that they are there. */
const COUNTS: readonly (readonly [
  (scale: BenchScale) => Promise<readonly Figure[]>,
  number,
  Record<string, number>,
])[] = [
  [measureRefreshCost, 5, {}],
  [measureTokenMemory, 8, { 'Restore of 4: provider requests': 0 }],
  [measureIdleCost, 1, {}],
  [measureStartTime, 2, {}],
  [
    measureTimeLapse,
    7,
    { 'Provider requests per refresh': 1, 'Store writes per refresh, label move included': 2 },
  ],
  [measureConnectionFlood, 20, {}],
  [measureVirtualLateness, 10, {}],
];

/** Seconds each on idle cores; tests and hooks do not take over the limit of their suite. */
const LIMIT_MS = 600_000;

describe('the pieces of the bench at tiny size', { timeout: LIMIT_MS, concurrency: 3 }, () => {
  before(buildProgram, { timeout: LIMIT_MS });

  for (const [measure, count, expected] of COUNTS) {
    it(`${measure.name} yields its figures`, { timeout: LIMIT_MS }, async () => {
      const figures = await measure(TINY_SCALE);
      assert.equal(figures.length, count);
      for (const { metric, value } of figures) assert.ok(Number.isFinite(value), metric);
      for (const [metric, value] of Object.entries(expected)) {
        assert.equal(figures.find((figure) => figure.metric === metric)?.value, value, metric);
      }
    });
  }
});
