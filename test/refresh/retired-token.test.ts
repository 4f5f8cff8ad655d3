/** A token that is not kept any more, because its customer is gone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { ConcurrencyLimit } from '../../src/refresh/limits/concurrency-limit.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import type { FakeTokenSource } from '../support/fake-token-source.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';

const RETIRED = { code: 'aborted', retry: 'soon', message: 'the token is not kept any more' } as const;

describe('a token that is retired', () => {
  it('while nothing is in flight is done with at once', async () => {
    const clock = new FakeClock();
    const { managed, term, events } = createManagedTokenBench(clock);
    await managed.retire(term);
    assert.deepEqual(events.all, []);
  });

  it('during a fetch still publishes what it fetched', async () => {
    const clock = new FakeClock();
    const { managed, term, source, published } = createManagedTokenBench(clock);
    const hold = source.holdNext();
    const run = managed.refresh('due', term);
    await hold.reached;
    const retired = managed.retire(term);
    hold.release();
    await retired;
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-1');
  });

  it('between two attempts makes no further one, and nobody is told of a failure', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events } = createManagedTokenBench(clock);
    source.failWith({ retry: 'needs-human' });
    const run = managed.refresh('due', term);
    await settle();
    await managed.retire(term);
    assert.deepEqual(await run, { kind: 'failed', failure: RETIRED });
    assert.equal(source.fetches.length, 1);
    assert.equal(events.of('refresh-failed').length, 1);
    assert.deepEqual(events.last('refresh-abandoned').failure, RETIRED);
    assert.deepEqual(clock.pendingDelaysMs, []);
    assert.ok(!source.isWatchedForCredentials);
  });

  it('while it waits for its turn gives up', async () => {
    const clock = new FakeClock();
    const gate = new ConcurrencyLimit(1);
    const first = createManagedTokenBench(clock, { gate });
    const second = createManagedTokenBench(clock, { gate });
    const hold = first.source.holdNext();
    const running = first.managed.refresh('due', first.term);
    await hold.reached;
    const waiting = second.managed.refresh('due', second.term);
    await second.managed.retire(second.term);
    assert.deepEqual(await waiting, { kind: 'failed', failure: RETIRED });
    hold.release();
    assert.deepEqual(await running, { kind: 'refreshed' });
    assert.equal(second.source.fetches.length, 0);
  });

  for (const [what, answer] of [
    ['a token', (source) => source.answerWith({ refreshToken: new SecretText('refresh-1') })],
    ['nothing else of use', (source) => source.answerUnusably(new SecretText('refresh-1'))],
  ] as const satisfies readonly (readonly [string, (source: FakeTokenSource) => void])[]) {
    it(`No chain is lost by us: saves a refresh token that came with ${what} first, however long that takes, and fetches nothing`, async () => {
      const clock = new FakeClock();
      const bench = createManagedTokenBench(clock, {
        chainFallback: 'none',
        policy: { minIntervalMs: 300_000 },
      });
      const { managed, term, source, store, events, savedChain } = bench;
      answer(source);
      events.onNext('token-fetched', () => {
        store.outage = STORE_DOWN;
      });
      const run = managed.refresh('due', term);
      await settle();
      let isRetired = false;
      const retired = managed.retire(term).then(() => {
        isRetired = true;
      });
      await settle();
      assert.deepEqual(await run, { kind: 'failed', failure: RETIRED });
      await clock.advance(120_000);
      assert.equal(isRetired, false);
      assert.equal(savedChain(), undefined);
      store.outage = undefined;
      await clock.advance(60_000);
      await retired;
      assert.equal(savedChain()?.generation, 1);
      assert.equal(managed.hasUnsaved, false);
      assert.equal(source.fetches.length, 1);
    });
  }

  it('saves nothing in a replica that does not lead, or with a term that is over', async () => {
    const clock = new FakeClock();
    for (const isLost of [false, true]) {
      const { managed, term, source, store, events, loseLeadership } = createManagedTokenBench(clock, {
        chainFallback: 'none',
      });
      source.answerWith({ refreshToken: new SecretText('refresh-1') });
      events.onNext('token-fetched', () => {
        store.outage = STORE_DOWN;
      });
      void managed.refresh('due', term);
      await settle();
      loseLeadership();
      await managed.retire(isLost ? term : undefined);
      assert.equal(managed.hasUnsaved, true);
      assert.equal(store.callsOf('publish').length, 1);
    }
  });
});
