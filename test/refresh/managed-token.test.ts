import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock, FetchReport, TokenSource } from '../../src/core/ports.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { decideExpiry } from '../../src/core/token/expiry.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeTokenSource } from '../support/fake-token-source.ts';
import { createEvenRandom, createManagedTokenBench } from '../support/managed-token-bench.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { buildDocument } from '../support/token-builder.ts';

describe('ManagedToken', () => {
  it('fetches a token and publishes it', async () => {
    const clock = new FakeClock();
    const { managed, term, events, published, source } = createManagedTokenBench(clock);
    assert.deepEqual(await managed.refresh('start', term), { kind: 'refreshed' });
    assert.deepEqual(events.names, [
      'refresh-started',
      'token-absent',
      'token-fetched',
      'secret-written',
      'token-refreshed',
    ]);
    assert.equal(published()?.accessToken.reveal(), 'token-1');
    assert.equal(published()?.refreshAtMs, NOON_MS + 840_000);
    assert.equal(published()?.generation, 1);
    assert.equal(managed.dueInMs(), 840_000);
    assert.equal(source.fetches.length, 1);
    assert.ok(!managed.isRefreshing);
  });

  it('counts generations up and says why it refreshed', async () => {
    const clock = new FakeClock();
    const { managed, term, events, published } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    assert.ok(Math.abs(managed.dueInMs()) < 1);
    await managed.refresh('due', term);
    assert.equal(published()?.generation, 2);
    assert.equal(events.last('token-refreshed').reason, 'due');
  });

  it('goes on counting where an expired document stopped', async () => {
    const clock = new FakeClock();
    const { managed, term, store, published, identity, events } = createManagedTokenBench(clock);
    const document = buildDocument({ expiresAtMs: NOON_MS - 1, generation: 41 });
    store.put(identity.secret, serializeDocument(document));
    await managed.refresh('start', term);
    assert.equal(published()?.generation, 42);
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = document;
    assert.deepEqual(events.last('token-absent').expired, {
      issuedAtMs,
      expiresAtMs,
      refreshAtMs,
      generation,
    });
  });

  it('One at a time: fetches nothing when the store holds a fresh document, restored or not', async () => {
    for (const isRestored of [true, false]) {
      const clock = new FakeClock();
      const { managed, term, store, source, events, identity } = createManagedTokenBench(clock);
      store.put(identity.secret, serializeDocument(buildDocument()));
      await clock.advance(60_000);
      if (isRestored) {
        await managed.restore(term.signal);
        assert.equal(Math.round(managed.dueInMs()), 780_000);
      } else {
        assert.equal(managed.dueInMs(), Number.NEGATIVE_INFINITY);
        assert.deepEqual(await managed.refresh('start', term), { kind: 'fresh' });
      }
      assert.equal(events.last('token-restored').generation, 1);
      assert.equal(managed.published?.fingerprint, new SecretText('published-canary').fingerprint());
      assert.equal(source.fetches.length, 0);
      assert.equal(store.callsOf('publish').length, 0);
    }
  });

  it('One at a time: two calls make one fetch and share its outcome', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, identity } = createManagedTokenBench(clock);
    const hold = source.holdNext();
    const first = managed.refresh('due', term);
    await hold.reached;
    const second = managed.refresh('explicit', term);
    assert.ok(managed.isRefreshing);
    hold.release();
    assert.deepEqual(await Promise.all([first, second]), [{ kind: 'refreshed' }, { kind: 'refreshed' }]);
    assert.equal(source.fetches.length, 1);
    assert.equal(store.writesTo(identity.secret), 1);
  });

  it('fetches a fresh token when it is asked to explicitly', async () => {
    const clock = new FakeClock();
    const { managed, term, store, identity, published } = createManagedTokenBench(clock);
    store.put(identity.secret, serializeDocument(buildDocument()));
    await clock.advance(60_000);
    assert.deepEqual(await managed.refresh('explicit', term), { kind: 'refreshed' });
    assert.equal(published()?.accessToken.reveal(), 'token-1');
  });

  it('lets a fault through, and is ready for the next refresh', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    await managed.restore(term.signal);
    // A bug in a kind, as opposed to anything that a network can do.
    const { fetch } = source;
    source.fetch = () => Promise.reject(new TypeError('a bug'));
    await assert.rejects(managed.refresh('due', term), /a bug/);
    assert.ok(!managed.isRefreshing);
    source.fetch = fetch.bind(source);
    assert.deepEqual(await managed.refresh('due', term), { kind: 'refreshed' });
  });
});

