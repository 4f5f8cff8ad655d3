import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import {
  createEvenRandom,
  createManagedTokenBench,
  type ManagedTokenBench,
} from '../support/managed-token-bench.ts';
import { MemoryStore } from '../support/memory-store.ts';

/** 30 s before expiry, and a little earlier where ticks are coarse. */
const LATEST_MS = 866_250;
const POLICY = { versionBudget: 144 };
const TIGHT = { versionBudget: 100 };

/** 144 versions within twelve hours, the latest of them `newestMs` ago. */
function crowdedDay(newestMs: number): readonly number[] {
  return Array.from({ length: 144 }, (_, index) => newestMs + index * 300_000);
}

async function publishFirst(clock: FakeClock, policy: typeof POLICY): Promise<ManagedTokenBench> {
  const store = new MemoryStore();
  store.versionAgesMs = [];
  const bench = createManagedTokenBench(clock, { store, policy });
  await bench.managed.refresh('start', bench.term);
  return bench;
}

describe('a refresh that would take the last versions', () => {
  it('is put off by a process that has just learnt of them, and comes at the latest moment', async () => {
    const clock = new FakeClock();
    const { store, source } = await publishFirst(clock, POLICY);
    const { managed, term, events } = createManagedTokenBench(clock, {
      store,
      source,
      policy: POLICY,
      random: createEvenRandom(2),
    });
    await managed.restore(term.signal);
    store.versionAgesMs = crowdedDay(840_000);
    await clock.advance(840_000);
    assert.deepEqual(await managed.refresh('due', term), { kind: 'fresh' });
    assert.equal(source.fetches.length, 1);
    assert.equal(managed.dueInMs(), LATEST_MS - 840_000);
    assert.equal(events.last('refresh-postponed').refreshAtMs, clock.now() + managed.dueInMs());

    await clock.advance(managed.dueInMs());
    assert.deepEqual(await managed.refresh('due', term), { kind: 'refreshed' });
    assert.equal(store.callsOf('readVersionAges').length, 2, 'once by each process');
  });

  it('is made at once when somebody asks for it', async () => {
    const clock = new FakeClock();
    const { store, source } = await publishFirst(clock, POLICY);
    const { managed, term, events } = createManagedTokenBench(clock, {
      store,
      source,
      policy: POLICY,
      random: createEvenRandom(2),
    });
    await managed.restore(term.signal);
    store.versionAgesMs = crowdedDay(840_000);
    await clock.advance(840_000);
    assert.deepEqual(await managed.refresh('explicit', term), { kind: 'refreshed' });
    assert.equal(events.of('version-budget-exhausted').length, 1, 'and said so');
  });

  it('is never later than the readers need', async () => {
    const clock = new FakeClock();
    const store = new MemoryStore();
    store.versionAgesMs = crowdedDay(60_000);
    const { managed, term } = createManagedTokenBench(clock, {
      store,
      policy: { ...POLICY, stalenessMs: 60_000 },
    });
    await managed.refresh('start', term);
    assert.equal(managed.dueInMs(), 900_000 - 90_000);
  });

  it('keeps its plan over a restart', async () => {
    const clock = new FakeClock();
    const { managed: former, store } = await publishFirst(clock, TIGHT);
    assert.equal(former.dueInMs(), 870_000);
    const { managed, term } = createManagedTokenBench(clock, { store, policy: TIGHT });
    await managed.restore(term.signal);
    assert.equal(managed.dueInMs(), 870_000);
  });

  it('is spared when somebody else has published a token meanwhile', async () => {
    const clock = new FakeClock();
    const daemon = await publishFirst(clock, TIGHT);
    const { store, source } = daemon;
    await clock.advance(400_000);
    const command = createManagedTokenBench(clock, {
      store,
      source,
      policy: TIGHT,
      random: createEvenRandom(2),
    });
    await command.managed.refresh('explicit', command.term);
    await clock.advance(470_000);
    assert.deepEqual(await daemon.managed.refresh('due', daemon.term, 1), { kind: 'fresh' });
    assert.equal(source.fetches.length, 2, 'nothing is fetched');
    assert.equal(store.callsOf('publish').length, 2, 'and nothing is written');
    assert.equal(daemon.managed.dueInMs(), 400_000);
  });
});
