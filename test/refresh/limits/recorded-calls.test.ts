import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../../src/core/ports.ts';
import { RecordedCalls } from '../../../src/refresh/limits/recorded-calls.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryCounts } from '../../support/memory-journal.ts';
import { fc } from '../../support/property.ts';

const HOUR_MS = 3_600_000;

function startProcess(clock: Clock, counts: MemoryCounts, limit = 100): RecordedCalls {
  return new RecordedCalls({ provider: 'pik', limit, windowMs: HOUR_MS, counts, clock });
}

/** The clock of a further process: the same wall time, monotonic time from 0 again. */
function restart(clock: Clock): Clock {
  const startedMs = clock.monotonicMs();
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs() - startedMs,
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
  };
}

describe('RecordedCalls', () => {
  it('Nobody is locked out: no process forgets a call of the former ones, however often they are killed', async () => {
    const steps = fc.array(
      fc.record({
        waitMs: fc.integer({ min: 0, max: 600_000 }),
        calls: fc.integer({ min: 0, max: 6 }),
        isKilled: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), steps, async (limit, all) => {
        const clock = new FakeClock();
        const counts = new MemoryCounts();
        let calls = startProcess(clock, counts, limit);
        const made: number[] = [];
        let kills = 0;
        for (const { waitMs, calls: wanted, isKilled } of all) {
          await clock.advance(waitMs);
          if (isKilled) {
            calls = startProcess(restart(clock), counts, limit);
            kills += 1;
          }
          await calls.restore();
          for (let call = 0; call < wanted; call += 1) {
            await calls.add();
            made.push(clock.monotonicMs());
          }
          const within = made.filter((atMs) => clock.monotonicMs() - atMs < HOUR_MS).length;
          assert.ok(calls.count >= within, `${calls.count} counted, ${within} made`);
          const lost = (kills + 1) * Math.ceil(limit / 50);
          const older = made.filter((atMs) => clock.monotonicMs() - atMs < HOUR_MS + 120_000).length;
          assert.ok(
            calls.count <= older + lost,
            `${calls.count} counted, ${older} made, ${lost} may be lost`,
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  it('writes seldom: at most once for a fiftieth of the limit, and once a sixtieth of the window', async () => {
    const clock = new FakeClock();
    const counts = new MemoryCounts();
    const calls = startProcess(clock, counts, 10_000);
    await calls.restore();
    for (let call = 0; call < 10_000; call += 1) {
      if (call % 100 === 0) await clock.advance(30_000);
      await calls.add();
    }
    assert.ok(counts.writes <= 110, `${counts.writes} writes`);
    assert.ok((counts.records.get('pik') ?? []).length <= 63);
  });

  it('has a call on record before it is made', async () => {
    const clock = new FakeClock();
    const counts = new MemoryCounts();
    const calls = startProcess(clock, counts, 10);
    await calls.restore();
    await calls.add();
    assert.deepEqual(
      counts.records.get('pik')?.map(({ calls: count }) => count),
      [1],
    );
  });

  it('does not use room that was set aside for an earlier time', async () => {
    const clock = new FakeClock();
    const counts = new MemoryCounts();
    const calls = startProcess(clock, counts, 400);
    await calls.restore();
    await calls.add();
    await clock.advance(HOUR_MS / 2);
    await calls.add();
    await clock.advance(HOUR_MS * 0.75);
    const next = startProcess(restart(clock), counts, 400);
    await next.restore();
    assert.ok(next.count >= 1, 'the second call is 45 minutes old');
  });

  it('does not believe that a call is still to come because the clock was set back', async () => {
    const clock = new FakeClock();
    const counts = new MemoryCounts();
    const before = startProcess(clock, counts);
    await before.restore();
    await before.add();
    clock.jumpWallTime(-24 * HOUR_MS);
    const after = startProcess(restart(clock), counts);
    await after.restore();
    assert.ok(after.count > 0);
    assert.ok(after.roomInMs(1) <= HOUR_MS + 60_000, `${after.roomInMs(1)} ms`);
  });

  it('goes on without a place for the record', async () => {
    const clock = new FakeClock();
    const calls = new RecordedCalls({
      provider: 'pik',
      limit: 5,
      windowMs: HOUR_MS,
      counts: undefined,
      clock,
    });
    await calls.restore();
    await calls.add();
    assert.equal(calls.count, 1);
  });
});
