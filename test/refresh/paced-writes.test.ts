/** What the wait for a turn means for a token. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { WriteRateLimiter } from '../../src/refresh/limits/write-rate-limiter.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { buildIdentity } from '../support/sample-events.ts';

const NEVER = new AbortController().signal;

/** A managed token whose process has just written as much as it may. */
async function createBusyBench(options: Parameters<typeof createManagedTokenBench>[1] = {}) {
  const clock = new FakeClock();
  const rateLimiter = new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond: 4, clock });
  await rateLimiter.enter(0, NEVER);
  return { clock, rateLimiter, bench: createManagedTokenBench(clock, { rateLimiter, ...options }) };
}

describe('a write that waits for its turn', () => {
  it('is not sent when leadership was lost meanwhile, and counts as no write', async () => {
    const { clock, rateLimiter, bench } = await createBusyBench();
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    assert.equal(rateLimiter.waiting, 1);
    bench.loseLeadership();
    assert.deepEqual(await run, {
      kind: 'failed',
      failure: {
        code: 'leadership-lost',
        retry: 'soon',
        message: 'leadership was lost: another replica goes on',
      },
    });
    await clock.advance(10_000);
    assert.equal(bench.store.callsOf('publish').length, 0);
    assert.equal(bench.events.of('secret-written').length, 0);
    assert.equal(rateLimiter.waiting, 0);
  });

  it('is not sent when leadership ended at the very moment of its turn', async () => {
    const { clock, rateLimiter, bench } = await createBusyBench();
    let isLeading = true;
    // As after a pause of the process: the timer of the turn fires before any that ends the term.
    const term = { ...bench.term, hasEnded: () => !isLeading };
    const run = bench.managed.refresh('start', term);
    await settle();
    assert.equal(rateLimiter.waiting, 1);
    isLeading = false;
    await clock.advance(1000);
    const outcome = await run;
    assert.equal(outcome.kind === 'failed' ? outcome.failure.code : outcome.kind, 'leadership-lost');
    assert.equal(bench.store.callsOf('publish').length, 0);
  });

  it('is sent while the program drains', async () => {
    const { clock, bench } = await createBusyBench();
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    bench.stop();
    await clock.advance(1000);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('of a refresh token goes before the documents of all others', async () => {
    const clock = new FakeClock();
    const rateLimiter = new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond: 4, clock });
    await rateLimiter.enter(0, NEVER);
    const store = new MemoryStore();
    const plain = createManagedTokenBench(clock, { rateLimiter, store, identity: buildIdentity('pik') });
    const chained = createManagedTokenBench(clock, {
      rateLimiter,
      store,
      identity: buildIdentity('pivot'),
      chainFallback: 'none',
    });
    chained.source.answerWith({ refreshToken: new SecretText('refresh-1') });
    const runs = [plain, chained].map(({ managed, term }) => managed.refresh('start', term));
    await settle();
    assert.equal(rateLimiter.waiting, 2);
    await clock.advance(10_000);
    assert.deepEqual(await Promise.all(runs), [{ kind: 'refreshed' }, { kind: 'refreshed' }]);
    assert.deepEqual(
      store.callsOf('publish').map(({ secretName }) => secretName),
      [chained.stateSecret, plain.identity.secret, chained.identity.secret],
    );
  });

  it('slows all writes down when the store throttles it', async () => {
    const { clock, rateLimiter, bench } = await createBusyBench();
    bench.store.failNext('publish', { ...STORE_DOWN, isThrottled: true });
    void bench.managed.refresh('start', bench.term);
    await clock.advance(1000);
    assert.ok(rateLimiter.callsPerSecond < 4, `${rateLimiter.callsPerSecond} calls a second`);
    assert.equal(bench.store.callsOf('publish').length, 1);
  });
});
