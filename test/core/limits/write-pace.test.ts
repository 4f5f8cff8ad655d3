import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WritePace } from '../../../src/core/limits/write-pace.ts';
import { fc } from '../../support/property.ts';

const CALLS_PER_WRITE = 2;

/** Times at which writes that were wanted so long after each other are let through. */
function letThrough(perSecond: number, gapsMs: readonly number[]): readonly number[] {
  const pace = new WritePace(perSecond, CALLS_PER_WRITE, 0);
  let nowMs = 0;
  return gapsMs.map((gapMs) => {
    nowMs += gapMs;
    nowMs += pace.waitMs(nowMs);
    assert.equal(pace.waitMs(nowMs), 0, 'the wait was long enough');
    pace.take();
    return nowMs;
  });
}

describe('the bucket of permits', () => {
  it('lets no more calls through in any second than the rate, however they come', () => {
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 300 }), gaps, (perSecond, gapsMs) => {
        const timesMs = letThrough(perSecond, gapsMs);
        for (const [index, fromMs] of timesMs.entries()) {
          const calls = timesMs.slice(index).filter((atMs) => atMs - fromMs <= 1000).length * CALLS_PER_WRITE;
          assert.ok(calls <= perSecond, `${calls} calls in the second from ${fromMs} ms on, at ${perSecond}`);
        }
      }),
    );
  });

  it('lets nearly as many through when writes never stop', () => {
    const timesMs = letThrough(
      40,
      Array.from({ length: 1000 }, () => 0),
    );
    const perSecond = (timesMs.length * CALLS_PER_WRITE * 1000) / (timesMs.at(-1) ?? Number.NaN);
    assert.ok(perSecond > 35, `${perSecond} calls a second`);
  });

  it('still lets one write after the other through at a rate below one write a second', () => {
    const timesMs = letThrough(0.4, [0, 0, 0]);
    assert.deepEqual(timesMs, [0, 10_000, 20_000]);
  });
});

describe('the rate of writes', () => {
  it('stays between a tenth of its limit and the limit, and falls only by throttling', () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 40_000 }), isThrottled: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 1000 }), steps, (limit, all) => {
        const rate = new WritePace(limit, CALLS_PER_WRITE, 0);
        let nowMs = 0;
        let formerPerSecond = limit;
        for (const { waitMs, isThrottled } of all) {
          nowMs += waitMs;
          const before = rate.callsPerSecond(nowMs);
          assert.ok(before >= formerPerSecond - 1e-9, 'left alone it never falls');
          if (isThrottled) rate.slowDown(nowMs);
          formerPerSecond = rate.callsPerSecond(nowMs);
          assert.ok(formerPerSecond <= limit && formerPerSecond >= limit / 10 - 1e-9);
          assert.ok(formerPerSecond >= before / 2 - 1e-9, 'never less than half at once');
        }
        assert.equal(rate.callsPerSecond(nowMs + 30_000), limit, 'back within 30 s');
      }),
    );
  });

  it('is halved once for all writes that were in flight together, and again when that was not enough', () => {
    const rate = new WritePace(40, CALLS_PER_WRITE, 0);
    rate.slowDown(1000);
    assert.equal(rate.callsPerSecond(1000), 20);
    const atMs = [1000, 1999, 2000];
    const before = atMs.map((each) => rate.callsPerSecond(each));
    rate.slowDown(1999);
    assert.deepEqual(
      atMs.map((each) => rate.callsPerSecond(each)),
      before,
    );
    rate.slowDown(2000);
    assert.ok(rate.callsPerSecond(2000) < 11);
  });

  it('recovers by the same step each second', () => {
    const rate = new WritePace(30, CALLS_PER_WRITE, 0);
    rate.slowDown(0);
    const rates = [0, 1000, 2000, 3000].map((atMs) => rate.callsPerSecond(atMs));
    assert.deepEqual(rates, [15, 16, 17, 18]);
  });
});
