import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { buildFailure, NOON_MS } from '../support/sample-events.ts';
import { createSchedulerBench, gapsBetween, type SchedulerBench } from '../support/scheduler-bench.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const TICK_MS = 15_000;

let timers: TimerBench;
let bench: SchedulerBench | undefined;

beforeEach(() => {
  timers = fakeTimers();
});

afterEach(async () => {
  await bench?.stop();
  bench = undefined;
  timers.restore();
});

describe('ProviderScheduler', () => {
  it('Fresh: refreshes a token of 15 minutes every 14 minutes, give or take half a tick', async () => {
    bench = createSchedulerBench(timers.clock);
    bench.start();
    await timers.advance(1);
    const { assertReadersAreServed, tokens } = bench;
    let leastLifeMs = Number.POSITIVE_INFINITY;
    timers.watch(5000, () => {
      assertReadersAreServed();
      leastLifeMs = Math.min(
        leastLifeMs,
        (tokens[0]?.managed.published?.expiresAtMs ?? Number.NaN) - timers.clock.now(),
      );
    });
    await timers.advance(3 * HOUR_MS);
    const gaps = gapsBetween(bench.fetchTimesMs());
    assert.equal(gaps.length, 12);
    for (const gapMs of gaps) assert.ok(Math.abs(gapMs - 840_000) <= TICK_MS / 2, `${gapMs} ms`);
    assert.ok(leastLifeMs >= MINUTE_MS - TICK_MS / 2, `${leastLifeMs} ms of life left`);
    assert.deepEqual(bench.events.of('tick-missed'), []);
    assert.deepEqual(bench.scheduler.stalledReasons(), []);
  });

  it('says what it derived', async () => {
    bench = createSchedulerBench(timers.clock);
    bench.start();
    await timers.advance(1);
    const [derived] = bench.events.of('schedule-derived');
    assert.deepEqual(
      { ...derived, refreshEveryMs: Math.round(derived?.refreshEveryMs ?? 0) },
      {
        event: 'schedule-derived',
        provider: 'pivot',
        cron: '14-59/15 * * * * *',
        lifetimeMs: 900_000,
        refreshEveryMs: 840_000,
        tickMs: TICK_MS,
        formerLifetimeMs: undefined,
      },
    );
  });

  it('One at a time: a restart fetches nothing that is still fresh, and keeps the plan', async () => {
    const before = createSchedulerBench(timers.clock);
    before.start();
    await timers.advance(5 * MINUTE_MS);
    await before.stop();
    bench = createSchedulerBench(timers.clock, { store: before.store });
    const [token] = bench.tokens;
    await token?.managed.restore(new AbortController().signal);
    bench.start();
    await timers.advance(8 * MINUTE_MS);
    assert.deepEqual(bench.fetchTimesMs(), []);
    await timers.advance(MINUTE_MS + TICK_MS);
    assert.equal(bench.fetchTimesMs().length, 1);
  });

  it('never waits for a refresh that takes its time', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 2 });
    const [slow, quick] = bench.tokens;
    const hold = slow?.source.holdNext();
    bench.start();
    await timers.advance(30 * MINUTE_MS);
    assert.equal(slow?.source.fetches.length, 1);
    assert.equal(quick?.source.fetches.length, 3);
    hold?.release();
    await timers.advance(1);
    assert.equal(slow?.managed.published?.generation, 1);
  });

  it('goes on after an outage without a storm', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 3 });
    bench.start();
    await timers.advance(10 * MINUTE_MS);
    for (const { source } of bench.tokens) source.outage = buildFailure();
    await timers.advance(HOUR_MS);
    const during = bench.fetchTimesMs().length;
    for (const { source } of bench.tokens) source.outage = undefined;
    await timers.advance(2 * MINUTE_MS);
    assert.equal(bench.fetchTimesMs().length, during + 3, 'one fetch each, within one wait');
    bench.assertReadersAreServed();
    assert.equal(bench.events.of('refresh-recovered').length, 3);
  });

  it('Quick to stop: begins nothing more and drains what is in flight', async () => {
    bench = createSchedulerBench(timers.clock);
    const hold = bench.tokens[0]?.source.holdNext();
    bench.start();
    await timers.advance(1);
    const { scheduler } = bench;
    scheduler.stop();
    let isDrained = false;
    const drained = scheduler.drained().then(() => {
      isDrained = true;
    });
    await timers.advance(HOUR_MS);
    assert.equal(isDrained, false);
    hold?.release();
    await drained;
    assert.equal(bench.tokens[0]?.managed.published?.generation, 1);
    assert.equal(bench.fetchTimesMs().length, 1);
    scheduler.handleClockJump();
    await timers.advance(HOUR_MS);
    assert.equal(bench.fetchTimesMs().length, 1);
  });
});

