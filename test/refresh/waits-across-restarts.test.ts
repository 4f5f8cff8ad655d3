/** Promise 5: what a provider was told to wait for holds for the next process too. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench, type ManagedTokenBench } from '../support/managed-token-bench.ts';
import { MemoryWaits } from '../support/memory-journal.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { MINUTE_MS } from '../support/token-builder.ts';

const REJECTED = { code: 'credentials-rejected', retry: 'needs-human', message: 'refused' } as const;

interface World {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly waits: MemoryWaits;
}

function createWorld(): World {
  return { clock: new FakeClock(), store: new MemoryStore(), waits: new MemoryWaits() };
}

function startProcess({ clock, store, waits }: World, minIntervalMs = 0): ManagedTokenBench {
  return createManagedTokenBench(clock, { store, waits, policy: { minIntervalMs } });
}

/** A process whose one fetch fails, and which is killed then: its term ends without a word. */
async function liveOnce(world: World, failure: Partial<Failure>): Promise<void> {
  const bench = startProcess(world);
  bench.source.failWith(failure);
  void bench.managed.refresh('start', bench.term);
  await settle();
  assert.equal(bench.source.fetches.length, 1);
  bench.loseLeadership();
  await settle();
}

/** How long the next process leaves the provider alone. */
async function restOfNextProcess(world: World, failure: Partial<Failure>): Promise<number> {
  const bench = startProcess(world);
  bench.source.failWith(failure);
  const startedMs = world.clock.monotonicMs();
  void bench.managed.refresh('start', bench.term);
  await settle();
  for (let seconds = 0; seconds < 86_400 && bench.source.fetches.length === 0; seconds += 1)
    await world.clock.advance(1000);
  bench.loseLeadership();
  await settle();
  return (bench.source.fetches[0]?.atMonotonicMs ?? Number.NaN) - startedMs;
}

describe('a wait that a provider demanded', () => {
  it('Nobody is locked out: Retry-After holds across a restart, and says so', async () => {
    const world = createWorld();
    await liveOnce(world, { code: 'rate-limited', retryAfterMs: 10 * MINUTE_MS });
    await world.clock.advance(4 * MINUTE_MS);
    const next = startProcess(world);
    const run = next.managed.refresh('start', next.term);
    await settle();
    const { failure, nextAttemptAtMs } = next.events.last('refresh-failed');
    assert.equal(failure.code, 'rate-limited');
    assert.equal(nextAttemptAtMs - world.clock.now(), 6 * MINUTE_MS);
    await world.clock.advance(6 * MINUTE_MS - 1);
    assert.equal(next.source.fetches.length, 0);
    await world.clock.advance(1);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(world.waits.records.size, 0, 'a success ends it');
  });

  it('Nobody is locked out: a store that fails meanwhile does not shorten it', async () => {
    const world = createWorld();
    await liveOnce(world, { code: 'rate-limited', retryAfterMs: 10 * MINUTE_MS });
    const next = startProcess(world);
    world.store.failNext('read', STORE_DOWN, 3);
    void next.managed.refresh('start', next.term);
    await settle();
    await world.clock.advance(10 * MINUTE_MS - 1);
    assert.equal(next.source.fetches.length, 0);
    await world.clock.advance(MINUTE_MS);
    assert.equal(next.source.fetches.length, 1);
  });

  it('is not waited for by whoever runs a single pass: it is the outcome', async () => {
    const world = createWorld();
    await liveOnce(world, { code: 'rate-limited', retryAfterMs: 10 * MINUTE_MS });
    const next = startProcess(world);
    const outcome = await next.managed.refresh('due', next.term, 3);
    assert.equal(outcome.kind === 'failed' ? outcome.failure.code : outcome.kind, 'rate-limited');
    assert.equal(next.source.fetches.length, 0);
  });
});

describe('rejected credentials and restarts', () => {
  it('Nobody is locked out: each restart gets one try, later and later, until one succeeds', async () => {
    const world = createWorld();
    await liveOnce(world, REJECTED);
    const rests: number[] = [];
    for (let restart = 0; restart < 6; restart += 1)
      rests.push((await restOfNextProcess(world, REJECTED)) / MINUTE_MS);
    assert.deepEqual(rests.map(Math.round), [1, 2, 4, 8, 15, 15]);
    const healed = startProcess(world);
    void healed.managed.refresh('start', healed.term);
    await settle();
    await world.clock.advance(15 * MINUTE_MS);
    assert.equal(healed.source.fetches.length, 1);
    assert.equal(world.waits.records.size, 0);
  });

  it('Nobody is locked out: restarts that come rarely count as well', async () => {
    const world = createWorld();
    await liveOnce(world, REJECTED);
    await world.clock.advance(5 * MINUTE_MS);
    assert.equal(await restOfNextProcess(world, REJECTED), 0);
    assert.equal(world.waits.records.get('pik')?.rejectedLives, 2);
  });

  it('does not hold a restart back for credentials that could not even be read', async () => {
    const world = createWorld();
    const bench = startProcess(world);
    const unasked = createManagedTokenBench(world.clock, {
      ...world,
      provider: {
        readSeed: () => bench.source.readSeed(),
        fetch: async () => ({
          result: { ok: false, failure: { ...REJECTED, message: 'no such file' } },
          clockSkewMs: undefined,
          wasNotSent: true,
        }),
        waitForCredentialChange: (signal) => bench.source.waitForCredentialChange(signal),
        verifyCredentials: () => bench.source.verifyCredentials(),
      },
    });
    void unasked.managed.refresh('start', unasked.term);
    await settle();
    assert.equal(unasked.events.last('refresh-failed').failure.code, 'credentials-rejected');
    assert.equal(world.waits.records.size, 0);
  });
});

describe("a provider's minInterval and restarts", () => {
  it('Nobody is locked out: it holds after a fetch that failed, or was cut off', async () => {
    for (const isCutOff of [true, false]) {
      const world = createWorld();
      const killed = startProcess(world, 5 * MINUTE_MS);
      if (isCutOff) killed.source.holdNext();
      else killed.source.failWith();
      void killed.managed.refresh('start', killed.term);
      await settle();
      killed.loseLeadership();
      await world.clock.advance(2 * MINUTE_MS);
      const next = startProcess(world, 5 * MINUTE_MS);
      void next.managed.refresh('start', next.term);
      await settle();
      await world.clock.advance(3 * MINUTE_MS - 1);
      assert.equal(next.source.fetches.length, 0);
      await world.clock.advance(1);
      assert.equal(next.source.fetches.length, 1);
    }
  });
});
