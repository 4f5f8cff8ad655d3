import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Failure } from '../../../src/core/failure.ts';
import { MANY_TOKENS } from '../../../src/core/limits/circuit.ts';
import { PROBE_LIMIT_MS, ProviderBreaker } from '../../../src/refresh/limits/provider-breaker.ts';
import type { ManagedTokenBench } from '../../support/managed-token-bench.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildFailure } from '../../support/sample-events.ts';
import { createSchedulerBench, type SchedulerBench } from '../../support/scheduler-bench.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { termUntil } from '../../support/term.ts';
import { fakeTimers, type TimerBench } from '../../support/timer-bench.ts';
import { MINUTE_MS } from '../../support/token-builder.ts';

const CYCLE_MS = 840_000;
const CONCURRENCY = 4;
const REJECTED = buildFailure({
  code: 'credentials-rejected',
  retry: 'needs-human',
  message: 'answered 401',
});

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

/** A provider whose tokens have all been refreshed, and are due spread over half a cycle from now on. */
async function settleCustomers(tokenCount: number): Promise<SchedulerBench> {
  const random = createSeededRandom(7);
  bench = createSchedulerBench(timers.clock, {
    tokenCount,
    concurrency: CONCURRENCY,
    offsetMs: () => random.next() * (CYCLE_MS / 2),
  });
  bench.start();
  await timers.advance(CYCLE_MS / 2);
  return bench;
}

function breakDown(tokens: readonly ManagedTokenBench[], outage: Failure | undefined): void {
  for (const { source } of tokens) source.outage = outage;
}

function countCalls({ fetchTimesMs }: SchedulerBench, fromMs: number, toMs: number = Infinity): number {
  return fetchTimesMs().filter((atMs) => atMs >= fromMs && atMs < toMs).length;
}

