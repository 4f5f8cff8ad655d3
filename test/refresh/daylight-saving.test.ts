import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { leaveLocalTime } from '../../src/adapters/system/time-zone.ts';
import { createSchedulerBench, gapsBetween } from '../support/scheduler-bench.ts';
import { fakeTimers } from '../support/timer-bench.ts';
import { HOUR_MS } from '../support/token-builder.ts';

const TICK_MS = 15_000;

beforeEach(() => {
  // This file has a process of its own, and node reads the zone anew when it is set.
  process.env['TZ'] = 'America/New_York';
});

for (const { change, atMs, offsetsHours } of [
  { change: 'skips an hour', atMs: Date.UTC(2026, 2, 8, 7), offsetsHours: [5, 4] },
  { change: 'repeats an hour', atMs: Date.UTC(2026, 10, 1, 6), offsetsHours: [4, 5] },
]) {
  describe(`a machine in New York in the night that ${change}`, () => {
    it('is really there', () => {
      assert.deepEqual(
        [atMs - 1, atMs].map((ms) => new Date(ms).getTimezoneOffset() / 60),
        offsetsHours,
      );
    });

    for (const { schedule, setting, longestMs } of [
      { schedule: 'derived', setting: { kind: 'derived' }, longestMs: 847_500 },
      {
        schedule: 'classic',
        setting: { kind: 'classic', expression: '*/10 * * * *', gaps: { largestGapMs: 600_000 } },
        longestMs: 600_000,
      },
    ] as const) {
      it(`Fresh: misses no refresh and makes no extra one on a ${schedule} schedule`, async () => {
        leaveLocalTime();
        const timers = fakeTimers(atMs - 3 * HOUR_MS);
        const bench = createSchedulerBench(timers.clock, { setting });
        try {
          bench.start();
          await timers.advance(1);
          timers.watch(5000, bench.assertReadersAreServed);
          await timers.advance(6 * HOUR_MS);
          const gaps = gapsBetween(bench.fetchTimesMs());
          assert.ok(
            gaps.every((gapMs) => gapMs <= longestMs && gapMs >= longestMs - TICK_MS),
            gaps.join(),
          );
        } finally {
          await bench.stop();
          timers.restore();
        }
      });
    }
  });
}