/** Hands out one token, with what is left of its life, as the real source reads it. */
class CountingDownSource extends FakeTokenSource {
  readonly #clock: Clock;
  readonly #endsAtMs: number;

  constructor(clock: Clock, endsAtMs: number) {
    super(clock);
    this.#clock = clock;
    this.#endsAtMs = endsAtMs;
  }

  override async fetch(
    ...[chain, signal, isOver, publishedFingerprint]: Parameters<TokenSource['fetch']>
  ): Promise<FetchReport> {
    const accessToken = new SecretText('token-1');
    const sentAtMs = this.#clock.now();
    const expiry = decideExpiry({
      endpoint: 'POST https://api.example.com/token answered 200',
      field: 'expires_in',
      value: (this.#endsAtMs - sentAtMs) / 1000,
      others: [],
      accessToken,
      publishedFingerprint,
      documentedLifetimeSeconds: 900,
      configuredLifetimeSeconds: 900,
      sentAtMs,
      receivedAtMs: sentAtMs,
      clockSkewMs: undefined,
      ageMs: 0,
    });
    if (!expiry.ok) return { result: expiry, clockSkewMs: undefined };
    this.answerWith({ accessToken, expiresAtMs: expiry.value.expiresAtMs });
    return super.fetch(chain, signal, isOver);
  }
}

describe('a token that did not change', () => {
  it('is not written, and is asked for again when it really expires', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, events, identity } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    source.answerWith({ accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 900_000 });
    assert.deepEqual(await managed.refresh('due', term), { kind: 'unchanged' });
    assert.equal(store.writesTo(identity.secret), 1);
    assert.equal(events.last('token-unchanged').refreshAtMs, NOON_MS + 900_000);
    assert.equal(managed.dueInMs(), 60_000);

    await clock.advance(60_000);
    assert.deepEqual(await managed.refresh('due', term), { kind: 'refreshed' });
    assert.equal(store.writesTo(identity.secret), 2);
  });

  it('is no fault when it is handed out again just before it ends', async () => {
    const clock = new FakeClock();
    const source = new CountingDownSource(clock, NOON_MS + 900_000);
    const { managed, term, store, events, identity } = createManagedTokenBench(clock, { provider: source });
    await managed.refresh('start', term);
    await clock.advance(895_000);
    assert.deepEqual(await managed.refresh('due', term, 1), { kind: 'unchanged' });
    assert.deepEqual(await managed.refresh('explicit', term, 1), { kind: 'unchanged' });
    assert.equal(store.writesTo(identity.secret), 1);
    assert.deepEqual(events.of('refresh-failed'), []);
    assert.equal(managed.dueInMs(), 5000);
  });

