import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import { createEvenRandom, createManagedTokenBench } from '../support/managed-token-bench.ts';
import { MINUTE_MS } from '../support/token-builder.ts';

/** A 15-minute token is due after 14; its ticks come every 15 s. */
const DUE_MS = 14 * MINUTE_MS;

describe('A plan that was read from the store', () => {
  it('Fresh: a tick that comes less than half a tick early counts, although the store has to be read first', async () => {
    const clock = new FakeClock();
    const former = createManagedTokenBench(clock);
    await former.managed.refresh('start', former.term);
    await clock.advance(DUE_MS - 5000);
    const next = createManagedTokenBench(clock, {
      store: former.store,
      source: former.source,
      random: createEvenRandom(2),
    });
    assert.deepEqual(await next.managed.refresh('due', next.term), { kind: 'refreshed' });
  });

  it('fetches nothing when it comes earlier than that', async () => {
    const clock = new FakeClock();
    const former = createManagedTokenBench(clock);
    await former.managed.refresh('start', former.term);
    await clock.advance(DUE_MS - 10_000);
    const next = createManagedTokenBench(clock, {
      store: former.store,
      source: former.source,
      random: createEvenRandom(2),
    });
    assert.deepEqual(await next.managed.refresh('due', next.term), { kind: 'fresh' });
  });

  it('Wrong clocks are seen: is not put off when a clock that was set back reads it again', async () => {
    const clock = new FakeClock();
    const { managed, term } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    clock.jumpWallTime(-30_000);
    await managed.restore(term.signal);
    assert.equal(managed.dueInMs(), DUE_MS);
  });

  it('is taken over as it is when somebody else has published meanwhile', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(5 * MINUTE_MS);
    const other = createManagedTokenBench(clock, { store, source, random: createEvenRandom(2) });
    await other.managed.refresh('explicit', other.term);
    await managed.restore(term.signal);
    assert.equal(managed.dueInMs(), DUE_MS);
  });
});

describe('A provider whose tokens have got a shorter life', () => {
  it('Fresh: is asked again at the usual margin, after a token that would die earlier than the published one', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    source.lifetimeMs = 2 * MINUTE_MS;
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(await managed.refresh('schedule', term), { kind: 'unchanged' });
    assert.equal(managed.dueInMs(), 4 * MINUTE_MS);
  });

  it('Fresh: is asked as late as the new life wants it, when it is shorter than the usual margin', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    source.lifetimeMs = 45_000;
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(await managed.refresh('schedule', term), { kind: 'unchanged' });
    assert.equal(managed.dueInMs(), 5 * MINUTE_MS - 3000);
  });

  it('Wrong clocks are seen: newer tokens replace older ones although the clock was set back in between', async () => {
    const clock = new FakeClock();
    const { managed, term, published } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(DUE_MS);
    clock.jumpWallTime(-DUE_MS - 30_000);
    assert.deepEqual(await managed.refresh('due', term), { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-2');
  });
});