describe('a provider that is down for all of its tokens', () => {
  const calls: number[] = [];
  for (const tokenCount of [20, 2000]) {
    it(`Good neighbours: is asked a few times a minute, with ${tokenCount} customers that wait`, async () => {
      const stage = await settleCustomers(tokenCount);
      const fromMs = timers.clock.monotonicMs();
      breakDown(stage.tokens, buildFailure());
      await timers.advance(13 * MINUTE_MS);
      const made = countCalls(stage, fromMs);
      calls.push(made);
      assert.ok(made >= 13 && made <= 80, `${made} calls in 13 minutes`);
      const failed = stage.events.of('refresh-failed');
      assert.ok(failed.filter(({ repeated }) => !repeated).length <= tokenCount, 'told once a token');
      assert.ok(failed.length <= tokenCount + made, `${failed.length} failures told`);
      assert.equal(stage.events.of('provider-outage-began').length, 1);

      breakDown(stage.tokens, undefined);
      const backMs = timers.clock.monotonicMs();
      await timers.advance(60_000);
      const { waiting } = stage.events.last('provider-outage-ended');
      assert.ok(waiting > tokenCount / 2, `${waiting} waited`);
      assert.ok(
        stage.tokens.every(({ managed }) => managed.dueInMs() > -15_000),
        'nobody is left waiting',
      );
      assert.ok(countCalls(stage, backMs) <= tokenCount + 5, 'each token is fetched once');
    });
  }

  it('Good neighbours: is asked as often by a hundred times as many customers', () => {
    const [few = 0, many = 0] = calls;
    assert.ok(many <= 1.5 * few, `${few} calls for 20 customers, ${many} for 2000`);
  });

  it('Fresh: the first probe that succeeds lets the token go first that expires first, as many at once as configured', async () => {
    const stage = await settleCustomers(60);
    breakDown(stage.tokens, buildFailure());
    await timers.advance(6 * MINUTE_MS);
    const expiries = new Map(
      stage.tokens.map(({ identity, managed }) => [identity.token, managed.published?.expiresAtMs ?? 0]),
    );
    for (const { source } of stage.tokens) source.delayMs = 200;
    breakDown(stage.tokens, undefined);
    const from = stage.events.of('token-refreshed').length;
    await timers.advance(25_000);
    const order = stage.events
      .of('token-refreshed')
      .slice(from)
      .map(({ identity }) => expiries.get(identity.token) ?? 0);
    assert.ok(order.length >= 20, `${order.length} refreshed`);
    // The probe, and those that failed before the others waited, come in between.
    const untried = order.slice(1 + CONCURRENCY);
    const late = untried.filter((expiry, index) => index > 0 && expiry < (untried[index - 1] ?? 0)).length;
    assert.ok(late <= 2 * CONCURRENCY, `${late} of ${untried.length} out of order`);
  });

  it('Nobody is locked out: has its Retry-After obeyed by all', async () => {
    const stage = await settleCustomers(200);
    const fromMs = timers.clock.monotonicMs();
    breakDown(stage.tokens, buildFailure({ code: 'rate-limited', retryAfterMs: 10 * MINUTE_MS }));
    await timers.advance(9 * MINUTE_MS);
    const made = countCalls(stage, fromMs);
    assert.ok(made <= 10 + CONCURRENCY, `${made} calls`);
    breakDown(stage.tokens, undefined);
    await timers.advance(3 * MINUTE_MS);
    assert.ok(stage.tokens.every(({ managed }) => managed.dueInMs() > -15_000));
  });

  it('Nobody is locked out: has rejected credentials presented a few times in a quarter of an hour, then every 15 minutes', async () => {
    const stage = await settleCustomers(200);
    const fromMs = timers.clock.monotonicMs();
    breakDown(stage.tokens, REJECTED);
    await timers.advance(15 * MINUTE_MS);
    const first = countCalls(stage, fromMs);
    assert.ok(first <= 4 + MANY_TOKENS + CONCURRENCY, `${first} calls in 15 minutes`);
    await timers.advance(60 * MINUTE_MS);
    const later = countCalls(stage, fromMs) - first;
    assert.ok(later >= 3 && later <= 6, `${later} calls in the hour after that`);
  });

  it('lets all go on at once when a credential changes', async () => {
    const stage = await settleCustomers(50);
    breakDown(stage.tokens, REJECTED);
    await timers.advance(20 * MINUTE_MS);
    breakDown(stage.tokens, undefined);
    for (const { source } of stage.tokens) source.changeCredential();
    await timers.advance(2000);
    assert.ok(stage.tokens.every(({ managed }) => managed.dueInMs() > -15_000));
  });

  it('is not held back by a probe that hangs for longer than half a minute', async () => {
    const stage = await settleCustomers(50);
    breakDown(stage.tokens, buildFailure());
    await timers.advance(3 * MINUTE_MS);
    for (const { source } of stage.tokens) source.delayMs = 3_600_000;
    await timers.advance(MINUTE_MS);
    const hanging = stage.tokens.filter(({ source }) => source.isFetching);
    assert.ok(hanging.length >= 1 && hanging.length <= 3, `${hanging.length} hang`);
    for (const { source } of stage.tokens) source.delayMs = 0;
    breakDown(stage.tokens, undefined);
    await timers.advance(PROBE_LIMIT_MS + 1000);
    const waiting = stage.tokens.filter(({ managed }) => managed.dueInMs() < -15_000);
    assert.equal(waiting.length, hanging.length);
    await timers.advance(60 * MINUTE_MS);
  });

  it('is asked at once for a human, and all go on when that succeeds', async () => {
    const stage = await settleCustomers(50);
    breakDown(stage.tokens, buildFailure());
    await timers.advance(10 * MINUTE_MS);
    breakDown(stage.tokens, undefined);
    const waiting = stage.tokens.find(
      ({ managed, source }) => managed.isRefreshing && source.fetches.length === 1,
    );
    assert.ok(waiting !== undefined);
    await waiting.managed.refresh('explicit', waiting.term);
    await timers.advance(61_000);
    assert.ok(stage.tokens.every(({ managed }) => managed.dueInMs() > -15_000));
  });

  it('is asked anew by the next term', async () => {
    const stage = await settleCustomers(50);
    breakDown(stage.tokens, REJECTED);
    await timers.advance(10 * MINUTE_MS);
    await stage.stop();
    breakDown(stage.tokens, undefined);
    const untried = stage.tokens.filter(({ source }) => source.fetches.length === 1).slice(0, 10);
    const term = termUntil(new AbortController().signal, new AbortController().signal);
    assert.deepEqual(
      new Set(
        (await Promise.all(untried.map(({ managed }) => managed.refresh('due', term)))).map(
          ({ kind }) => kind,
        ),
      ),
      new Set(['refreshed']),
    );
    bench = undefined;
  });
});

