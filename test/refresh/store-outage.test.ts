import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FetchBudget } from '../../src/refresh/limits/fetch-budget.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { HeldStep } from '../support/held-step.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildDocument } from '../support/token-builder.ts';

describe('while the store is down', () => {
  it('One at a time: a fetched token is kept and only its write is repeated, the same write every time', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, events, identity, published } = createManagedTokenBench(clock);
    store.failNext('publish', STORE_DOWN, 3);
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(500 + 1000 + 2000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(source.fetches.length, 1);

    const writes = store.callsOf('publish');
    assert.equal(writes.length, 4);
    assert.equal(new Set(writes.map(({ requestToken }) => requestToken)).size, 1);
    assert.equal(new Set(writes.map(({ text }) => text)).size, 1);
    assert.equal(store.writesTo(identity.secret), 1);
    assert.equal(published()?.accessToken.reveal(), 'token-1');
    const { failures, failedForMs } = events.last('refresh-recovered');
    assert.deepEqual([failures, failedForMs], [3, 3500]);
  });

  it('a write whose answer was lost is recognised instead of repeated', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, identity } = createManagedTokenBench(clock);
    store.loseNextAnswer();
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(500);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(store.writesTo(identity.secret), 1);
    assert.equal(source.fetches.length, 1);
  });

  it('One at a time: nothing is fetched until the store has said what it holds', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, identity } = createManagedTokenBench(clock);
    store.put(identity.secret, serializeDocument(buildDocument()));
    store.outage = STORE_DOWN;
    assert.ok(!(await managed.restore(term.signal)).ok);
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(120_000);
    assert.equal(source.fetches.length, 0);
    store.outage = undefined;
    await clock.advance(60_000);
    assert.deepEqual(await run, { kind: 'fresh' });
    assert.equal(source.fetches.length, 0);
  });

  it('One at a time: what it held is not trusted any more once a later read has failed', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, identity } = createManagedTokenBench(clock);
    await managed.restore(term.signal);
    store.put(identity.secret, serializeDocument(buildDocument()));
    store.failNext('read', STORE_DOWN);
    assert.ok(!(await managed.restore(term.signal)).ok);
    assert.deepEqual(await managed.refresh('start', term), { kind: 'fresh' });
    assert.equal(source.fetches.length, 0);
  });

  it('One at a time: what it held is not trusted any more once others may have published', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, identity } = createManagedTokenBench(clock);
    await managed.restore(term.signal);
    store.put(identity.secret, serializeDocument(buildDocument()));
    managed.invalidate();
    assert.deepEqual(await managed.refresh('start', term), { kind: 'fresh' });
    assert.equal(source.fetches.length, 0);
  });

  it('One at a time: nor when that turns out while the call waits for what the journal has counted', async () => {
    const clock = new FakeClock();
    const held = new HeldStep();
    const counts = { read: () => held.pass().then(() => []), write: async () => undefined };
    const { record: events } = new RecordedEvents();
    const budget = new FetchBudget({
      provider: 'pivot',
      limit: { calls: 100, window: 'hour' },
      regularEveryMs: 840_000,
      countTokens: () => 1,
      counts,
      clock,
      events,
    });
    const { managed, term, store, source, identity } = createManagedTokenBench(clock, { budget });
    const run = managed.refresh('start', term);
    await held.reached;
    store.put(identity.secret, serializeDocument(buildDocument()));
    managed.invalidate();
    held.release();
    assert.deepEqual(await run, { kind: 'fresh' });
    assert.equal(source.fetches.length, 0);
  });

  it('a kept token that has become due itself is dropped, and the store is read before the next fetch', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, events, published } = createManagedTokenBench(clock);
    events.onNext('token-fetched', () => {
      store.outage = STORE_DOWN;
    });
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(3 * 840_000);
    assert.equal(source.fetches.length, 1, 'no token is fetched for a store that does not answer');
    assert.equal(store.calls.at(-1)?.operation, 'read', 'the old token is not written any more');

    store.outage = undefined;
    await clock.advance(60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(source.fetches.length, 2);
    assert.equal(published()?.accessToken.reveal(), 'token-2');
  });

  it('the old token stays published', async () => {
    const clock = new FakeClock();
    const { managed, term, store, published } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    store.failNext('publish', STORE_DOWN, 2);
    const run = managed.refresh('due', term);
    await settle();
    assert.equal(published()?.accessToken.reveal(), 'token-1');
    assert.equal(managed.published?.fingerprint, new SecretText('token-1').fingerprint());
    await clock.advance(1500);
    await run;
    assert.equal(published()?.accessToken.reveal(), 'token-2');
  });
});
