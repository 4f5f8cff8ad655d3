import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createEvenRandom, createManagedTokenBench } from '../support/managed-token-bench.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { buildDocument, buildToken } from '../support/token-builder.ts';

describe('two replicas on one store', () => {
  for (const pausedAt of ['before its write', 'in the middle of its write'] as const) {
    it(`Never worse: one that was paused ${pausedAt} does not replace the newer token of the other`, async () => {
      const clock = new FakeClock();
      const store = new MemoryStore();
      const paused = createManagedTokenBench(clock, { store, random: createEvenRandom(1) });
      const awake = createManagedTokenBench(clock, { store, random: createEvenRandom(2) });
      paused.source.answerWith({ accessToken: new SecretText('older') });
      awake.source.answerWith({ accessToken: new SecretText('newer') });

      const hold = pausedAt === 'before its write' ? paused.source.holdNext() : store.holdNext('publish');
      const run = paused.managed.refresh('start', paused.term);
      await hold.reached;
      await clock.advance(5000);
      assert.deepEqual(await awake.managed.refresh('start', awake.term), { kind: 'refreshed' });
      hold.release();

      assert.deepEqual(await run, { kind: 'fresh' });
      assert.equal(paused.published()?.accessToken.reveal(), 'newer');
      assert.equal(paused.managed.published?.fingerprint, new SecretText('newer').fingerprint());
      assert.equal(store.writesTo(paused.identity.secret), 1);
      await clock.advance(840_000);
      assert.deepEqual(await paused.managed.refresh('due', paused.term), { kind: 'refreshed' });
      assert.equal(paused.published()?.generation, 2);
    });
  }

  it('Never worse: one that was paused after a write that took place, and was overtaken, believes the store', async () => {
    const clock = new FakeClock();
    const store = new MemoryStore();
    const paused = createManagedTokenBench(clock, { store, random: createEvenRandom(1) });
    const awake = createManagedTokenBench(clock, { store, random: createEvenRandom(2) });
    store.loseNextAnswer();
    const run = paused.managed.refresh('start', paused.term);
    await settle();
    await awake.managed.restore(awake.term.signal);
    await clock.advance(100);
    awake.source.answerWith({ accessToken: new SecretText('newer') });
    await awake.managed.refresh('explicit', awake.term);
    await clock.advance(400);
    await run;
    assert.equal(paused.published()?.accessToken.reveal(), 'newer', 'the replay moved nothing back');
    await clock.advance(840_000);
    const next = paused.managed.refresh('due', paused.term);
    await settle();
    await clock.advance(60_000);
    await next;
    assert.equal(paused.published()?.accessToken.reveal(), 'token-2');
  });
});

describe('a write that met another version', () => {
  const SECRET = 'payments/pik';

  for (const { title, theirs, generation } of [
    {
      title: 'a token that ends earlier',
      theirs: serializeDocument(buildDocument({ expiresAtMs: NOON_MS + 600_000, generation: 7 })),
      generation: 8,
    },
    { title: 'something that is no token', theirs: new SecretText('{"password":"hunter2"}'), generation: 1 },
    {
      title: 'a token from the future',
      theirs: serializeDocument(
        buildDocument({ issuedAtMs: NOON_MS + 3_600_000, expiresAtMs: NOON_MS + 4_500_000, generation: 1 }),
      ),
      generation: 2,
    },
  ]) {
    it(`is repeated over ${title}, and the generation counts on`, async () => {
      const clock = new FakeClock();
      const { managed, term, store, source, events, published } = createManagedTokenBench(clock);
      events.onNext('token-fetched', () => store.put(SECRET, theirs));
      const run = managed.refresh('start', term);
      await settle();
      assert.equal(events.last('refresh-failed').failure.code, 'store-conflict');
      await clock.advance(500);
      assert.deepEqual(await run, { kind: 'refreshed' });
      assert.equal(published()?.accessToken.reveal(), 'token-1');
      assert.equal(published()?.generation, generation);
      assert.equal(source.fetches.length, 1);
      const [first, second] = store.callsOf('publish');
      assert.deepEqual([first?.expectedVersion, second?.expectedVersion], [undefined, 'outside-1']);
      // Other bytes need another version; the very same ones must not make one.
      assert.equal(first?.requestToken === second?.requestToken, first?.text === second?.text);
    });
  }

  it('goes on failing since its first failure, however often others have written', async () => {
    const clock = new FakeClock();
    const { managed, term, store, events } = createManagedTokenBench(clock);
    const theirs = serializeDocument(buildDocument({ expiresAtMs: NOON_MS + 600_000, generation: 7 }));
    const overtake = (): void => {
      store.put(SECRET, theirs);
    };
    events.onNext('token-fetched', overtake);
    events.onNext('refresh-failed', overtake);
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(5_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(events.of('refresh-failed').length, 2);
    // It ends what the board knows of a failure: readers would seem to be well between two conflicts.
    assert.deepEqual(events.of('token-restored'), []);
    assert.equal(events.last('refresh-recovered').failures, 2);
  });

  it('Never worse: gives way to a token that ends later', async () => {
    const clock = new FakeClock();
    const { managed, term, store, events, published } = createManagedTokenBench(clock);
    const theirs = serializeDocument(buildDocument({ expiresAtMs: NOON_MS + 1_800_000 }));
    events.onNext('token-fetched', () => store.put(SECRET, theirs));
    assert.deepEqual(await managed.refresh('start', term), { kind: 'fresh' });
    assert.equal(published()?.accessToken.reveal(), 'published-canary');
    assert.equal(managed.published?.expiresAtMs, NOON_MS + 1_800_000);
    assert.ok(!events.names.includes('refresh-failed'), 'somebody else being faster is no failure');
  });

  it('is tried again when the read that should explain it is stale', async () => {
    const clock = new FakeClock();
    const { managed, term, store, events, published } = createManagedTokenBench(clock);
    const theirs = serializeDocument(buildDocument({ expiresAtMs: NOON_MS + 1_800_000 }));
    events.onNext('token-fetched', () => {
      store.put(SECRET, theirs);
      store.makeReadsStale();
    });
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(500);
    assert.deepEqual(await run, { kind: 'fresh' });
    assert.equal(published()?.expiresAtMs, NOON_MS + 1_800_000);
  });
});

describe('a document from the future', () => {
  it('Wrong clocks are seen: is replaced by a token of now', async () => {
    const clock = new FakeClock();
    const { managed, term, store, identity, events, published } = createManagedTokenBench(clock);
    const issuedAtMs = NOON_MS + 3_600_000;
    store.put(identity.secret, serializeDocument(buildDocument({ issuedAtMs, generation: 3 })));
    await managed.restore(term.signal);
    assert.equal(events.last('token-absent').why, 'was issued in the future: a clock was wrong');
    assert.deepEqual(await managed.refresh('start', term), { kind: 'refreshed' });
    assert.deepEqual([published()?.issuedAtMs, published()?.generation], [buildToken().issuedAtMs, 4]);
  });
});
