import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDueAtTick } from '../../src/core/schedule/cadence.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  createEvenRandom,
  createManagedTokenBench,
  type ManagedTokenBench,
} from '../support/managed-token-bench.ts';

const HOUR_MS = 3_600_000;
const TICK_MS = 15_000;

/** Refreshes at every tick at which the token is due, as a scheduler does. */
async function runFor(
  durationMs: number,
  clock: FakeClock,
  { managed, term }: ManagedTokenBench,
): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += TICK_MS) {
    if (isDueAtTick(managed.dueInMs(), TICK_MS)) await managed.refresh('due', term);
    await clock.advance(TICK_MS);
  }
}

function gapsOf({ source }: ManagedTokenBench): readonly number[] {
  return source.fetches.slice(1).map(({ atMonotonicMs }, index) => {
    const before = source.fetches[index];
    return atMonotonicMs - (before?.atMonotonicMs ?? Number.NaN);
  });
}

describe('a wall clock that jumps', () => {
  for (const byMs of [HOUR_MS, -HOUR_MS, 420_000, -420_000, -870_000]) {
    for (const afterMs of [15_000, 420_000, 825_000]) {
      it(`Wrong clocks are seen: by ${byMs / 1000} s after ${afterMs / 1000} s costs at most one fetch and stalls nothing`, async () => {
        const clock = new FakeClock();
        const bench = createManagedTokenBench(clock);
        await runFor(afterMs, clock, bench);
        clock.jumpWallTime(byMs);
        await runFor(3 * HOUR_MS, clock, bench);
        const usual = Math.floor((afterMs + 3 * HOUR_MS - TICK_MS) / 840_000) + 1;
        const fetched = bench.source.fetches.length;
        assert.ok(fetched >= usual - 1 && fetched <= usual + 1, `${fetched} fetches instead of ${usual}`);
        for (const gapMs of gapsOf(bench)) assert.ok(gapMs <= 900_000, `no token for a while: ${gapMs} ms`);
        assert.equal(gapsOf(bench).filter((gapMs) => gapMs < 825_000).length <= 1, true, 'no storm');
        assert.ok(bench.store.writesTo(bench.identity.secret) >= fetched - 1);
      });
    }
  }

  it('Wrong clocks are seen: forth and back again costs at most two fetches', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    await runFor(420_000, clock, bench);
    clock.jumpWallTime(HOUR_MS);
    await runFor(60_000, clock, bench);
    clock.jumpWallTime(-HOUR_MS);
    await runFor(3 * HOUR_MS, clock, bench);
    const usual = Math.floor((480_000 + 3 * HOUR_MS - TICK_MS) / 840_000) + 1;
    assert.ok(bench.source.fetches.length <= usual + 2);
    for (const gapMs of gapsOf(bench)) assert.ok(gapMs <= 855_000);
    const published = bench.published();
    assert.ok(
      published !== undefined && published.issuedAtMs <= clock.now(),
      'nothing from the future is left',
    );
  });

  for (const byMs of [HOUR_MS, -HOUR_MS]) {
    it(`Wrong clocks are seen: by ${byMs / 1000} s in the middle of a fetch moves the next refresh by nothing`, async () => {
      const clock = new FakeClock();
      const { managed, term, source } = createManagedTokenBench(clock);
      await managed.restore(term.signal);
      const hold = source.holdNext();
      const run = managed.refresh('due', term);
      await hold.reached;
      clock.jumpWallTime(byMs);
      hold.release();
      await run;
      const dueInMs = managed.dueInMs();
      assert.ok(dueInMs <= 840_000, 'readers would be without a token for an hour');
    });
  }

  it('Wrong clocks are seen: a restart after the clock was set back fetches once', async () => {
    const clock = new FakeClock();
    const before = createManagedTokenBench(clock);
    await before.managed.refresh('start', before.term);
    clock.jumpWallTime(-HOUR_MS);
    const after = createManagedTokenBench(clock, { store: before.store, random: createEvenRandom(2) });
    await after.managed.restore(after.term.signal);
    await runFor(600_000, clock, after);
    assert.equal(after.source.fetches.length, 1);
    assert.equal(after.published()?.generation, 2);
  });
});
