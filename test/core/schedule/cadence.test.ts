import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CadencePolicy,
  decideCadence,
  decideTolerableCadence,
  explainInfeasible,
  TICK_PERIODS_MS,
} from '../../../src/core/schedule/cadence.ts';
import { fc } from '../../support/property.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const NO_WISHES: CadencePolicy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };

/** 30 s to 90 days, in whole seconds as providers state them; short lives as likely as long ones. */
const lifetimesMs = fc
  .oneof(
    fc.integer({ min: 30, max: 120 }),
    fc.integer({ min: 120, max: 7200 }),
    fc.integer({ min: 7200, max: 90 * 86_400 }),
  )
  .map((seconds) => seconds * SECOND_MS);

const policies: fc.Arbitrary<CadencePolicy> = fc.record({
  refreshAfter: fc.option(
    fc.oneof(
      fc.record({
        kind: fc.constant('fraction' as const),
        fraction: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      }),
      fc.record({
        kind: fc.constant('duration' as const),
        durationMs: fc.integer({ min: 1, max: 180 * 86_400 }).map((s) => s * SECOND_MS),
      }),
    ),
    { nil: undefined },
  ),
  stalenessMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 7200 }).map((s) => s * SECOND_MS),
  ),
  minIntervalMs: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 7200 }).map((s) => s * SECOND_MS),
  ),
});

describe('decideCadence', () => {
  for (const { lifetimeMinutes, everyMinutes, tickSeconds } of [
    { lifetimeMinutes: 15, everyMinutes: 14, tickSeconds: 15 },
    { lifetimeMinutes: 30, everyMinutes: 28, tickSeconds: 30 },
    { lifetimeMinutes: 60, everyMinutes: 56, tickSeconds: 60 },
  ]) {
    it(`refreshes a token of ${lifetimeMinutes} min every ${everyMinutes} min, looking every ${tickSeconds} s`, () => {
      const cadence = decideCadence(lifetimeMinutes * MINUTE_MS, NO_WISHES);
      assert.equal(Math.round(cadence.refreshEveryMs), everyMinutes * MINUTE_MS);
      assert.equal(Math.round(cadence.marginMs), (lifetimeMinutes - everyMinutes) * MINUTE_MS);
      assert.equal(cadence.tickMs, tickSeconds * SECOND_MS);
    });
  }

  it('takes refreshAfter as a fraction of the lifetime', () => {
    const policy: CadencePolicy = { ...NO_WISHES, refreshAfter: { kind: 'fraction', fraction: 0.75 } };
    const cadence = decideCadence(60 * MINUTE_MS, policy);
    assert.deepEqual(
      [cadence.refreshEveryMs, cadence.marginMs, cadence.tickMs],
      [45 * MINUTE_MS, 15 * MINUTE_MS, 3 * MINUTE_MS],
    );
  });

  it('takes refreshAfter as a duration', () => {
    const policy: CadencePolicy = {
      ...NO_WISHES,
      refreshAfter: { kind: 'duration', durationMs: 50 * MINUTE_MS },
    };
    const cadence = decideCadence(60 * MINUTE_MS, policy);
    assert.deepEqual(
      [cadence.refreshEveryMs, cadence.marginMs, cadence.tickMs],
      [50 * MINUTE_MS, 10 * MINUTE_MS, 2 * MINUTE_MS],
    );
  });

  it('leaves a reader its staleness and 30 s to use the token', () => {
    const cadence = decideCadence(15 * MINUTE_MS, { ...NO_WISHES, stalenessMs: 5 * MINUTE_MS });
    assert.equal(cadence.marginMs, 5.5 * MINUTE_MS);
  });

  it('does not shrink the margin for readers that are hardly stale', () => {
    const cadence = decideCadence(60 * MINUTE_MS, { ...NO_WISHES, stalenessMs: SECOND_MS });
    assert.equal(Math.round(cadence.marginMs), 4 * MINUTE_MS);
  });

  it('is feasible for every lifetime when nobody asks for anything', () => {
    fc.assert(
      fc.property(lifetimesMs, (lifetimeMs) => {
        assert.equal(explainInfeasible(decideCadence(lifetimeMs, NO_WISHES), NO_WISHES), undefined);
      }),
    );
  });

  it('ticks with the largest period of cron that is at most a quarter of the margin, or every second', () => {
    fc.assert(
      fc.property(lifetimesMs, policies, (lifetimeMs, policy) => {
        const { stalenessMs } = policy;
        const { marginMs, tickMs } = decideCadence(lifetimeMs, policy);
        const mostMs = stalenessMs > 0 ? Math.min(marginMs / 4, (marginMs - stalenessMs) / 2) : marginMs / 4;
        assert.ok(TICK_PERIODS_MS.includes(tickMs));
        if (tickMs > SECOND_MS) assert.ok(tickMs <= mostMs);
        for (const longer of TICK_PERIODS_MS.filter((period) => period > tickMs)) {
          assert.ok(longer > mostMs, `${longer} ms would do for a margin of ${marginMs} ms`);
        }
      }),
    );
  });

  it('leaves a reader with the oldest copy that it may have a live token, whatever the calls take', () => {
    const callsMs = 10_000 + 2 * 5000;
    fc.assert(
      fc.property(lifetimesMs, policies, (lifetimeMs, policy) => {
        const cadence = decideCadence(lifetimeMs, policy);
        if (policy.stalenessMs === 0 || cadence.tickMs === SECOND_MS) return;
        const leastLeftMs = cadence.marginMs - cadence.tickMs / 2 - callsMs - policy.stalenessMs;
        assert.ok(leastLeftMs > 0, `${leastLeftMs} ms left`);
      }),
    );
  });

  it('has only ticks that divide a minute, an hour or a day', () => {
    for (const period of TICK_PERIODS_MS) {
      const cycle = [MINUTE_MS, 60 * MINUTE_MS, DAY_MS].find((length) => period < length);
      assert.equal((cycle ?? 0) % period, 0, `${period} ms`);
    }
    assert.deepEqual(
      TICK_PERIODS_MS,
      TICK_PERIODS_MS.toSorted((a, b) => a - b),
    );
  });
});

