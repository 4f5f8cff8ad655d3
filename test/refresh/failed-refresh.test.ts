import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench, type ManagedTokenBench } from '../support/managed-token-bench.ts';
import { buildFailure } from '../support/sample-events.ts';
import { buildDocument, HOUR_MS } from '../support/token-builder.ts';

const REJECTED = { code: 'credentials-rejected', retry: 'needs-human' } as const;
const QUARTER_HOUR_MS = 15 * 60_000;

/** The waits that were announced, in milliseconds. Each event is emitted in the moment of the failure. */
async function collectWaits(
  clock: FakeClock,
  { events }: ManagedTokenBench,
  count: number,
): Promise<readonly number[]> {
  const waits: number[] = [];
  await settle();
  while (waits.length < count) {
    const { nextAttemptAtMs } = events.last('refresh-failed');
    const waitMs = nextAttemptAtMs - clock.now();
    assert.ok(clock.pendingDelaysMs.includes(waitMs), 'it sleeps for as long as it says');
    waits.push(waitMs);
    await clock.advance(waitMs);
  }
  return waits;
}

describe('a refresh that fails', () => {
  it('waits twice as long each time, up to half a minute on average, as long as there was no token anyway', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    bench.source.outage = buildFailure();
    const run = bench.managed.refresh('start', bench.term);
    assert.deepEqual(
      await collectWaits(clock, bench, 9),
      [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
    );
    bench.stop();
    await run;
  });

  it('Fresh: waits at most a quarter of the life that is left, and every 60 s after expiry', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    bench.source.outage = buildFailure();
    const run = bench.managed.refresh('due', bench.term);
    assert.deepEqual(await collectWaits(clock, bench, 6), [500, 1000, 2000, 4000, 6563, 5742]);
    await clock.advance(60_000 - 500 - 1000 - 2000 - 4000 - 6563 - 5742);
    await clock.advance(clock.pendingDelaysMs[0] ?? 0);
    assert.deepEqual(await collectWaits(clock, bench, 5), [60_000, 60_000, 60_000, 60_000, 60_000]);

    bench.source.outage = undefined;
    await clock.advance(60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('Nobody is locked out: obeys Retry-After, also beyond the life that is left', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    await bench.managed.refresh('start', bench.term);
    await clock.advance(840_000);
    bench.source.failWith({ code: 'rate-limited', retryAfterMs: 90_000 });
    const run = bench.managed.refresh('due', bench.term);
    assert.deepEqual(await collectWaits(clock, bench, 1), [90_000]);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('Nobody is locked out: asks rejected credentials again after 15 minutes', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    bench.source.failWith(REJECTED, 2);
    const run = bench.managed.refresh('start', bench.term);
    assert.deepEqual(await collectWaits(clock, bench, 2), [QUARTER_HOUR_MS, QUARTER_HOUR_MS]);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('asks at once when a rejected credential changes', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    source.failWith(REJECTED);
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(60_000);
    assert.ok(source.isWatchedForCredentials);
    source.changeCredential();
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.ok(!source.isWatchedForCredentials);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('Nobody is locked out: a changed credential does not cut a Retry-After short', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    source.failWith({ ...REJECTED, retryAfterMs: 90_000 });
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(30_000);
    source.changeCredential();
    await clock.advance(59_000);
    assert.equal(source.fetches.length, 1);
    await clock.advance(1000);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('does not watch the credentials when they are not to blame', async () => {
    const clock = new FakeClock();
    const { managed, term, source, stop } = createManagedTokenBench(clock);
    source.failWith();
    const run = managed.refresh('start', term);
    await settle();
    assert.ok(!source.isWatchedForCredentials);
    stop();
    await run;
  });

  it('Loud: says whether a failure repeats the one before, how often it failed, and that it is over', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events } = createManagedTokenBench(clock);
    source.failWith({}, 2);
    source.failWith({ code: 'rate-limited' });
    source.failWith();
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(500 + 1000 + 2000 + 4000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.deepEqual(
      events.of('refresh-failed').map(({ failure, attempt, repeated }) => [failure.code, attempt, repeated]),
      [
        ['provider-unavailable', 1, false],
        ['provider-unavailable', 2, true],
        ['rate-limited', 3, false],
        ['provider-unavailable', 4, false],
      ],
    );
    const { failures, failedForMs } = events.last('refresh-recovered');
    assert.deepEqual([failures, failedForMs], [4, 7500]);
  });

  it('Loud: tells every failed call of the provider and until when readers have a token', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(840_000);
    source.failWith();
    const run = managed.refresh('due', term);
    await settle();
    assert.equal(events.last('token-fetched').failure?.code, 'provider-unavailable');
    assert.equal(events.last('refresh-failed').expiresAtMs, clock.now() + 60_000);
    await clock.advance(500);
    await run;
  });
});

describe('an explicit refresh', () => {
  for (const { title, failure } of [
    { title: 'for a while', failure: {} },
    { title: 'for a human', failure: REJECTED },
  ]) {
    it(`ends a wait ${title}`, async () => {
      const clock = new FakeClock();
      const { managed, term, source } = createManagedTokenBench(clock);
      source.failWith(failure);
      const run = managed.refresh('start', term);
      await settle();
      const explicit = managed.refresh('explicit', term);
      assert.deepEqual(await Promise.all([run, explicit]), [{ kind: 'refreshed' }, { kind: 'refreshed' }]);
      assert.equal(source.fetches.length, 2);
    });
  }

  it('gets a fetch of its own when it joins a run that finds nothing to fetch', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source } = createManagedTokenBench(clock);
    await managed.refresh('start', term);
    await clock.advance(60_000);
    managed.invalidate();
    const held = store.holdNext('read');
    const run = managed.refresh('start', term);
    await settle();
    const explicit = managed.refresh('explicit', term);
    const another = managed.refresh('explicit', term);
    held.release();
    assert.deepEqual(await Promise.all([run, explicit, another]), [
      { kind: 'fresh' },
      { kind: 'refreshed' },
      { kind: 'refreshed' },
    ]);
    assert.equal(source.fetches.length, 2, 'one for all who asked');
  });

  it('gets none when the token is not managed any more by then', async () => {
    const clock = new FakeClock();
    const { managed, term, store, source, identity } = createManagedTokenBench(clock);
    const held = store.holdNext('publish');
    const run = managed.refresh('start', term);
    await settle();
    const explicit = managed.refresh('explicit', term);
    // Somebody else publishes one that is as good.
    const theirs = buildDocument({ expiresAtMs: clock.now() + 2 * HOUR_MS });
    store.put(identity.secret, serializeDocument(theirs));
    const retired = managed.retire(term);
    held.release();
    assert.deepEqual(await Promise.all([run, explicit]), [{ kind: 'fresh' }, { kind: 'fresh' }]);
    await retired;
    assert.equal(source.fetches.length, 1);
  });

  it('Nobody is locked out: does not end a wait that the provider asked for', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    source.failWith({ code: 'rate-limited', retryAfterMs: 90_000 });
    const run = managed.refresh('start', term);
    await settle();
    await clock.advance(89_000);
    void managed.refresh('explicit', term);
    await settle();
    assert.equal(source.fetches.length, 1);
    await clock.advance(1000);
    await run;
    assert.equal(source.fetches.length, 2);
  });
});

describe('a refresh with a limit of attempts', () => {
  it('ends after so many failures', async () => {
    const clock = new FakeClock();
    const { managed, term, source, events } = createManagedTokenBench(clock);
    source.failWith({}, 3);
    const run = managed.refresh('due', term, 3);
    await settle();
    await clock.advance(1500);
    assert.deepEqual(await run, { kind: 'failed', failure: buildFailure() });
    assert.equal(events.of('refresh-failed').length, 3);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('ends at once when a human is needed', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    source.failWith(REJECTED);
    const outcome = await managed.refresh('due', term, 3);
    assert.deepEqual(outcome, { kind: 'failed', failure: buildFailure(REJECTED) });
    assert.equal(source.fetches.length, 1);
  });

  it('Nobody is locked out: leaves a Retry-After behind that the next refresh obeys', async () => {
    const clock = new FakeClock();
    const { managed, term, source } = createManagedTokenBench(clock);
    source.failWith({ code: 'rate-limited', retryAfterMs: 90_000 });
    await managed.refresh('explicit', term, 1);
    const next = managed.refresh('explicit', term, 1);
    await settle();
    await clock.advance(89_999);
    assert.equal(source.fetches.length, 1);
    await clock.advance(1);
    assert.deepEqual(await next, { kind: 'refreshed' });
  });
});
