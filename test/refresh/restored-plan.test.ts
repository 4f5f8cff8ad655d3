import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import { createEvenRandom, createKeeperBench } from '../support/keeper-bench.ts';
import { MINUTE_MS } from '../support/token-builder.ts';

/** A 15-minute token is due after 14; its ticks come every 15 s. */
const DUE_MS = 14 * MINUTE_MS;

describe('A plan that was read from the store', () => {
  it('Fresh: a tick that comes less than half a tick early counts, although the store has to be read first', async () => {
    const clock = new FakeClock();
    const former = createKeeperBench(clock);
    await former.keeper.refresh('start', former.term);
    await clock.advance(DUE_MS - 5000);
    const next = createKeeperBench(clock, {
      store: former.store,
      source: former.source,
      random: createEvenRandom(2),
    });
    assert.deepEqual(await next.keeper.refresh('due', next.term), { kind: 'refreshed' });
  });

  it('fetches nothing when it comes earlier than that', async () => {
    const clock = new FakeClock();
    const former = createKeeperBench(clock);
    await former.keeper.refresh('start', former.term);
    await clock.advance(DUE_MS - 10_000);
    const next = createKeeperBench(clock, {
      store: former.store,
      source: former.source,
      random: createEvenRandom(2),
    });
    assert.deepEqual(await next.keeper.refresh('due', next.term), { kind: 'fresh' });
  });

  it('Wrong clocks are seen: is not put off when a clock that was set back reads it again', async () => {
    const clock = new FakeClock();
    const { keeper, term } = createKeeperBench(clock);
    await keeper.refresh('start', term);
    clock.jumpWallTime(-30_000);
    await keeper.restore(term.signal);
    assert.equal(keeper.dueInMs(), DUE_MS);
  });

  it('is taken over as it is when somebody else has published meanwhile', async () => {
    const clock = new FakeClock();
    const { keeper, term, store, source } = createKeeperBench(clock);
    await keeper.refresh('start', term);
    await clock.advance(5 * MINUTE_MS);
    const other = createKeeperBench(clock, { store, source, random: createEvenRandom(2) });
    await other.keeper.refresh('explicit', other.term);
    await keeper.restore(term.signal);
    assert.equal(keeper.dueInMs(), DUE_MS);
  });
});

describe('A provider whose tokens have got a shorter life', () => {
  it('Fresh: is asked again at the usual margin, after a token that would die earlier than the published one', async () => {
    const clock = new FakeClock();
    const { keeper, term, source } = createKeeperBench(clock);
    await keeper.refresh('start', term);
    source.lifetimeMs = 2 * MINUTE_MS;
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(await keeper.refresh('schedule', term), { kind: 'unchanged' });
    assert.equal(keeper.dueInMs(), 4 * MINUTE_MS);
  });

  it('Fresh: is asked as late as the new life wants it, when it is shorter than the usual margin', async () => {
    const clock = new FakeClock();
    const { keeper, term, source } = createKeeperBench(clock);
    await keeper.refresh('start', term);
    source.lifetimeMs = 45_000;
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(await keeper.refresh('schedule', term), { kind: 'unchanged' });
    assert.equal(keeper.dueInMs(), 5 * MINUTE_MS - 3000);
  });

  it('Wrong clocks are seen: newer tokens replace older ones although the clock was set back in between', async () => {
    const clock = new FakeClock();
    const { keeper, term, published } = createKeeperBench(clock);
    await keeper.refresh('start', term);
    await clock.advance(DUE_MS);
    clock.jumpWallTime(-DUE_MS - 30_000);
    assert.deepEqual(await keeper.refresh('due', term), { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-2');
  });
});
