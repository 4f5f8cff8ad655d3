import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CALLS_PER_WRITE,
  fullBucket,
  refillBucket,
  takeWrite,
  waitForWrite,
} from '../../../src/core/limits/write-bucket.ts';

/** Times at which writes that were wanted so long after each other are let through. */
function letThrough(perSecond: number, gapsMs: readonly number[]): readonly number[] {
  let bucket = fullBucket(perSecond, 0);
  let nowMs = 0;
  return gapsMs.map((gapMs) => {
    nowMs += gapMs;
    bucket = refillBucket(bucket, nowMs, perSecond);
    const waitMs = waitForWrite(bucket, perSecond);
    nowMs += waitMs;
    bucket = refillBucket(bucket, nowMs, perSecond);
    assert.equal(waitForWrite(bucket, perSecond), 0, 'the wait was long enough');
    bucket = takeWrite(bucket);
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