describe('decideTolerableCadence', () => {
  it('is what the settings ask for when that is feasible', () => {
    fc.assert(
      fc.property(lifetimesMs, policies, (lifetimeMs, policy) => {
        const wanted = decideCadence(lifetimeMs, policy);
        fc.pre(explainInfeasible(wanted, policy) === undefined);
        const tolerable = decideTolerableCadence(lifetimeMs, policy);
        assert.ok(Math.abs(tolerable.refreshEveryMs - wanted.refreshEveryMs) < 0.01);
        assert.equal(tolerable.tickMs, wanted.tickMs);
      }),
    );
  });

  it('Fresh: plans a refresh within the life of the token, whatever lifetime a provider hands out', () => {
    fc.assert(
      fc.property(lifetimesMs, policies, (lifetimeMs, policy) => {
        const { refreshEveryMs, marginMs } = decideTolerableCadence(lifetimeMs, policy);
        assert.ok(
          refreshEveryMs >= lifetimeMs / 2 - 0.01,
          'a token that is due at once is fetched without end',
        );
        assert.ok(refreshEveryMs <= lifetimeMs, 'a refresh after the end is an outage');
        if (policy.minIntervalMs < lifetimeMs)
          assert.ok(marginMs > 0, 'nothing forces a refresh at the very end');
      }),
    );
  });

  it('Fresh: forgets a refreshAfter that the provider has made longer than the life of its tokens', () => {
    const policy: CadencePolicy = {
      ...NO_WISHES,
      refreshAfter: { kind: 'duration', durationMs: 14 * MINUTE_MS },
    };
    assert.equal(Math.round(decideTolerableCadence(5 * MINUTE_MS, policy).marginMs), 20 * SECOND_MS);
  });

  it('cuts a margin that is longer than half the life', () => {
    const policy: CadencePolicy = { ...NO_WISHES, stalenessMs: 10 * MINUTE_MS };
    assert.equal(decideTolerableCadence(15 * MINUTE_MS, policy).refreshEveryMs, 7.5 * MINUTE_MS);
  });

  it("Nobody is locked out: stretches the cadence to the provider's minInterval, at most to the end of the life", () => {
    assert.equal(
      decideTolerableCadence(15 * MINUTE_MS, { ...NO_WISHES, minIntervalMs: 14.5 * MINUTE_MS })
        .refreshEveryMs,
      14.5 * MINUTE_MS,
    );
    assert.equal(
      decideTolerableCadence(15 * MINUTE_MS, { ...NO_WISHES, minIntervalMs: 20 * MINUTE_MS }).refreshEveryMs,
      15 * MINUTE_MS,
    );
  });
});

describe('a refresh that a provider refuses before so long before the end', () => {
  for (const lifetimeMs of [600_000, 3_600_000, 7_200_000])
    it(`comes that long before it, whatever the life is: ${lifetimeMs} ms`, () => {
      const policy = {
        refreshAfter: { kind: 'before-end', beforeMs: 299_000 },
        stalenessMs: 0,
        minIntervalMs: 0,
      } as const;
      assert.equal(decideTolerableCadence(lifetimeMs, policy).marginMs, 299_000);
    });
});
