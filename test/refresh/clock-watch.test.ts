import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { watchClock } from '../../src/refresh/clock-watch.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

interface WatchedClock {
  readonly clock: FakeClock;
  readonly jumps: number[];
  readonly stop: () => Promise<void>;
}

function startWatch(): WatchedClock {
  const clock = new FakeClock();
  const jumps: number[] = [];
  const watching = new AbortController();
  const watch = watchClock(clock, watching.signal, (byMs) => jumps.push(byMs));
  return {
    clock,
    jumps,
    stop: () => {
      watching.abort(new Error('the program stops'));
      return watch;
    },
  };
}

describe('watchClock', () => {
  for (const byMs of [HOUR_MS, -HOUR_MS, 2001, -2001]) {
    it(`Wrong clocks are seen: reports a jump by ${byMs} ms within five seconds, once`, async () => {
      const { clock, jumps, stop } = startWatch();
      await clock.advance(60_000);
      clock.jumpWallTime(byMs);
      await clock.advance(5000);
      assert.deepEqual(jumps, [byMs]);
      await clock.advance(60_000);
      assert.deepEqual(jumps, [byMs]);
      await stop();
    });
  }

  it('is silent about a clock that is slewed and about time that goes by', async () => {
    const { clock, jumps, stop } = startWatch();
    for (let step = 0; step < 20; step += 1) {
      clock.jumpWallTime(300);
      await clock.advance(5000);
    }
    await clock.advance(HOUR_MS);
    assert.deepEqual(jumps, []);
    await stop();
  });

  it('Quick to stop: ends with its signal and leaves no sleeper behind', async () => {
    const { clock, stop } = startWatch();
    await settle();
    await stop();
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});
