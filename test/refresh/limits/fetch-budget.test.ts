/** Promise 5: a provider's fetch budget is obeyed, whatever happens. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FetchLimit } from '../../../src/core/limits/fetch-limit.ts';
import type { FetchCounts, RefreshEvents } from '../../../src/core/ports.ts';
import { ConcurrencyLimit } from '../../../src/refresh/limits/concurrency-limit.ts';
import { FetchBudget } from '../../../src/refresh/limits/fetch-budget.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { createManagedTokenBench, type ManagedTokenBench } from '../../support/managed-token-bench.ts';
import { MemoryCounts } from '../../support/memory-journal.ts';
import { MemoryStore, STORE_DOWN } from '../../support/memory-store.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildFailure, buildIdentity } from '../../support/sample-events.ts';
import { MINUTE_MS } from '../../support/token-builder.ts';

const EVERY_MS = 840_000;
const HOUR_MS = 3_600_000;
const UNAVAILABLE = buildFailure();

interface World {
  readonly clock: FakeClock;
  readonly events: RecordedEvents;
  readonly budget: FetchBudget;
  readonly tokens: readonly ManagedTokenBench[];
  fetchTimesMs(): readonly number[];
}

function createBudget(
  clock: FakeClock,
  limit: FetchLimit,
  events: RefreshEvents,
  tokenCount: number,
  counts?: FetchCounts,
): FetchBudget {
  return new FetchBudget({
    provider: 'pivot',
    limit,
    regularEveryMs: EVERY_MS,
    countTokens: () => tokenCount,
    counts,
    clock,
    events,
  });
}

function createWorld(
  limit: FetchLimit,
  tokenCount: number,
  { counts, clock = new FakeClock() }: { counts?: FetchCounts; clock?: FakeClock } = {},
): World {
  const events = new RecordedEvents();
  const budget = createBudget(clock, limit, events.record, tokenCount, counts);
  const gate = new ConcurrencyLimit(4);
  const store = new MemoryStore();
  const tokens = Array.from({ length: tokenCount }, (_, index) =>
    createManagedTokenBench(clock, {
      identity: buildIdentity(`pivot/customer-${index}`),
      store,
      gate,
      events,
      budget,
    }),
  );
  return {
    clock,
    events,
    budget,
    tokens,
    fetchTimesMs: () =>
      tokens
        .flatMap(({ source }) => source.fetches.map(({ atMonotonicMs }) => atMonotonicMs))
        .toSorted((a, b) => a - b),
  };
}

function mostWithin(timesMs: readonly number[], windowMs: number): number {
  return Math.max(
    0,
    ...timesMs.map((fromMs) => timesMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + windowMs).length),
  );
}

function startAll({ tokens }: World): void {
  for (const { managed, term } of tokens) void managed.refresh('due', term);
}

async function endAll({ tokens }: World): Promise<void> {
  for (const bench of tokens) bench.loseLeadership();
  await settle();
}

describe('Nobody is locked out: a fetch budget', () => {
  it('is never exceeded in any window, while a provider fails for hours', async () => {
    const world = createWorld({ calls: 30, window: 'hour' }, 3);
    for (const { source } of world.tokens) source.outage = UNAVAILABLE;
    startAll(world);
    await settle();
    await world.clock.advance(5 * HOUR_MS);
    const timesMs = world.fetchTimesMs();
    assert.ok(timesMs.length > 60, `${timesMs.length} calls`);
    assert.ok(mostWithin(timesMs, HOUR_MS) <= 30, `${mostWithin(timesMs, HOUR_MS)} calls in an hour`);
    await endAll(world);
  });

  it('keeps what the other tokens need back from one that fails', async () => {
    // Two tokens need 10 an hour: 2 are left for retries.
    const world = createWorld({ calls: 12, window: 'hour' }, 2);
    const [failing, healthy] = world.tokens;
    assert.ok(failing !== undefined && healthy !== undefined);
    failing.source.outage = UNAVAILABLE;
    void failing.managed.refresh('due', failing.term);
    await settle();
    for (let cycle = 0; cycle < 20; cycle += 1) {
      const run = healthy.managed.refresh('due', healthy.term);
      await settle();
      assert.equal(healthy.managed.isRefreshing, false, `cycle ${cycle} had to wait`);
      assert.deepEqual(await run, { kind: 'refreshed' });
      await world.clock.advance(EVERY_MS);
    }
    const tried = failing.source.fetches.map(({ atMonotonicMs }) => atMonotonicMs);
    assert.ok(mostWithin(tried, HOUR_MS) <= 2 + 5, `${mostWithin(tried, HOUR_MS)} attempts in an hour`);
    assert.ok(tried.length >= 20, 'and it is tried once a cadence all the same');
    await endAll(world);
  });

  it('lets the earliest expiry go first when it has room again, and tells the shortage once', async () => {
    const world = createWorld({ calls: 4, window: 'hour' }, 8);
    const lives = [15, 11, 14, 10, 13, 12, 9, 16];
    const { tokens, clock, events, budget } = world;
    for (const [index, { source, store, identity }] of tokens.entries()) {
      source.lifetimeMs = (lives[index] ?? 15) * MINUTE_MS;
      assert.equal(store.writesTo(identity.secret), 0);
    }
    startAll(world);
    await settle();
    assert.equal(world.fetchTimesMs().length, 4);
    assert.equal(budget.waiting, 4);
    assert.equal(events.of('fetch-budget-exhausted').length, 1);
    assert.equal(events.of('refresh-failed').length, 0, 'waiting is no failure of each token');
    const { provider, calls, roomInMs } = events.last('fetch-budget-exhausted');
    assert.deepEqual([provider, calls, roomInMs], ['pivot', 4, HOUR_MS + MINUTE_MS]);
    // The first four become due before the others have had their turn.
    for (const { managed, term } of tokens.slice(0, 4)) void managed.refresh('due', term);
    await settle();
    assert.equal(budget.waiting, 8);
    await clock.advance(HOUR_MS + MINUTE_MS);
    const fetched = events.of('token-fetched').map(({ identity }) => identity.customer);
    // Those without any token first, as they came.
    assert.deepEqual(fetched.slice(4), ['customer-4', 'customer-5', 'customer-6', 'customer-7']);
    await clock.advance(HOUR_MS + MINUTE_MS);
    const later = events.of('token-fetched').map(({ identity }) => identity.customer);
    assert.deepEqual(later.slice(8), ['customer-3', 'customer-1', 'customer-2', 'customer-0']);
    assert.equal(events.of('fetch-budget-exhausted').length, 1);
    assert.equal(budget.waiting, 0);
    await endAll(world);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('refuses an explicit refresh as well, in words that name the option', async () => {
    const world = createWorld({ calls: 1, window: 'day' }, 1);
    const [bench] = world.tokens;
    assert.ok(bench !== undefined);
    assert.deepEqual(await bench.managed.refresh('explicit', bench.term, 1), { kind: 'refreshed' });
    const outcome = await bench.managed.refresh('explicit', bench.term, 1);
    assert.deepEqual(outcome, {
      kind: 'failed',
      failure: {
        code: 'rate-limited',
        retry: 'backoff',
        retryAfterMs: 24 * HOUR_MS + 24 * MINUTE_MS,
        message:
          'fetchBudget 1/day of pivot is used up: the provider is not asked for 1d; that is our own limit, raise it ' +
          'if the provider allows more',
      },
    });
    assert.equal(bench.source.fetches.length, 1);
    await endAll(world);
  });

  it('holds across restarts', async () => {
    const counts = new MemoryCounts();
    const clock = new FakeClock();
    let calls = 0;
    for (let life = 0; life < 20; life += 1) {
      const world = createWorld({ calls: 10, window: 'hour' }, 1, { counts, clock });
      for (const { source } of world.tokens) source.outage = UNAVAILABLE;
      startAll(world);
      await settle();
      await clock.advance(2 * MINUTE_MS);
      calls += world.fetchTimesMs().length;
      await endAll(world);
    }
    assert.ok(calls <= 10, `${calls} calls in 40 minutes`);
    assert.ok(calls >= 9);
  });

  it('does not count what was never sent', async () => {
    const world = createWorld({ calls: 3, window: 'day' }, 1);
    const [bench] = world.tokens;
    assert.ok(bench !== undefined);
    bench.source.failUnasked(5);
    const run = bench.managed.refresh('due', bench.term);
    await settle();
    await world.clock.advance(10 * MINUTE_MS);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(world.events.of('fetch-budget-exhausted').length, 0);
  });

  it('that is used up keeps no token from being written', async () => {
    const world = createWorld({ calls: 1, window: 'day' }, 2);
    const [first, second] = world.tokens;
    assert.ok(first !== undefined && second !== undefined);
    first.store.failNext('publish', STORE_DOWN);
    const writing = first.managed.refresh('due', first.term);
    await settle();
    void second.managed.refresh('due', second.term);
    await world.clock.advance(MINUTE_MS);
    assert.deepEqual(await writing, { kind: 'refreshed' });
    assert.equal(second.source.fetches.length, 0);
    await endAll(world);
  });

  it('tells when 85 % are used, and when there is room again', async () => {
    const world = createWorld({ calls: 20, window: 'hour' }, 1);
    const [bench] = world.tokens;
    assert.ok(bench !== undefined);
    for (let call = 0; call < 17; call += 1) await bench.managed.refresh('explicit', bench.term, 1);
    assert.equal(world.events.last('fetch-budget-low').calls, 17);
    await world.clock.advance(2 * HOUR_MS);
    await bench.managed.refresh('explicit', bench.term, 1);
    assert.equal(world.events.last('fetch-budget-recovered').calls, 1);
    assert.equal(world.events.names.filter((name) => name.startsWith('fetch-budget')).length, 2);
  });
});