describe('a lifetime that changes', () => {
  for (const { title, toMs, tickMs } of [
    { title: 'shorter', toMs: 5 * MINUTE_MS, tickMs: 5000 },
    { title: 'longer', toMs: HOUR_MS, tickMs: MINUTE_MS },
  ]) {
    it(`derives a new schedule once when it gets ${title}, and says so`, async () => {
      bench = createSchedulerBench(timers.clock, { tokenCount: 4 });
      bench.start();
      await timers.advance(MINUTE_MS);
      for (const { source } of bench.tokens) source.lifetimeMs = toMs;
      const { assertReadersAreServed } = bench;
      timers.watch(5000, assertReadersAreServed);
      await timers.advance(3 * HOUR_MS);
      const derived = bench.events.of('schedule-derived');
      assert.deepEqual(
        derived.map((event) => [event.formerLifetimeMs, event.lifetimeMs, event.tickMs]),
        [
          [undefined, 900_000, TICK_MS],
          [900_000, toMs, tickMs],
        ],
      );
    });
  }

  it('Fresh: does not leave readers without a token when it falls below a fixed refreshAfter', async () => {
    bench = createSchedulerBench(timers.clock, {
      policy: { refreshAfter: { kind: 'duration', durationMs: 14 * MINUTE_MS } },
    });
    bench.start();
    await timers.advance(MINUTE_MS);
    const [token] = bench.tokens;
    if (token !== undefined) token.source.lifetimeMs = 5 * MINUTE_MS;
    timers.watch(5000, bench.assertReadersAreServed);
    await timers.advance(HOUR_MS);
    assert.equal(bench.events.of('schedule-derived').length, 2);
  });

  it('No chain is lost by us: looks often enough for a refresh token that dies before the access token', async () => {
    bench = createSchedulerBench(timers.clock, { lifetimeMs: 24 * HOUR_MS, chainFallback: 'none' });
    const [token] = bench.tokens;
    for (let count = 1; count <= 5; count += 1) {
      token?.source.answerWith({
        refreshToken: new SecretText(`refresh-${count}`),
        refreshTokenExpiresAtMs: NOON_MS + count * 840_000 + MINUTE_MS,
      });
    }
    bench.start();
    await timers.advance(4 * 840_000 + MINUTE_MS);
    assert.deepEqual(
      token?.source.fetches.map(({ presented }) => presented),
      [undefined, 'refresh-1', 'refresh-2', 'refresh-3', 'refresh-4'],
    );
  });
});

describe('a classic schedule', () => {
  const setting = { kind: 'classic', expression: '*/14 * * * *', gaps: { largestGapMs: 840_000 } } as const;

  it('refreshes every token at every firing', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 3, setting });
    bench.start();
    await timers.advance(MINUTE_MS);
    assert.equal(bench.fetchTimesMs().length, 3, 'at the start, because there was none');
    await timers.advance(HOUR_MS);
    const firings = new Set(bench.fetchTimesMs().map((atMs) => Math.round(atMs / MINUTE_MS)));
    assert.deepEqual([...firings], [0, 14, 28, 42, 56, 60]);
    assert.equal(bench.fetchTimesMs().length, 6 * 3);
    assert.equal(bench.events.last('schedule-derived').cron, '*/14 * * * *');
  });

  it('is honoured also where the token would last much longer', async () => {
    bench = createSchedulerBench(timers.clock, { setting, lifetimeMs: HOUR_MS });
    bench.start();
    await timers.advance(29 * MINUTE_MS);
    assert.equal(bench.fetchTimesMs().length, 3);
  });

  it('One at a time: fetches nothing at the start that lives until the next firing', async () => {
    const before = createSchedulerBench(timers.clock, { setting });
    before.start();
    await timers.advance(5 * MINUTE_MS);
    await before.stop();
    bench = createSchedulerBench(timers.clock, { setting, store: before.store });
    await bench.tokens[0]?.managed.restore(new AbortController().signal);
    bench.start();
    await timers.advance(MINUTE_MS);
    assert.deepEqual(bench.fetchTimesMs(), []);
  });
});

