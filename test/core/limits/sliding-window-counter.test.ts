import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlidingWindowCounter } from '../../../src/core/limits/sliding-window-counter.ts';
import { fc } from '../../support/property.ts';

const WINDOW_MS = 60_000;

const gaps = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 300 });

function timesOf(gapsMs: readonly number[]): readonly number[] {
  let atMs = 0;
  return gapsMs.map((gapMs) => {
    atMs += gapMs;
    return atMs;
  });
}

describe('SlidingWindowCounter', () => {
  it('counts every call of the window, and none that is more than a sixtieth older', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 120_000 }), (gapsMs, laterMs) => {
        const calls = new SlidingWindowCounter(WINDOW_MS);
        const timesMs = timesOf(gapsMs);
        for (const atMs of timesMs) calls.add(atMs);
        const nowMs = (timesMs.at(-1) ?? 0) + laterMs;
        const within = (windowMs: number): number => timesMs.filter((atMs) => nowMs - atMs < windowMs).length;
        const counted = calls.count(nowMs);
        assert.ok(counted >= within(WINDOW_MS));
        assert.ok(counted <= within(WINDOW_MS + calls.spanMs + 1));
      }),
    );
  });

  it('keeps a bounded number of spans, whatever the number of calls', () => {
    const calls = new SlidingWindowCounter(WINDOW_MS);
    for (let atMs = 0; atMs < 10 * WINDOW_MS; atMs += 7) {
      calls.add(atMs);
      assert.ok(calls.spans(atMs).length <= 62);
    }
  });

  it('says when there is room again', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 50 }), (gapsMs, limit) => {
        const calls = new SlidingWindowCounter(WINDOW_MS);
        const timesMs = timesOf(gapsMs);
        for (const atMs of timesMs) calls.add(atMs);
        const nowMs = timesMs.at(-1) ?? 0;
        const waitMs = calls.roomInMs(limit, nowMs);
        if (waitMs > 0) assert.ok(calls.count(nowMs + waitMs - 1) >= limit, 'not sooner');
        assert.ok(calls.count(nowMs + waitMs) < limit, 'then there is');
      }),
    );
  });

  it('takes back a call that was not made, in the span that it was counted in', () => {
    const calls = new SlidingWindowCounter(WINDOW_MS);
    calls.add(0);
    calls.add(2000);
    calls.takeBack(0);
    assert.deepEqual(
      calls.spans(2000).map(({ calls: count }) => count),
      [0, 1],
    );
  });

  it('goes on from what was restored', () => {
    const calls = new SlidingWindowCounter(WINDOW_MS);
    calls.restore([
      { untilMs: 10_000, calls: 3 },
      { untilMs: -30_000, calls: 2 },
    ]);
    calls.add(5000);
    assert.equal(calls.count(5000), 6);
    assert.equal(calls.count(30_000), 4, 'the older ones have aged out');
  });
});
