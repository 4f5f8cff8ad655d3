import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createSchedulerBench, gapsBetween, type SchedulerBench } from '../support/scheduler-bench.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { MINUTE_MS } from '../support/token-builder.ts';

const TOKENS = 200;
const CYCLE_MS = 840_000;

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

/** Most fetches in any whole minute. */
function busiestMinute(timesMs: readonly number[]): number {
  const minutes = Map.groupBy(timesMs, (atMs) => Math.floor(atMs / MINUTE_MS));
  return Math.max(...[...minutes.values()].map((fetches) => fetches.length));
}

describe('many tokens of one provider', () => {
  it('that were all fetched at the start spread in the first cycle and stay spread', async () => {
    const random = createSeededRandom(7);
    bench = createSchedulerBench(timers.clock, {
      tokenCount: TOKENS,
      offsetMs: () => random.next() * (CYCLE_MS / 2),
    });
    bench.start();
    await timers.advance(MINUTE_MS);
    assert.equal(bench.fetchTimesMs().length, TOKENS, 'all at the start');
    const { assertReadersAreServed } = bench;
    timers.watch(60_000, assertReadersAreServed);
    await timers.advance(4 * CYCLE_MS);
    const later = bench.fetchTimesMs().slice(TOKENS);
    // Evenly over half a cycle of seven minutes these are 29 a minute; all together would be 200.
    assert.ok(busiestMinute(later) <= 50, `${busiestMinute(later)} in one minute`);
    for (const { source } of bench.tokens) {
      const [first, ...others] = gapsBetween(source.fetches.map(({ atMonotonicMs }) => atMonotonicMs));
      assert.ok(
        first !== undefined && first >= CYCLE_MS / 2 - 7500 && first <= CYCLE_MS + 7500,
        'early only',
      );
      assert.ok(others.every((gapMs) => Math.abs(gapMs - CYCLE_MS) <= 7500));
    }
  });

  it('that are due together run earliest expiry first, no more at once than the provider may bear', async () => {
    const before = createSchedulerBench(timers.clock, { tokenCount: 6 });
    const lifeMinutes = [15, 11, 14, 10, 13, 12];
    for (const [index, { source }] of before.tokens.entries())
      source.lifetimeMs = (lifeMinutes[index] ?? 15) * MINUTE_MS;
    before.start();
    await timers.advance(1);
    await before.stop();
    await timers.advance(9.8 * MINUTE_MS);
    // The clock is set on, so that all of them are due and still live.
    bench = createSchedulerBench(timers.clock, {
      tokenCount: 6,
      concurrency: 1,
      store: before.store,
      policy: { refreshAfter: { kind: 'fraction', fraction: 0.6 } },
    });
    for (const { managed, source } of bench.tokens) {
      source.delayMs = 100;
      await managed.restore(new AbortController().signal);
    }
    bench.start();
    await timers.advance(5000);
    const order = bench.events.of('refresh-started').length;
    assert.equal(order, 6);
    const fetched = bench.events.of('token-fetched').map(({ identity }) => identity.customer);
    const byExpiry = [3, 1, 5, 4, 2, 0].map((index) => `customer-${index}`);
    // The first one that comes finds the gate open; from then on the earliest expiry goes first.
    assert.deepEqual(fetched, ['customer-0', ...byExpiry.filter((customer) => customer !== 'customer-0')]);
    assert.deepEqual(new Set(gapsBetween(bench.fetchTimesMs())), new Set([100]));
  });
});
