import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createEvenRandom, createManagedTokenBench } from '../support/managed-token-bench.ts';
import { MemoryWaits } from '../support/memory-journal.ts';

const policy = { minIntervalMs: 120_000 };

/** On a disk that takes its time once. */
class SlowWaits extends MemoryWaits {
  readonly #clock: FakeClock;
  #isFirst = true;

  constructor(clock: FakeClock) {
    super();
    this.#clock = clock;
  }

  override async write(...wait: Parameters<MemoryWaits['write']>): Promise<void> {
    const delayMs = this.#isFirst ? 30_000 : 0;
    this.#isFirst = false;
    await this.#clock.sleep(delayMs);
    await super.write(...wait);
  }
}

describe("a provider's minInterval", () => {
  it('Nobody is locked out: an explicit refresh waits for it', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock, { policy });
    await managed.refresh('start', term);
    await clock.advance(10_000);
    const run = managed.refresh('explicit', term);
    await settle();
    await clock.advance(109_999);
    assert.equal(source.fetches.length, 1);
    await clock.advance(1);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('Nobody is locked out: an attempt after a failure waits for it, and says so', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events } = createManagedTokenBench(clock, { policy });
    source.failWith();
    const run = managed.refresh('start', term);
    await settle();
    assert.equal(events.last('refresh-failed').nextAttemptAtMs, clock.now() + 120_000);
    await clock.advance(119_999);
    assert.equal(source.fetches.length, 1);
    await clock.advance(1);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('Nobody is locked out: is counted from the call, however long its record takes before it', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock, { policy, waits: new SlowWaits(clock) });
    source.failWith();
    const run = managed.refresh('start', term);
    for (let seconds = 0; seconds < 300; seconds += 1) await clock.advance(1000);
    await run;
    const [first, second] = source.fetches.map(({ atMonotonicMs }) => atMonotonicMs);
    assert.ok(first !== undefined && second !== undefined);
    assert.ok(second - first >= 120_000, `fetched again after ${second - first} ms`);
  });

  for (const isRestored of [true, false]) {
    it(`Nobody is locked out: holds across a restart, with the store read ${isRestored ? 'at the start' : 'late'}`, async () => {
      const clock = new FakeClock();
      const before = createManagedTokenBench(clock, { policy });
      await before.managed.refresh('start', before.term);
      await clock.advance(10_000);

      const after = createManagedTokenBench(clock, { policy, store: before.store });
      if (isRestored) await after.managed.restore(after.term.signal);
      const run = after.managed.refresh('explicit', after.term);
      await settle();
      await clock.advance(109_999);
      assert.equal(after.source.fetches.length, 0);
      await clock.advance(1);
      await run;
      assert.equal(after.source.fetches.length, 1);
    });
  }

  it('does not hold up the write of a token that was fetched', async () => {
    const clock = new FakeClock();
    const { managed, term, store } = createManagedTokenBench(clock, { policy });
    store.failNext('publish');
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(500);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('is measured in monotonic time, so that a clock that is set back does not stretch it', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock, { policy });
    await managed.refresh('start', term);
    clock.jumpWallTime(-3_600_000);
    const run = managed.refresh('explicit', term);
    await settle();
    await clock.advance(120_000);
    await run;
    assert.equal(source.fetches.length, 2);
  });

  it('Fresh: passes once, and not again and again, when a clock that was wrong is set back', async () => {
    const clock = new FakeClock();
    const before = createManagedTokenBench(clock, { policy });
    await before.managed.refresh('start', before.term);
    const after = createManagedTokenBench(clock, {
      policy,
      store: before.store,
      random: createEvenRandom(2),
    });
    await after.managed.restore(after.term.signal);
    // What the former process has published lies in the future now.
    clock.jumpWallTime(-3_600_000);
    const run = after.managed.refresh('explicit', after.term);
    await settle();
    await clock.advance(119_999);
    assert.equal(after.source.fetches.length, 0);
    await clock.advance(1);
    await run;
    assert.equal(after.source.fetches.length, 1);
  });
});
