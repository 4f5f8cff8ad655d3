import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { type ChainState, serializeChainState } from '../../src/core/token/chain-state.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import {
  createManagedTokenBench,
  type ManagedTokenBench,
  type ManagedTokenBenchOptions,
} from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { buildChainState, buildDocument, HOUR_MS } from '../support/token-builder.ts';

const REFUSED = {
  code: 'chain-broken',
  retry: 'needs-human',
  message: 'the refresh token was refused',
} as const;
const DAY_MS = 24 * HOUR_MS;

function createChainBench(clock: FakeClock, options: ManagedTokenBenchOptions = {}): ManagedTokenBench {
  return createManagedTokenBench(clock, { chainFallback: 'none', ...options });
}

function saveState(
  { store, identity, stateSecret }: ManagedTokenBench,
  changes: Partial<ChainState> = {},
): void {
  store.put(stateSecret, serializeChainState(identity, buildChainState(changes)));
}

function presented({ source }: ManagedTokenBench): readonly (string | undefined)[] {
  return source.fetches.map((fetch) => fetch.presented);
}

describe('the chain of refresh tokens', () => {
  it('No chain is lost by us: the new refresh token is saved before the document is published', async () => {
    const bench = createChainBench(new FakeClock());
    saveState(bench);
    bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
    assert.deepEqual(await bench.managed.refresh('start', bench.term), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary']);
    assert.deepEqual(
      bench.store.callsOf('publish').map(({ secretName }) => secretName),
      [bench.stateSecret, bench.identity.secret],
    );
    assert.deepEqual(
      bench.events.of('secret-written').map(({ target }) => target),
      ['state', 'document'],
    );
    assert.equal(bench.savedChain()?.refreshToken.reveal(), 'refresh-2');
    assert.equal(bench.savedChain()?.generation, 2);
  });

  it('No chain is lost by us: the next fetch presents what the last one brought', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    for (const next of ['refresh-1', 'refresh-2', 'refresh-3']) {
      bench.source.answerWith({ refreshToken: new SecretText(next) });
      await bench.managed.refresh('due', bench.term);
      await clock.advance(840_000);
    }
    assert.deepEqual(presented(bench), [undefined, 'refresh-1', 'refresh-2']);
  });

  it('No chain is lost by us: while it cannot be saved nothing is fetched and nothing published', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
    bench.events.onNext('token-fetched', () => {
      bench.store.outage = STORE_DOWN;
    });
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    await clock.advance(3 * 840_000);
    assert.equal(bench.source.fetches.length, 1);
    const writes = bench.store.callsOf('publish');
    assert.ok(writes.every(({ secretName }) => secretName === bench.stateSecret));
    assert.equal(new Set(writes.map(({ requestToken }) => requestToken)).size, 1);
    assert.equal(new Set(writes.map(({ text }) => text)).size, 1);

    bench.source.answerWith({ refreshToken: new SecretText('refresh-3') });
    bench.store.outage = undefined;
    await clock.advance(60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-2']);
    assert.equal(bench.savedChain()?.refreshToken.reveal(), 'refresh-3');
  });

  it('No chain is lost by us: a store that cannot be written is noticed before a refresh token is spent', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    bench.store.failNext('verifyWritable', { code: 'store-denied', retry: 'needs-human', message: 'denied' });
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    assert.equal(bench.source.fetches.length, 0);
    assert.equal(bench.events.last('refresh-failed').failure.code, 'store-denied');
    await clock.advance(15 * 60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('No chain is lost by us: an answer without a refresh token keeps the old one', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    await bench.managed.refresh('due', bench.term);
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary']);
    assert.equal(bench.store.callsOf('publish', bench.stateSecret).length, 0);
  });

  it('No chain is lost by us: an unchanged access token that came with a new refresh token saves that', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    bench.source.answerWith({
      accessToken: new SecretText('token-1'),
      expiresAtMs: clock.now() + 60_000,
      refreshToken: new SecretText('refresh-2'),
    });
    assert.deepEqual(await bench.managed.refresh('due', bench.term), { kind: 'unchanged' });
    assert.equal(bench.savedChain()?.refreshToken.reveal(), 'refresh-2');
  });

  it('No chain is lost by us: a refresh token that is not saved yet gets a last try when the program stops', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    bench.source.answerWith({
      accessToken: new SecretText('token-1'),
      refreshToken: new SecretText('refresh-2'),
    });
    bench.store.failNext('publish');
    const run = bench.managed.refresh('due', bench.term);
    await settle();
    bench.stop();
    await run;
    assert.equal(bench.savedChain()?.refreshToken.reveal(), 'refresh-2');
  });

  it('does not step back when a read right after its own write is stale', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    bench.store.makeReadsStale();
    await bench.managed.refresh('due', bench.term);
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-2']);
  });

  it('uses what another replica has saved meanwhile', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    await bench.managed.refresh('start', bench.term);
    saveState(bench, { refreshToken: new SecretText('theirs'), generation: 2 });
    await clock.advance(840_000);
    await bench.managed.refresh('due', bench.term);
    assert.deepEqual(presented(bench), ['refresh-canary', 'theirs']);
  });
});