describe('a provider that fails for some of its tokens', () => {
  for (const { title, failure } of [
    { title: 'is unavailable for every other customer', failure: buildFailure() },
    { title: 'rejects every other customer', failure: REJECTED },
    {
      title: 'limits the rate of every other customer for an hour',
      failure: buildFailure({ code: 'rate-limited', retryAfterMs: 60 * MINUTE_MS }),
    },
  ]) {
    it(`Fresh: ${title}, and refreshes the others in time`, async () => {
      const stage = await settleCustomers(40);
      breakDown(
        stage.tokens.filter((_, index) => index % 2 === 0),
        failure,
      );
      const healthy = stage.tokens.filter((_, index) => index % 2 === 1);
      let leastMs = Number.POSITIVE_INFINITY;
      timers.watch(1000, () => {
        for (const { managed } of healthy)
          leastMs = Math.min(leastMs, (managed.published?.expiresAtMs ?? 0) - timers.clock.now());
      });
      await timers.advance(60 * MINUTE_MS);
      assert.ok(leastMs >= 25_000, `a healthy token had ${leastMs / 1000} s left`);
    });
  }

  it('Fresh: is unavailable for nine of ten customers, and once that is known the others have their tokens in time', async () => {
    const stage = await settleCustomers(300);
    const healthy = stage.tokens.slice(0, 30);
    breakDown(stage.tokens.slice(30), buildFailure());
    await timers.advance(30 * MINUTE_MS);
    let leastMs = Number.POSITIVE_INFINITY;
    timers.watch(1000, () => {
      for (const { managed } of healthy)
        leastMs = Math.min(leastMs, (managed.published?.expiresAtMs ?? 0) - timers.clock.now());
    });
    await timers.advance(60 * MINUTE_MS);
    assert.ok(leastMs >= 25_000, `a healthy token had ${leastMs / 1000} s left`);
  });

  it('Fresh: fails for every second call by chance, and every token is refreshed in time', async () => {
    const stage = await settleCustomers(100);
    const random = createSeededRandom(3);
    for (const { source } of stage.tokens)
      source.flickerWith(() => (random.next() < 0.5 ? buildFailure() : undefined));
    timers.watch(1000, stage.assertReadersAreServed);
    await timers.advance(60 * MINUTE_MS);
  });

  it('Fresh: rejects the first 20 customers of 120 from the start, and all others have tokens within minutes', async () => {
    bench = createSchedulerBench(timers.clock, { tokenCount: 120, concurrency: CONCURRENCY });
    breakDown(bench.tokens.slice(0, 20), REJECTED);
    bench.start();
    await timers.advance(5 * MINUTE_MS);
    assert.ok(bench.tokens.slice(20).every(({ managed }) => managed.published !== undefined));
  });

  it('Fresh: has a token that readers still use go before those of customers that have left, and soon', async () => {
    const { clock } = timers;
    const term = termUntil(new AbortController().signal);
    const { record } = new RecordedEvents();
    const random = createSeededRandom(1);
    const breaker = new ProviderBreaker({ provider: 'pik', clock, random, events: record });
    const turns: string[] = [];
    const ask = async (token: string, isLive: boolean, failure: Failure | undefined): Promise<void> => {
      const hold = breaker.request(token, isLive, term);
      if (hold !== undefined) await breaker.wait(token, 0, hold, term.signal);
      turns.push(token);
      breaker.settle(token, failure, isLive);
    };
    const left = Array.from({ length: 20 }, (_, index) => ask(`left/${index}`, false, REJECTED));
    await timers.advance(2 * MINUTE_MS);
    const callsBefore = turns.length;
    const served = ask('served', true, undefined);
    await timers.advance(6000);
    assert.equal(turns[callsBefore], 'served');
    await Promise.all([...left, served]);
  });

  it('Nobody is locked out: rejects one customer of eight, who alone waits', async () => {
    const stage = await settleCustomers(8);
    breakDown(stage.tokens.slice(0, 1), REJECTED);
    await timers.advance(60 * MINUTE_MS);
    assert.ok(stage.tokens.slice(1).every(({ managed }) => managed.dueInMs() > -15_000));
    assert.equal(stage.events.of('provider-outage-began').length, 0);
  });
});
