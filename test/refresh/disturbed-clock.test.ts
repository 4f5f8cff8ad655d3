import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createSchedulerBench, gapsBetween, type SchedulerBench } from '../support/scheduler-bench.ts';
import { termUntil } from '../support/term.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const TICK_MS = 15_000;

let timers: TimerBench;
let bench: SchedulerBench | undefined;

beforeEach(() => {
  timers = fakeTimers();
});

afterEach(async () => {
  await bench?.stop();
  bench = undefined;
  timers.restore();
});

describe('a scheduler whose clock jumps', () => {
  for (const byMs of [HOUR_MS, -HOUR_MS]) {
    for (const afterMinutes of [1, 7, 13.9]) {
      it(`Wrong clocks are seen: by ${byMs / HOUR_MS} h after ${afterMinutes} min misses nothing and storms nothing`, async () => {
        bench = createSchedulerBench(timers.clock);
        bench.start();
        await timers.advance(1);
        timers.watch(5000, bench.assertReadersAreServed);
        await timers.advance(afterMinutes * MINUTE_MS);
        timers.jumpWallTime(byMs);
        await timers.advance(3 * HOUR_MS);
        const gaps = gapsBetween(bench.fetchTimesMs());
        assert.ok(gaps.every((gapMs) => gapMs <= 840_000 + TICK_MS / 2));
        assert.ok(
          gaps.filter((gapMs) => gapMs < 840_000 - TICK_MS / 2).length <= 1,
          'one extra fetch at most',
        );
        assert.deepEqual(bench.scheduler.stalledReasons(), []);
      });
    }
  }

  it('Wrong clocks are seen: there and back again', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 3 });
    bench.start();
    await timers.advance(1);
    timers.watch(5000, bench.assertReadersAreServed);
    for (const byMs of [HOUR_MS, -HOUR_MS, -HOUR_MS, HOUR_MS]) {
      await timers.advance(20 * MINUTE_MS);
      timers.jumpWallTime(byMs);
    }
    await timers.advance(2 * HOUR_MS);
    const usual = Math.ceil((80 * MINUTE_MS + 2 * HOUR_MS) / 840_000);
    assert.ok(bench.fetchTimesMs().length <= 3 * (usual + 4), `${bench.fetchTimesMs().length} fetches`);
  });

  it('Wrong clocks are seen: a schedule of one second tells once of the hour that it skipped', async () => {
    bench = createSchedulerBench(timers.clock, { lifetimeMs: 30_000 });
    bench.start();
    // Between two looks of the watch over the clock, which would otherwise be faster.
    await timers.advance(MINUTE_MS + 2500);
    timers.jumpWallTime(HOUR_MS);
    await timers.advance(MINUTE_MS);
    assert.equal(bench.events.of('tick-missed').length, 1);
    assert.ok(bench.fetchTimesMs().length <= 6);
  });

  it('says that it is stalled when nobody watches the clock', async () => {
    bench = createSchedulerBench(timers.clock);
    bench.scheduler.start(termUntil(new AbortController().signal, new AbortController().signal));
    await timers.advance(MINUTE_MS);
    timers.jumpWallTime(-HOUR_MS);
    await timers.advance(3 * MINUTE_MS);
    assert.match(
      bench.scheduler.stalledReasons().join(),
      /^pivot: no tick for \d+m \d\ds, expected every 15s$/,
    );
  });
});

describe('a scheduler whose event loop is blocked', () => {
  it('Fresh: makes up for the missed tick at once', async () => {
    bench = createSchedulerBench(timers.clock);
    bench.start();
    // Phase 14: the refresh that is due at 840 s belongs to the slot at 839 s.
    await timers.advance(838_000);
    assert.equal(bench.fetchTimesMs().length, 1);
    await timers.blockEventLoop(10_000);
    assert.equal(bench.events.of('tick-missed').length, 1);
    assert.deepEqual(bench.fetchTimesMs(), [0, 848_000]);
  });

  it('Fresh: gets through a block of 10 s in every minute', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 2 });
    bench.start();
    await timers.advance(1);
    timers.watch(5000, bench.assertReadersAreServed);
    for (let minute = 0; minute < 60; minute += 1) {
      await timers.blockEventLoop(10_000);
      await timers.advance(50_000);
    }
    const gaps = gapsBetween(bench.tokens[0]?.source.fetches.map(({ atMonotonicMs }) => atMonotonicMs) ?? []);
    assert.ok(gaps.length >= 4);
    for (const gapMs of gaps) assert.ok(Math.abs(gapMs - 840_000) <= TICK_MS / 2 + 10_000, `${gapMs} ms`);
  });
});
