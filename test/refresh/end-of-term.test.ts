import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyLimit } from '../../src/refresh/limits/concurrency-limit.ts';
import type { Term } from '../../src/refresh/term.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';
import { buildFailure } from '../support/sample-events.ts';

const STOPPED = { code: 'aborted', retry: 'soon', message: 'the program stops' } as const;
const LOST = {
  code: 'leadership-lost',
  retry: 'soon',
  message: 'leadership was lost: another replica goes on',
} as const;

describe('when the program stops', () => {
  it('Quick to stop: begins no new fetch', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events, stop } = createManagedTokenBench(clock);
    stop();
    assert.deepEqual(await managed.refresh('due', term), { kind: 'failed', failure: STOPPED });
    assert.equal(source.fetches.length, 0);
    assert.deepEqual(events.last('refresh-abandoned').failure, STOPPED);
  });

  it('Quick to stop: a fetch in flight finishes and is published', async () => {
    const clock = new FakeClock();
    const { managed, term, source, published, stop } = createManagedTokenBench(clock);
    const hold = source.holdNext();
    const run = managed.refresh('due', term);
    await hold.reached;
    stop();
    hold.release();
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-1');
  });

  it('Quick to stop: a wait ends at once', async () => {
    const clock = new FakeClock();
    const { managed, term, source, stop } = createManagedTokenBench(clock);
    source.failWith({ retry: 'needs-human' });
    const run = managed.refresh('due', term);
    await settle();
    stop();
    assert.deepEqual(await run, { kind: 'failed', failure: STOPPED });
    assert.deepEqual(clock.pendingDelaysMs, []);
    assert.ok(!source.isWatchedForCredentials);
  });

  it('Quick to stop: a kept token gets a last try', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, published, stop } = createManagedTokenBench(clock);
    store.failNext('publish');
    const run = managed.refresh('due', term);
    await settle();
    stop();
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-1');
    assert.equal(source.fetches.length, 1);
  });

  it('Quick to stop: a kept token that the store still refuses is given up', async () => {
    const clock = new FakeClock();
    const { managed, term, events, store, stop } = createManagedTokenBench(clock);
    events.onNext('token-fetched', () => {
      store.outage = STORE_DOWN;
    });
    const run = managed.refresh('due', term);
    await settle();
    stop();
    assert.deepEqual(await run, { kind: 'failed', failure: STOPPED });
    assert.equal(store.callsOf('publish').length, 2);
  });

  it('Quick to stop: who waits for its turn gives up', async () => {
    const clock = new FakeClock();
    const gate = new ConcurrencyLimit(1);
    const first = createManagedTokenBench(clock, { gate });
    const second = createManagedTokenBench(clock, { gate });
    const hold = first.source.holdNext();
    const running = first.managed.refresh('due', first.term);
    await hold.reached;
    const waiting = second.managed.refresh('due', second.term);
    await settle();
    second.stop();
    assert.deepEqual(await waiting, { kind: 'failed', failure: STOPPED });
    hold.release();
    assert.deepEqual(await running, { kind: 'refreshed' });
  });
});

describe('when leadership is lost', () => {
  it('Never worse: nothing is written that was fetched before', async () => {
    const clock = new FakeClock();
    const { managed, term, events, store, loseLeadership } = createManagedTokenBench(clock);
    events.onNext('token-fetched', loseLeadership);
    assert.deepEqual(await managed.refresh('due', term), { kind: 'failed', failure: LOST });
    assert.equal(store.callsOf('publish').length, 0);
    assert.deepEqual(events.last('refresh-abandoned').failure, LOST);
  });

  it('One at a time: nothing is fetched after a slow read of the store', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, loseLeadership } = createManagedTokenBench(clock);
    const hold = store.holdNext('read');
    const run = managed.refresh('due', term);
    await hold.reached;
    loseLeadership();
    hold.release();
    assert.deepEqual(await run, { kind: 'failed', failure: LOST });
    assert.equal(source.fetches.length, 0);
  });

  it('a fetch in flight is given up, and leadership is named as the reason', async () => {
    const clock = new FakeClock();
    const { managed, term, source, loseLeadership } = createManagedTokenBench(clock);
    const hold = source.holdNext();
    const run = managed.refresh('due', term);
    await hold.reached;
    loseLeadership();
    hold.release();
    assert.deepEqual(await run, { kind: 'failed', failure: LOST });
  });

  for (const { title, fail } of [
    { title: 'the provider', fail: 'source' },
    { title: 'the store', fail: 'store' },
  ] as const) {
    it(`a wait for ${title} ends at once, without another attempt`, async () => {
      const clock = new FakeClock();
      const { managed, term, source, store, loseLeadership } = createManagedTokenBench(clock);
      if (fail === 'source') source.outage = buildFailure();
      else store.outage = STORE_DOWN;
      const run = managed.refresh('due', term);
      await settle();
      const calls = store.calls.length + source.fetches.length;
      loseLeadership();
      assert.deepEqual(await run, { kind: 'failed', failure: LOST });
      assert.equal(store.calls.length + source.fetches.length, calls);
      assert.deepEqual(clock.pendingDelaysMs, []);
    });
  }

  it("a wait for the provider's minInterval ends at once", async () => {
    const clock = new FakeClock();
    const { managed, term, loseLeadership } = createManagedTokenBench(clock, {
      policy: { minIntervalMs: 600_000 },
    });
    await managed.refresh('start', term);
    const run = managed.refresh('explicit', term);
    await settle();
    loseLeadership();
    assert.deepEqual(await run, { kind: 'failed', failure: LOST });
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('who waits for its turn gives up', async () => {
    const clock = new FakeClock();
    const gate = new ConcurrencyLimit(1);
    const first = createManagedTokenBench(clock, { gate });
    const second = createManagedTokenBench(clock, { gate });
    const hold = first.source.holdNext();
    const running = first.managed.refresh('due', first.term);
    await hold.reached;
    const waiting = second.managed.refresh('due', second.term);
    await settle();
    second.loseLeadership();
    assert.deepEqual(await waiting, { kind: 'failed', failure: LOST });
    hold.release();
    await running;
  });
});

describe('a term that ends by the clock while a request is made', () => {
  it('Never worse: is over for who asks before sending, though the signal that was handed on does not say so', async () => {
    const { managed, source } = createManagedTokenBench(new FakeClock());
    const live = new AbortController().signal;
    let hasEnded = false;
    const term: Term = { signal: live, stopping: live, hasEnded: () => hasEnded };
    const hold = source.holdNext();
    const run = managed.refresh('due', term);
    await hold.reached;
    assert.equal(source.isOver?.(), false);
    hasEnded = true;
    assert.equal(source.isOver?.(), true);
    hold.release();
    await run;
  });
});
