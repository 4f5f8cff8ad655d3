import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decideSlowerRate, fullWriteRate, writeRateAt } from '../../../src/core/limits/write-rate.ts';

describe('the rate of writes', () => {
  it('stays between a tenth of its limit and the limit, and falls only by throttling', () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 40_000 }), isThrottled: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 1000 }), steps, (limit, all) => {
        let rate = fullWriteRate(limit);
        let nowMs = 0;
        let formerPerSecond = limit;
        for (const { waitMs, isThrottled } of all) {
          nowMs += waitMs;
          const before = writeRateAt(rate, nowMs);
          assert.ok(before >= formerPerSecond - 1e-9, 'left alone it never falls');
          if (isThrottled) rate = decideSlowerRate(rate, nowMs);
          formerPerSecond = writeRateAt(rate, nowMs);
          assert.ok(formerPerSecond <= limit && formerPerSecond >= limit / 10 - 1e-9);
          assert.ok(formerPerSecond >= before / 2 - 1e-9, 'never less than half at once');
        }
        assert.equal(writeRateAt(rate, nowMs + 30_000), limit, 'back within 30 s');
      }),
    );
  });

  it('is halved once for all writes that were in flight together, and again when that was not enough', () => {
    const halved = decideSlowerRate(fullWriteRate(40), 1000);
    assert.equal(writeRateAt(halved, 1000), 20);
    assert.equal(decideSlowerRate(halved, 1999), halved);
    const quartered = decideSlowerRate(halved, 2000);
    assert.ok(writeRateAt(quartered, 2000) < 11);
  });

  it('recovers by the same step each second', () => {
    const halved = decideSlowerRate(fullWriteRate(30), 0);
    const rates = [0, 1000, 2000, 3000].map((atMs) => writeRateAt(halved, atMs));
    assert.deepEqual(rates, [15, 16, 17, 18]);
  });
});
