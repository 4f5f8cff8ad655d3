/** Two thousand tokens of one provider, and what follows when the store or the provider is away for longer than they live. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { WriteRateLimiter } from '../../src/refresh/limits/write-rate-limiter.ts';
import { LimitedStore } from '../support/limited-store.ts';
import { STORE_DOWN } from '../support/memory-store.ts';
import { buildFailure } from '../support/sample-events.ts';
import { createSchedulerBench, type SchedulerBench } from '../support/scheduler-bench.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';

const TOKENS = 2000;
const CONCURRENCY = 64;
const CALLS_PER_SECOND = 200;
/** A publish is two calls. */
const PUBLISHES_PER_SECOND = CALLS_PER_SECOND / 2;

interface World {
  readonly timers: TimerBench;
  readonly bench: SchedulerBench;
  readonly store: LimitedStore;
  readonly rateLimiter: WriteRateLimiter;
  readonly lengths: { gate: number; rateLimiter: number };
}

let timers: TimerBench;
let running: SchedulerBench | undefined;

beforeEach(() => {
  timers = fakeTimers();
});

afterEach(async () => {
  const stopped = running?.stop();
  await timers.advance(60_000);
  await stopped;
  running = undefined;
  timers.restore();
});

function createWorld(lifetimeMs: number): World {
  const { clock } = timers;
  const random = createSeededRandom(11);
  const store = new LimitedStore(clock);
  const rateLimiter = new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond: CALLS_PER_SECOND, clock });
  const bench = createSchedulerBench(clock, {
    tokenCount: TOKENS,
    lifetimeMs,
    concurrency: CONCURRENCY,
    offsetMs: () => random.next() * ((lifetimeMs * 14) / 15 / 2),
    store,
    rateLimiter,
  });
  running = bench;
  const lengths = { gate: 0, rateLimiter: 0 };
  timers.watch(100, () => {
    lengths.gate = Math.max(lengths.gate, bench.gate.waiting);
    lengths.rateLimiter = Math.max(lengths.rateLimiter, rateLimiter.waiting);
  });
  return { timers, bench, store, rateLimiter, lengths };
}

/** Fetches of each token so far. */
function fetchCounts({ bench }: World): readonly number[] {
  return bench.tokens.map(({ source }) => source.fetches.length);
}

function mostMore(before: readonly number[], after: readonly number[]): number {
  return after.reduce((most, count, index) => Math.max(most, count - (before[index] ?? 0)), 0);
}

/** Successful writes of each token's secret so far. */
function writeCounts({ bench, store }: World): readonly number[] {
  return bench.tokens.map(({ identity }) => store.writesTo(identity.secret));
}

function assertBounded({ lengths, store }: World): void {
  assert.ok(lengths.gate <= TOKENS, `${lengths.gate} in the gate's line`);
  assert.ok(lengths.rateLimiter <= CONCURRENCY, `${lengths.rateLimiter} in the rateLimiter's line`);
  assert.ok(store.mostInFlight <= CONCURRENCY, `${store.mostInFlight} writes at once`);
  assert.ok(store.busiestSecond() <= PUBLISHES_PER_SECOND, `${store.busiestSecond()} publishes in a second`);
}

describe('two thousand tokens', () => {
  it('One at a time: survive a store that is away for longer than they live, with a fetch each, and no storm after it', async () => {
    const world = createWorld(180_000);
    const { bench, store } = world;
    bench.start();
    await timers.advance(50_000);
    assert.ok(writeCounts(world).every((writes) => writes === 1));
    store.outage = STORE_DOWN;
    const before = fetchCounts(world);
    await timers.advance(240_000);
    const during = fetchCounts(world);
    assert.ok(mostMore(before, during) <= 1, 'at most one fetch of a token while the store is away');

    store.outage = undefined;
    const written = writeCounts(world);
    await timers.advance(75_000);
    bench.assertReadersAreServed();
    assert.ok(mostMore(during, fetchCounts(world)) <= 1, 'nothing is fetched twice');
    // What was kept is written first; its successor follows in its own time.
    assert.ok(mostMore(written, writeCounts(world)) <= 2, 'nothing is written twice');
    assertBounded(world);
  });

  it('get all of their writes through a store that throttles, without hammering it', async () => {
    const world = createWorld(900_000);
    const { bench, store, rateLimiter } = world;
    store.limitPerSecond = 30;
    bench.start();
    let slowest = CALLS_PER_SECOND;
    timers.watch(500, () => {
      slowest = Math.min(slowest, rateLimiter.callsPerSecond);
    });
    await timers.advance(240_000);
    bench.assertReadersAreServed();
    assert.ok(mostMore([], fetchCounts(world)) === 1, 'a refused write costs no fetch');
    assert.ok(mostMore([], writeCounts(world)) === 1);
    assert.ok(slowest < 100, `${slowest} calls a second at least`);
    const refused = store.throttled / store.arrivalsMs.length;
    assert.ok(refused < 0.4, `${Math.round(refused * 100)} % of the writes were refused`);
    assert.equal(rateLimiter.callsPerSecond, CALLS_PER_SECOND, 'and it is not slow for long');
    assertBounded(world);
  });

  it('wait for a store whose every write takes four seconds, a bounded number at a time', async () => {
    const world = createWorld(900_000);
    const { bench, store } = world;
    store.delayMs = 4000;
    bench.start();
    await timers.advance(150_000);
    bench.assertReadersAreServed();
    assert.equal(bench.fetchTimesMs().length, TOKENS, 'one fetch each');
    assert.equal(store.arrivalsMs.length, TOKENS, 'one write each');
    assert.equal(store.mostInFlight, CONCURRENCY);
    assertBounded(world);
  });

  it('come back after a provider that was away for longer than they live, one fetch and one write each', async () => {
    const world = createWorld(180_000);
    const { bench } = world;
    for (const { source } of bench.tokens) source.outage = buildFailure();
    bench.start();
    await timers.advance(200_000);
    const attempts = mostMore([], fetchCounts(world));
    assert.ok(attempts <= 30, `${attempts} attempts of one token`);
    for (const { source } of bench.tokens) source.outage = undefined;
    const fetched = fetchCounts(world);
    await timers.advance(75_000);
    bench.assertReadersAreServed();
    assert.equal(mostMore(fetched, fetchCounts(world)), 1);
    assert.equal(mostMore([], writeCounts(world)), 1);
    assert.equal(Math.max(...bench.tokens.map(({ source }) => source.mostInFlight)), 1);
    assertBounded(world);
  });
});
