/** Reports that a published token was refused, from the first of them to the token that takes its place. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeChainState } from '../../src/core/token/chain-state.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FetchBudget } from '../../src/refresh/limits/fetch-budget.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { createRejectionBench, type RejectionBench } from '../support/rejection-bench.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { termUntil } from '../support/term.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { buildChainState, buildDocument, HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

let timers: TimerBench;
let bench: RejectionBench;

beforeEach(() => {
  timers = fakeTimers();
});

afterEach(async () => {
  await bench.stop();
  timers.restore();
});

describe('a published token that readers are refused with', () => {
  it('is replaced within seconds of the first report, by one fetch', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    await timers.advance(2 * MINUTE_MS);
    assert.equal(bench.outcome(), 'fetch');
    await timers.advance(1_000);
    assert.equal(bench.current(), 'token-2');
    assert.equal(bench.events.last('token-refreshed').reason, 'rejected');
    assert.equal(bench.events.last('token-refreshed').generation, 2);
    assert.deepEqual(bench.report('token-1'), {
      kind: 'replaced',
      generation: 2,
      expiresAtMs: bench.tokens[0]?.published()?.expiresAtMs,
    });
    assert.equal(bench.source.fetches.length, 2);
  });

  it('One at a time: is fetched once for 1,000 reports of it by 50 readers, before, while and after it is replaced', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.source.delayMs = 700;
    bench.start();
    await timers.advance(1);
    await timers.advance(2 * MINUTE_MS);
    const random = createSeededRandom(50);
    const outcomes = new Map<string, number>();
    // The 401s of requests that were sent before the refresh come for as long as these requests take.
    for (let report = 0; report < 1_000; report += 1) {
      const outcome = bench.outcome('token-1');
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await timers.advance(random.next() * 8);
    }
    assert.equal(bench.source.fetches.length, 2);
    assert.equal(bench.current(), 'token-2');
    assert.equal(outcomes.get('fetch'), 1);
    assert.ok((outcomes.get('refreshing') ?? 0) > 50, [...outcomes].join(' '));
    assert.ok((outcomes.get('replaced') ?? 0) > 500, [...outcomes].join(' '));
  });

  it('leads to nothing when another token was published meanwhile: no rotation is lost, none is made', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    await timers.advance(14 * MINUTE_MS + 10_000);
    assert.equal(bench.current(), 'token-2');
    await timers.advance(40_000);
    assert.equal(bench.outcome('token-1'), 'replaced');
    assert.equal(bench.outcome('no token of ours'), 'replaced');
    await timers.advance(MINUTE_MS);
    assert.equal(bench.source.fetches.length, 2);
  });

  it('gives way to one that ends earlier, also when another process has written the refused one again', async () => {
    for (const isOverwritten of [false, true]) {
      const { clock } = timers;
      bench = createRejectionBench(clock);
      bench.start();
      await timers.advance(1);
      await timers.advance(MINUTE_MS);
      bench.source.lifetimeMs = 10 * MINUTE_MS;
      const hold = bench.source.holdNext();
      bench.report();
      await hold.reached;
      const [only] = bench.tokens;
      const refused = only?.published();
      assert.ok(refused !== undefined && only !== undefined);
      if (isOverwritten)
        bench.store.put(only.identity.secret, serializeDocument({ ...refused, generation: 9 }));
      hold.release();
      await timers.advance(30_000);
      assert.equal(bench.current(), 'token-2', `${isOverwritten}`);
      assert.equal(only.published()?.generation, isOverwritten ? 10 : 2);
      await bench.stop();
    }
  });

  it('Never worse: gives way to the token that another process has published instead', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    bench.source.lifetimeMs = 10 * MINUTE_MS;
    const hold = bench.source.holdNext();
    bench.report();
    await hold.reached;
    const theirs = buildDocument({
      provider: 'pivot',
      accessToken: new SecretText('theirs'),
      issuedAtMs: clock.now(),
      generation: 2,
    });
    bench.store.put('payments/pivot', serializeDocument(theirs));
    hold.release();
    await timers.advance(30_000);
    assert.equal(bench.current(), 'theirs');
  });

  it('is not taken for replaced when the provider hands out the same one; it is asked again ten minutes later', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock, { lifetimeMs: HOUR_MS });
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    // With a later end, which for a token that works would be worth a write.
    bench.source.answerWith({ accessToken: new SecretText('token-1'), expiresAtMs: NOON_MS + 3 * HOUR_MS });
    bench.report();
    await timers.advance(31_000);
    assert.equal(bench.outcome(), 'capped');
    assert.equal(bench.events.last('token-rejected').cap, 'same-again');
    assert.equal(bench.tokens[0]?.published()?.generation, 1);
    assert.equal(bench.events.last('token-unchanged').refreshAtMs, NOON_MS + 56 * MINUTE_MS, 'as planned');
    await timers.advance(9 * MINUTE_MS);
    assert.equal(bench.outcome(), 'capped');
    await timers.advance(MINUTE_MS);
    assert.equal(bench.outcome(), 'fetch');
    await timers.advance(1_000);
    assert.equal(bench.current(), 'token-3');
  });

  it('is asked for once where the provider is known to hand out the same one until it ends', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock, { reissue: 'same-until-expiry' });
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    bench.source.answerWith({
      accessToken: new SecretText('token-1'),
      expiresAtMs: NOON_MS + 15 * MINUTE_MS,
    });
    bench.report();
    for (let minute = 0; minute < 12; minute += 1) {
      await timers.advance(MINUTE_MS);
      assert.equal(bench.outcome(), 'capped');
    }
    assert.equal(bench.source.fetches.length, 2);
    await timers.advance(3 * MINUTE_MS);
    assert.equal(bench.current(), 'token-3', 'by the schedule');
  });

  it('is not fetched a third time when two in a row are refused, until a regular one comes', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    // Everything that is published is refused, and readers look every five seconds.
    const seen = new Map<number, string[]>();
    for (let atS = 0; atS < 1_200; atS += 5) {
      await timers.advance(5_000);
      const outcome = bench.outcome();
      const { length } = bench.source.fetches;
      seen.set(length, [...(seen.get(length) ?? []), outcome]);
    }
    const timesMs = bench.fetchTimesMs();
    // Two for reports, the regular one 14 minutes after the last of them, two for reports.
    assert.deepEqual(
      timesMs.map((atMs) => Math.round(atMs / 1000)),
      [0, 30, 60, 899, 930, 960],
    );
    assert.deepEqual(new Set(seen.get(3)), new Set(['cooling-down', 'capped']));
    assert.equal(
      bench.events.of('token-rejected').find(({ cap }) => cap !== undefined)?.cap,
      'refused-again',
    );
  });

  it('is fetched once where each new token ends the one before', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock, { reissue: 'invalidates-previous' });
    bench.start();
    await timers.advance(1);
    for (let atS = 0; atS < 600; atS += 5) {
      await timers.advance(5_000);
      bench.report();
    }
    assert.equal(bench.source.fetches.length, 2);
    assert.equal(bench.outcome(), 'capped');
  });

  it('may be refused after an explicit refresh, and is replaced again', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    for (let atS = 0; atS < 120; atS += 5) {
      await timers.advance(5_000);
      bench.report();
    }
    assert.equal(bench.outcome(), 'capped');
    const [only] = bench.tokens;
    assert.ok(only !== undefined);
    void bench.scheduler.begin(only.managed, (term) => only.managed.refresh('explicit', term, 1));
    await timers.advance(31_000);
    assert.equal(bench.outcome(), 'fetch');
  });

  it('Nobody is locked out: a provider that asks for patience is not asked more often because of reports', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    bench.source.failWith({ code: 'rate-limited', retryAfterMs: 90_000 }, 2);
    const outcomes = new Set<string>();
    for (let atS = 0; atS < 170; atS += 1) {
      outcomes.add(bench.outcome('token-1'));
      await timers.advance(1_000);
    }
    assert.deepEqual(
      bench.fetchTimesMs().map((atMs) => Math.round(atMs / 1000)),
      [0, 60, 150],
    );
    assert.deepEqual(outcomes, new Set(['fetch', 'provider-asked']));
    await timers.advance(80_000);
    assert.equal(bench.current(), 'token-2');
  });

  it('Nobody is locked out: is younger than minInterval only when the provider has not been asked since', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock, { policy: { minIntervalMs: 5 * MINUTE_MS } });
    bench.start();
    await timers.advance(1);
    await timers.advance(4 * MINUTE_MS);
    const verdict = bench.report();
    assert.deepEqual(verdict, { kind: 'blocked', reason: 'cooling-down', retryAfterMs: MINUTE_MS - 1 });
    await timers.advance(MINUTE_MS);
    assert.equal(bench.outcome(), 'fetch');
  });

  it('is fetched within what the budget leaves beside regular refreshes, and those go on', async () => {
    const { clock } = timers;
    // Five an hour are regular, so that one is left.
    bench = createRejectionBench(clock, {
      budget: (events) =>
        new FetchBudget({
          provider: 'pivot',
          limit: { calls: 6, window: 'hour' },
          regularEveryMs: 14 * MINUTE_MS,
          countTokens: () => 1,
          counts: undefined,
          clock,
          events,
        }),
    });
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    assert.equal(bench.outcome(), 'fetch');
    await timers.advance(12 * MINUTE_MS);
    assert.equal(bench.outcome(), 'budget');
    for (let minute = 0; minute < 180; minute += 1) {
      bench.report();
      await timers.advance(MINUTE_MS);
      bench.assertReadersAreServed();
    }
    const timesMs = bench.fetchTimesMs();
    for (const fromMs of timesMs)
      assert.ok(timesMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + HOUR_MS).length <= 6);
  });

  it('presents a refresh token once for reports that come while it is spent', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock, { chainFallback: 'none' });
    const [only] = bench.tokens;
    assert.ok(only !== undefined);
    bench.store.put(only.stateSecret, serializeChainState(only.identity, buildChainState()));
    for (const next of ['refresh-2', 'refresh-3'])
      bench.source.answerWith({ refreshToken: new SecretText(next) });
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    const hold = bench.source.holdNext();
    bench.report();
    await hold.reached;
    for (let report = 0; report < 20; report += 1) assert.equal(bench.outcome('token-1'), 'refreshing');
    // The store is away when the answer comes: the token waits to be published, and is not fetched again.
    bench.store.outage = STORE_DOWN;
    hold.release();
    for (let atS = 0; atS < 60; atS += 1) {
      await timers.advance(1_000);
      assert.equal(bench.outcome('token-1'), 'refreshing');
    }
    bench.store.outage = undefined;
    await timers.advance(60_000);
    assert.equal(bench.outcome('token-1'), 'replaced');
    assert.deepEqual(
      bench.source.fetches.map(({ presented }) => presented),
      ['refresh-canary', 'refresh-2'],
    );
    assert.equal(only.savedChain()?.refreshToken.reveal(), 'refresh-3');
  });

  it('keeps its floor across a restart, which the document tells', async () => {
    const { clock } = timers;
    const store = new MemoryStore();
    store.put('payments/pivot', serializeDocument(buildDocument({ provider: 'pivot' })));
    await timers.advance(20_000);
    bench = createRejectionBench(clock, { store });
    const [only] = bench.tokens;
    await only?.managed.restore(only.term.signal);
    bench.start();
    await timers.advance(1);
    assert.deepEqual(bench.report(), { kind: 'blocked', reason: 'cooling-down', retryAfterMs: 9_999 });
    await timers.advance(10_000);
    assert.equal(bench.outcome(), 'fetch');
  });

  it('is left alone by a replica that does not lead, which cannot know what readers see', async () => {
    const { clock } = timers;
    bench = createRejectionBench(clock);
    assert.equal(bench.outcome('token-1'), 'not leading');
    bench.start();
    await timers.advance(1);
    await timers.advance(MINUTE_MS);
    await bench.stop();
    assert.equal(bench.outcome(), 'not leading');
    assert.equal(bench.source.fetches.length, 1);
  });

  it('is not taken for handed out again when its term ends while it is fetched', async () => {
    bench = createRejectionBench(timers.clock);
    const { scheduler } = bench;
    const leadership = new AbortController();
    scheduler.start(termUntil(leadership.signal));
    await timers.advance(MINUTE_MS);
    bench.source.failWith({}, 9);
    assert.equal(bench.outcome(), 'fetch');
    await timers.advance(1);
    leadership.abort(new Error('leadership was lost'));
    assert.equal(bench.outcome(), 'not leading');
    scheduler.stop();
    await scheduler.drained();
    const next = new AbortController();
    scheduler.start(termUntil(next.signal));
    await timers.advance(31_000);
    assert.equal(bench.outcome('token-1'), 'fetch');
    next.abort(new Error('leadership was lost'));
  });
});
