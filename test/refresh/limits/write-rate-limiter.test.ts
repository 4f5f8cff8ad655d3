import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Priority } from '../../../src/refresh/limits/priority-queue.ts';
import { UNSAVED_CHAIN, WriteRateLimiter } from '../../../src/refresh/limits/write-rate-limiter.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { buildFailure } from '../../support/sample-events.ts';

const NEVER = new AbortController().signal;
const THROTTLED = buildFailure({ code: 'store-unavailable', isThrottled: true });

function createBench(callsPerSecond: number) {
  const clock = new FakeClock();
  const rateLimiter = new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond, clock });
  const passed: { readonly name: string; readonly atMs: number }[] = [];
  const enter = (name: string, priority: Priority, signal: AbortSignal = NEVER): void => {
    rateLimiter.enter(priority, signal).then(
      () => passed.push({ name, atMs: clock.monotonicMs() }),
      () => undefined,
    );
  };
  return { clock, rateLimiter, passed, enter, names: () => passed.map(({ name }) => name) };
}

describe('WriteRateLimiter', () => {
  it('lets a few writes through at once and keeps the rest to its rate, with one timer', async () => {
    const { clock, rateLimiter, passed, enter } = createBench(40);
    for (let index = 0; index < 100; index += 1) enter(`write ${index}`, index);
    await settle();
    assert.equal(passed.length, 2);
    assert.equal(rateLimiter.waiting, 98);
    assert.equal(clock.pendingDelaysMs.length, 1);
    await clock.advance(10_000);
    assert.equal(passed.length, 100);
    assert.deepEqual(clock.pendingDelaysMs, [], 'no timer while nobody waits');
    for (const { atMs: fromMs } of passed) {
      const within = passed.filter(({ atMs }) => atMs >= fromMs && atMs <= fromMs + 1000).length;
      assert.ok(2 * within <= 40, `${2 * within} calls in the second from ${fromMs} ms on`);
    }
  });

  it('lets unsaved refresh tokens go first, then the earliest expiry, then who came first', async () => {
    const { clock, enter, names } = createBench(4);
    enter('at once', 9);
    enter('late', 30);
    enter('early', 10);
    enter('early too', 10);
    enter('no token at all', 0);
    enter('chain', UNSAVED_CHAIN);
    await clock.advance(60_000);
    assert.deepEqual(names(), ['at once', 'chain', 'no token at all', 'early', 'early too', 'late']);
  });

  it('lets the more urgent go first, also when it came while the others waited', async () => {
    const { clock, enter, names } = createBench(4);
    enter('at once', 1);
    enter('patient', 20);
    await clock.advance(500);
    enter('urgent', 10);
    await clock.advance(60_000);
    assert.deepEqual(names(), ['at once', 'urgent', 'patient']);
  });

  it('forgets who gives up, and leaves no timer behind', async () => {
    const { clock, rateLimiter, enter } = createBench(4);
    const term = new AbortController();
    for (let index = 0; index < 5; index += 1) enter(`write ${index}`, index, term.signal);
    await settle();
    assert.equal(rateLimiter.waiting, 4);
    term.abort(new Error('leadership was lost'));
    await settle();
    assert.equal(rateLimiter.waiting, 0);
    assert.deepEqual(clock.pendingDelaysMs, []);
    await assert.rejects(rateLimiter.enter(1, term.signal), /leadership was lost/);
    const later = rateLimiter.enter(1, NEVER);
    await clock.advance(1000);
    await later;
  });

  it('slows down while the store throttles and is back at its rate half a minute later', async () => {
    const { clock, rateLimiter } = createBench(40);
    await clock.advance(5000);
    rateLimiter.onThrottled(buildFailure({ code: 'store-unavailable' }));
    assert.equal(rateLimiter.callsPerSecond, 40, 'an outage says nothing about the rate');
    for (let throttled = 0; throttled < 10; throttled += 1) rateLimiter.onThrottled(THROTTLED);
    assert.equal(rateLimiter.callsPerSecond, 20);
    await clock.advance(1000);
    rateLimiter.onThrottled(THROTTLED);
    assert.ok(rateLimiter.callsPerSecond < 11);
    await clock.advance(30_000);
    assert.equal(rateLimiter.callsPerSecond, 40);
  });

  it('refuses a rate that could not keep its promise', () => {
    const clock = new FakeClock();
    for (const callsPerSecond of [3, 0, -1, Number.NaN])
      assert.throws(() => new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond, clock }), RangeError);
  });
});