describe('a refresh token that the provider refuses', () => {
  it('No chain is lost by us: may be a lost race, then the newer one in the store is used soon', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    bench.source.failWith(REFUSED);
    bench.events.onNext('token-fetched', () =>
      saveState(bench, { refreshToken: new SecretText('theirs'), generation: 2 }),
    );
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    assert.deepEqual(
      bench.events.last('refresh-failed').failure.message,
      'the refresh token was refused; a newer refresh token is in the store, using that',
    );
    await clock.advance(500);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'theirs']);
  });

  it('is followed by a start without one where the provider allows that, and is not presented again', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock, { chainFallback: 'start-again' });
    saveState(bench);
    bench.source.failWith(REFUSED);
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    await clock.advance(500);
    assert.deepEqual(await run, { kind: 'refreshed' });
    await clock.advance(840_000);
    await bench.managed.refresh('due', bench.term);
    assert.deepEqual(presented(bench), ['refresh-canary', undefined, undefined]);
  });

  it('Nobody is locked out: needs a human where there is no other way', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench);
    bench.source.failWith(REFUSED);
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    const { failure, nextAttemptAtMs } = bench.events.last('refresh-failed');
    assert.deepEqual([failure.code, failure.retry], ['chain-broken', 'needs-human']);
    assert.equal(nextAttemptAtMs - clock.now(), 15 * 60_000);
    await clock.advance(15 * 60_000);
    await run;
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary']);
  });
});

describe('a refresh token that has expired', () => {
  const expired = { refreshTokenExpiresAtMs: NOON_MS };

  it('is not presented where the provider allows a start without one', async () => {
    const bench = createChainBench(new FakeClock(), { chainFallback: 'start-again' });
    saveState(bench, expired);
    assert.deepEqual(await bench.managed.refresh('start', bench.term), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), [undefined]);
  });

  it('needs a human where there is no other way, without a call of the provider', async () => {
    const bench = createChainBench(new FakeClock());
    saveState(bench, expired);
    const outcome = await bench.managed.refresh('start', bench.term, 1);
    assert.deepEqual(outcome, {
      kind: 'failed',
      failure: {
        code: 'chain-broken',
        retry: 'needs-human',
        message: 'the refresh token of pik has expired: bind the account again',
      },
    });
    assert.equal(bench.source.fetches.length, 0);
  });
});

describe('a state secret that somebody else has written', () => {
  for (const { title, obtainedAtMs, winner, writes } of [
    {
      title: 'an older refresh token is replaced by ours',
      obtainedAtMs: NOON_MS - 1,
      winner: 'ours',
      writes: 2,
    },
    { title: 'a newer refresh token stays', obtainedAtMs: NOON_MS + 1, winner: 'theirs', writes: 1 },
  ]) {
    it(`No chain is lost by us: ${title}`, async () => {
      const clock = new FakeClock();
      const bench = createChainBench(clock);
      saveState(bench);
      bench.source.answerWith({ refreshToken: new SecretText('ours') });
      bench.events.onNext('token-fetched', () =>
        saveState(bench, { refreshToken: new SecretText('theirs'), obtainedAtMs, generation: 2 }),
      );
      const run = bench.managed.refresh('start', bench.term);
      await settle();
      await clock.advance(500);
      assert.deepEqual(await run, { kind: 'refreshed' });
      assert.equal(bench.savedChain()?.refreshToken.reveal(), winner);
      assert.equal(bench.store.callsOf('publish', bench.stateSecret).length, writes);
      assert.equal(bench.source.fetches.length, 1);
      await clock.advance(840_000);
      await bench.managed.refresh('due', bench.term);
      assert.equal(presented(bench).at(-1), winner);
    });
  }
});

describe('a refresh token that dies before the access token', () => {
  const shortChain = {
    refreshToken: new SecretText('refresh-2'),
    refreshTokenExpiresAtMs: NOON_MS + 900_000,
  };

  it('No chain is lost by us: sets the pace of the refresh', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.answerWith({ ...shortChain, expiresAtMs: NOON_MS + DAY_MS });
    await bench.managed.refresh('start', bench.term);
    assert.equal(bench.managed.dueInMs(), 840_000);
    assert.equal(bench.managed.lifetimeMs, 900_000);
  });

  it('No chain is lost by us: sets the pace after a restart too', async () => {
    const clock = new FakeClock();
    const before = createChainBench(clock);
    before.source.answerWith({ ...shortChain, expiresAtMs: NOON_MS + DAY_MS });
    await before.managed.refresh('start', before.term);
    await clock.advance(60_000);
    for (const isRestored of [true, false]) {
      const after = createChainBench(clock, { store: before.store });
      if (isRestored) await after.managed.restore(after.term.signal);
      else assert.deepEqual(await after.managed.refresh('start', after.term), { kind: 'fresh' });
      assert.equal(after.managed.dueInMs(), 780_000);
      assert.equal(after.managed.lifetimeMs, 900_000);
    }
  });

  it('is forgotten when its successor has no end', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench, { refreshTokenExpiresAtMs: NOON_MS + 600_000 });
    bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
    await bench.managed.refresh('start', bench.term);
    assert.equal(bench.managed.dueInMs(), 840_000);
  });

  it('One at a time: is not fetched after when answers bring no successor', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    saveState(bench, { refreshTokenExpiresAtMs: NOON_MS + 60_000 });
    await bench.managed.refresh('start', bench.term);
    assert.equal(bench.managed.dueInMs(), 840_000);
  });

  it('One at a time: causes no storm when it is dead on arrival', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.answerWith({ ...shortChain, refreshTokenExpiresAtMs: NOON_MS - 1000 });
    await bench.managed.refresh('start', bench.term);
    assert.equal(bench.managed.dueInMs(), 840_000);
  });

  it('One at a time: does not hurry a restart when it has died already', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.store.put(bench.identity.secret, serializeDocument(buildDocument()));
    saveState(bench, { refreshTokenExpiresAtMs: NOON_MS - 1000 });
    await bench.managed.restore(bench.term.signal);
    assert.equal(Math.round(bench.managed.dueInMs()), 840_000);
  });
});