  it('is not published when it is over before that', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, identity } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(899_000);
    source.answerWith({ accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 900_000 });
    source.delayMs = 2000;
    const refreshed = managed.refresh('due', term, 1);
    await clock.untilSleeping();
    await clock.advance(2000);
    const outcome = await refreshed;
    assert.ok(outcome.kind === 'failed');
    assert.equal(outcome.failure.code, 'response-malformed');
    assert.match(outcome.failure.message, /was over before it could be published/);
    assert.equal(store.writesTo(identity.secret), 1);
  });

  it('is asked for again when the provider now says it dies, if that is earlier', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    source.answerWith({ accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 880_000 });
    assert.deepEqual(await managed.refresh('due', term), { kind: 'unchanged' });
    assert.equal(managed.dueInMs(), 40_000);
  });

  it('Fresh: keeps its planned refresh when it was only asked for early by hand', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(10_000);
    source.answerWith({ accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 900_000 });
    assert.deepEqual(await managed.refresh('explicit', term), { kind: 'unchanged' });
    assert.equal(managed.dueInMs(), 830_000);
  });

  it('is published once more when a further field has changed, also by another process, and then not again', async () => {
    const clock = new FakeClock();
    let bench = createManagedTokenBench(clock);
    const { store, identity, published } = bench;
    const same = { accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 900_000 };
    await bench.managed.refresh('start', bench.term);
    for (const [fields, outcome, process] of [
      [{}, 'unchanged', 1],
      [{ api: 'v2' }, 'refreshed', 1],
      [{ api: 'v2' }, 'unchanged', 1],
      [{ api: 'v2' }, 'unchanged', 2],
      [{ api: 'v3' }, 'refreshed', 3],
      [{}, 'refreshed', 4],
    ] as const) {
      await clock.advance(1000);
      if (process > 1) bench = createManagedTokenBench(clock, { store, random: createEvenRandom(process) });
      const { managed, term, source } = bench;
      await managed.restore(term.signal);
      source.answerWith({ ...same, fields });
      assert.deepEqual(await managed.refresh('explicit', term), { kind: outcome });
      if (outcome === 'refreshed') assert.deepEqual(published()?.fields, fields);
    }
    assert.equal(store.writesTo(identity.secret), 4);
    assert.equal(published()?.accessToken.reveal(), 'token-1');
  });

  it('costs a few writes in its life when a further field changes with every answer', async () => {
    for (const policy of [{}, { refreshAfter: { kind: 'fraction', fraction: 0.6 } }] as const) {
      const clock = new FakeClock();
      const { managed, term, source, store, identity } = createManagedTokenBench(clock, { policy });
      const expiresAtMs = NOON_MS + 86_400_000;
      for (let answer = 0; clock.now() < expiresAtMs; answer += 1) {
        source.answerWith({
          accessToken: new SecretText('token-1'),
          expiresAtMs,
          fields: { answer: `${answer}` },
        });
        await managed.refresh('due', term);
        await clock.advance(Math.max(managed.dueInMs(), 1000));
      }
      assert.ok(store.writesTo(identity.secret) <= 16, `${store.writesTo(identity.secret)}`);
    }
  });

  it('of which a further field is beyond the limits is not published, and says so', async () => {
    const clock = new FakeClock();
    const { managed, term, source, store, identity, events, published } = createManagedTokenBench(clock);
    source.answerWith({ fields: { api: 'canary'.repeat(200) } });
    await advanceUntilDone(clock, 500, managed.refresh('start', term));
    const { failure } = events.last('refresh-failed');
    assert.equal(failure.code, 'response-malformed');
    assert.equal(
      failure.message,
      'the answer for pik has 1200 characters in fields.api, 1 to 1024 are published',
    );
    assert.equal(store.writesTo(identity.secret), 1);
    assert.equal(published()?.accessToken.reveal(), 'token-2');
  });

  it('Never worse: another token that would expire earlier is not published', async () => {
    const clock = new FakeClock();
    const { managed, term, source, published } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    source.answerWith({ expiresAtMs: NOON_MS + 890_000 });
    assert.deepEqual(await managed.refresh('due', term), { kind: 'unchanged' });
    assert.equal(published()?.accessToken.reveal(), 'token-1');
    // A life of 50 s wants its successor 3.3 s before the end.
    assert.equal(Math.round(managed.dueInMs()), 56_667);
  });
});

describe('the spread of many tokens', () => {
  const OFFSET_MS = 100_000;

  it('brings the refresh after a first token forward by the offset, and the later ones not', async () => {
    const clock = new FakeClock();
    const { managed, term } = createManagedTokenBench(clock, { offsetMs: OFFSET_MS });
    await managed.refresh('start', term);
    assert.equal(managed.dueInMs(), 740_000);
    await clock.advance(740_000);
    await managed.refresh('due', term);
    assert.equal(managed.dueInMs(), 840_000);
  });

  for (const { title, reason } of [
    { title: 'asked for by hand, which may have been done for all at once', reason: 'explicit' },
    { title: 'that was overdue at the start', reason: 'start' },
  ] as const) {
    it(`brings the refresh after a token forward ${title}`, async () => {
      const clock = new FakeClock();
      const { managed, term, store, identity } = createManagedTokenBench(clock, { offsetMs: OFFSET_MS });
      store.put(identity.secret, serializeDocument(buildDocument()));
      await clock.advance(850_000);
      await managed.restore(term.signal);
      await managed.refresh(reason, term);
      assert.equal(managed.dueInMs(), 740_000);
    });
  }

  it('survives a restart', async () => {
    const clock = new FakeClock();
    const before = createManagedTokenBench(clock, { offsetMs: OFFSET_MS });
    await before.managed.refresh('start', before.term);
    const after = createManagedTokenBench(clock, { store: before.store });
    await after.managed.restore(after.term.signal);
    await settle();
    assert.equal(after.managed.dueInMs(), 740_000);
  });
});