describe('tokens that come and go', () => {
  it('refreshes what is added at once when it is due, and from then on with the others', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 2 });
    const [, second] = bench.tokens;
    assert.ok(second !== undefined);
    await bench.scheduler.remove(second.managed);
    bench.start();
    await timers.advance(MINUTE_MS);
    assert.equal(second.source.fetches.length, 0);
    bench.scheduler.add([second.managed]);
    await timers.advance(1);
    assert.equal(second.source.fetches.length, 1);
    await timers.advance(HOUR_MS);
    assert.equal(second.source.fetches.length, 5);
  });

  it('ticks after a restart as before, although what was restored lives some milliseconds shorter', async () => {
    const before = createSchedulerBench(timers.clock, { lifetimeMs: HOUR_MS / 2 - 700 });
    before.start();
    await timers.advance(MINUTE_MS);
    await before.stop();
    bench = createSchedulerBench(timers.clock, { lifetimeMs: HOUR_MS / 2, store: before.store });
    const [token] = bench.tokens;
    assert.ok(token !== undefined);
    await token.managed.restore(new AbortController().signal);
    assert.equal(token.managed.lifetimeMs, HOUR_MS / 2 - 700);
    bench.start();
    const { lifetimeMs, tickMs, refreshEveryMs } = bench.events.last('schedule-derived');
    assert.deepEqual([lifetimeMs, tickMs, refreshEveryMs], [HOUR_MS / 2, 30_000, 28 * MINUTE_MS]);
  });

  it('Fresh: follows the lifetime of what is added, which the store may have known for long', async () => {
    const before = createSchedulerBench(timers.clock, { lifetimeMs: 5 * MINUTE_MS });
    before.start();
    await timers.advance(MINUTE_MS);
    await before.stop();
    bench = createSchedulerBench(timers.clock, { lifetimeMs: HOUR_MS, store: before.store });
    const [token] = bench.tokens;
    assert.ok(token !== undefined);
    await bench.scheduler.remove(token.managed);
    bench.start();
    await token.managed.restore(new AbortController().signal);
    bench.scheduler.add([token.managed]);
    const { lifetimeMs, tickMs, formerLifetimeMs } = bench.events.last('schedule-derived');
    assert.deepEqual([lifetimeMs, tickMs, formerLifetimeMs], [5 * MINUTE_MS, 5_000, HOUR_MS]);
    await timers.advance(4 * MINUTE_MS - 25_000);
    assert.deepEqual(bench.fetchTimesMs(), []);
    await timers.advance(10_000);
    assert.equal(bench.fetchTimesMs().length, 1);
  });

  it('only takes note of what is added while it does not lead', async () => {
    bench = createSchedulerBench(timers.clock);
    bench.scheduler.add(bench.tokens.map(({ managed }) => managed));
    await timers.advance(HOUR_MS);
    assert.deepEqual(bench.fetchTimesMs(), []);
  });

  for (const begin of ['refreshNow', 'replaceRefused'] as const)
    it(`asks once whether it leads before it begins (${begin}): a term may end between two looks`, async () => {
      bench = createSchedulerBench(timers.clock);
      const { scheduler, tokens } = bench;
      const [token] = tokens;
      assert.ok(token !== undefined);
      let looks = 1;
      const never = new AbortController().signal;
      scheduler.start({ signal: never, stopping: never, hasEnded: () => looks++ > 0 });
      looks = 0;
      const run =
        begin === 'refreshNow'
          ? scheduler.begin(token.managed, (term) => token.managed.refresh('explicit', term, 1))
          : scheduler.begin(token.managed, (term) => token.managed.replaceRefused('any', term));
      await timers.advance(MINUTE_MS);
      assert.equal((await run)?.kind, 'failed');
      assert.deepEqual(bench.fetchTimesMs(), []);
    });

  it('does not refresh what is removed, and waits for what of it is in flight', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 2 });
    const [first, second] = bench.tokens;
    assert.ok(first !== undefined && second !== undefined);
    const hold = first.source.holdNext();
    bench.start();
    await hold.reached;
    let isGone = false;
    const removed = bench.scheduler.remove(first.managed).then(() => {
      isGone = true;
    });
    await timers.advance(1_000);
    assert.equal(isGone, false);
    hold.release();
    await removed;
    await timers.advance(HOUR_MS);
    assert.equal(first.source.fetches.length, 1);
    assert.equal(first.published()?.generation, 1);
    assert.equal(second.source.fetches.length, 5);
  });
});
