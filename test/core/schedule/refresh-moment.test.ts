import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decideRefreshAt,
  decideRestoredRefreshAt,
  decideTolerableCadence,
  isDueAtTick,
  TICK_PERIODS_MS,
} from '../../../src/core/schedule/cadence.ts';
import { fc } from '../../support/property.ts';

const ISSUED_AT_MS = Date.UTC(2026, 10, 21, 12);
const NO_WISHES = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };
const lifetimesMs = fc.integer({ min: 30, max: 90 * 86_400 }).map((seconds) => seconds * 1000);

describe('isDueAtTick', () => {
  it('says so from exactly one tick on, the one nearest to the refresh time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TICK_PERIODS_MS),
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.nat(),
        (tickMs, dueAtMs, seed) => {
          const phaseMs = seed % tickMs;
          const ticks = Array.from(
            { length: 5 },
            (_, index) => (Math.floor(dueAtMs / tickMs) - 2 + index) * tickMs + phaseMs,
          );
          const first = ticks.find((atMs) => isDueAtTick(dueAtMs - atMs, tickMs));
          const distances = ticks.map((atMs) => Math.abs(dueAtMs - atMs));
          assert.equal(Math.abs(dueAtMs - (first ?? Number.NaN)), Math.min(...distances));
          assert.ok(
            ticks.every((atMs) => isDueAtTick(dueAtMs - atMs, tickMs) === atMs >= (first ?? Number.NaN)),
          );
        },
      ),
    );
  });

  it('says so for a token that is overdue or not there', () => {
    assert.ok(isDueAtTick(-1, 1000));
    assert.ok(isDueAtTick(Number.NEGATIVE_INFINITY, 1000));
  });
});

describe('decideRefreshAt', () => {
  it('is a margin before the expiry', () => {
    const cadence = decideTolerableCadence(900_000, NO_WISHES);
    assert.equal(Math.round(decideRefreshAt(ISSUED_AT_MS + 900_000, cadence, 0)), ISSUED_AT_MS + 840_000);
    assert.equal(
      Math.round(decideRefreshAt(ISSUED_AT_MS + 900_000, cadence, 100_000)),
      ISSUED_AT_MS + 740_000,
    );
  });

  it('is never later than a margin before the expiry and never before half the cadence, whatever the offset', () => {
    fc.assert(
      fc.property(lifetimesMs, fc.nat({ max: 90 * 86_400_000 }), (lifetimeMs, offsetMs) => {
        const cadence = decideTolerableCadence(lifetimeMs, NO_WISHES);
        const expiresAtMs = ISSUED_AT_MS + lifetimeMs;
        const refreshAtMs = decideRefreshAt(expiresAtMs, cadence, offsetMs);
        assert.ok(refreshAtMs <= expiresAtMs - cadence.marginMs);
        assert.ok(refreshAtMs >= expiresAtMs - cadence.marginMs - cadence.refreshEveryMs / 2);
      }),
    );
  });

  it('keeps offsets apart that were drawn for a longer life', () => {
    const cadence = decideTolerableCadence(300_000, NO_WISHES);
    const drawnFor15Minutes = Array.from({ length: 420 }, (_, index) => index * 1000);
    const planned = drawnFor15Minutes.map((offsetMs) =>
      Math.floor(decideRefreshAt(ISSUED_AT_MS + 300_000, cadence, offsetMs) / 1000),
    );
    const perSecond = Map.groupBy(planned, (second) => second);
    assert.ok([...perSecond.values()].every((tokens) => tokens.length <= 4));
  });
});

describe('decideRestoredRefreshAt', () => {
  const cadence = decideTolerableCadence(900_000, NO_WISHES);
  const restore = (plannedAfterMs: number): number =>
    Math.round(
      decideRestoredRefreshAt(
        {
          issuedAtMs: ISSUED_AT_MS,
          expiresAtMs: ISSUED_AT_MS + 900_000,
          refreshAtMs: ISSUED_AT_MS + plannedAfterMs,
        },
        cadence,
      ) - ISSUED_AT_MS,
    );

  for (const { title, plannedAfterMs, afterMs } of [
    { title: 'as planned', plannedAfterMs: 840_000, afterMs: 840_000 },
    {
      title: 'as planned when the plan was early, so that a restart keeps the spread',
      plannedAfterMs: 500_000,
      afterMs: 500_000,
    },
    {
      title: 'earlier than planned when the settings now ask for it',
      plannedAfterMs: 890_000,
      afterMs: 840_000,
    },
    {
      title: 'a margin before the end when the plan lies beyond it',
      plannedAfterMs: 5_000_000,
      afterMs: 840_000,
    },
    {
      title: 'a margin before the end when the plan was much too early',
      plannedAfterMs: 1000,
      afterMs: 840_000,
    },
    {
      title: 'a margin before the end when the plan lies before the token',
      plannedAfterMs: -1,
      afterMs: 840_000,
    },
  ]) {
    it(`is ${title}`, () => {
      assert.equal(restore(plannedAfterMs), afterMs);
    });
  }

  it('is never later than a margin before the expiry and never before half the cadence', () => {
    fc.assert(
      fc.property(lifetimesMs, fc.integer({ min: -1e9, max: 1e10 }), (lifetimeMs, plannedAfterMs) => {
        const expiresAtMs = ISSUED_AT_MS + lifetimeMs;
        const own = decideTolerableCadence(lifetimeMs, NO_WISHES);
        const refreshAtMs = decideRestoredRefreshAt(
          { issuedAtMs: ISSUED_AT_MS, expiresAtMs, refreshAtMs: ISSUED_AT_MS + plannedAfterMs },
          own,
        );
        assert.ok(refreshAtMs <= expiresAtMs - own.marginMs);
        assert.ok(refreshAtMs >= expiresAtMs - own.marginMs - own.refreshEveryMs / 2);
      }),
    );
  });
});
