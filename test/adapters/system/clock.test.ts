import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as FakeTimers from '@sinonjs/fake-timers';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';

const DAY_MS = 86_400_000;

describe('createSystemClock', () => {
  let time: FakeTimers.Clock;
  const clock = createSystemClock();

  beforeEach(() => {
    time = FakeTimers.install({ now: 1_000, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    time.uninstall();
  });

  /** Whether a sleep has ended by now, and how. */
  function watch(sleep: Promise<void>): { state: string } {
    const watched = { state: 'asleep' };
    sleep.then(
      () => {
        watched.state = 'awake';
      },
      (reason: unknown) => {
        watched.state = `rejected: ${String(reason)}`;
      },
    );
    return watched;
  }

  it('reads the globals at every call', () => {
    time.setSystemTime(5_000);
    assert.equal(clock.now(), 5_000);
    const beforeMs = clock.monotonicMs();
    time.tick(250);
    assert.equal(clock.now(), 5_250);
    assert.equal(clock.monotonicMs() - beforeMs, 250);
  });

  for (const { name, delayMs, lastMomentMs } of [
    { name: 'a second', delayMs: 1_000, lastMomentMs: 999 },
    { name: 'a fraction, rounded up', delayMs: 10.2, lastMomentMs: 10 },
    { name: 'the longest delay of a timer', delayMs: 2 ** 31 - 1, lastMomentMs: 2 ** 31 - 2 },
    { name: 'a millisecond more than that', delayMs: 2 ** 31, lastMomentMs: 2 ** 31 - 1 },
    { name: '90 days', delayMs: 90 * DAY_MS, lastMomentMs: 90 * DAY_MS - 1 },
  ]) {
    it(`sleeps ${name}`, async () => {
      const sleeper = watch(clock.sleep(delayMs));
      await time.tickAsync(lastMomentMs);
      assert.equal(sleeper.state, 'asleep');
      await time.tickAsync(1);
      assert.equal(sleeper.state, 'awake');
      assert.equal(time.countTimers(), 0);
    });
  }

  it('wakes at the next turn from a sleep of no or negative length', async () => {
    const sleepers = [watch(clock.sleep(0)), watch(clock.sleep(-5))];
    await time.tickAsync(1);
    assert.deepEqual(
      sleepers.map(({ state }) => state),
      ['awake', 'awake'],
    );
  });

  it('sleeps until aborted when the delay is infinite', async () => {
    const stop = new AbortController();
    const sleeper = watch(clock.sleep(Number.POSITIVE_INFINITY, stop.signal));
    await time.tickAsync(400 * DAY_MS);
    assert.equal(sleeper.state, 'asleep');
    stop.abort(new Error('enough'));
    await time.tickAsync(0);
    assert.equal(sleeper.state, 'rejected: Error: enough');
  });

  it('rejects with the reason of the signal at once, and leaves no timer', async () => {
    const stop = new AbortController();
    const sleeper = watch(clock.sleep(60_000, stop.signal));
    stop.abort(new Error('the program stops'));
    await time.tickAsync(0);
    assert.equal(sleeper.state, 'rejected: Error: the program stops');
    assert.equal(time.countTimers(), 0);
  });

  it('rejects without waiting when the signal is aborted already', async () => {
    const sleeper = watch(clock.sleep(60_000, AbortSignal.abort(new Error('too late'))));
    assert.equal(time.countTimers(), 0);
    await time.tickAsync(0);
    assert.equal(sleeper.state, 'rejected: Error: too late');
  });

  it('takes its listener off the signal when it wakes', async () => {
    const listeners = new Set<unknown>();
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
      listeners.add(listener);
      add(type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    const sleep = clock.sleep(3 * 2 ** 31, signal);
    assert.equal(listeners.size, 1);
    await time.tickAsync(3 * 2 ** 31);
    await sleep;
    assert.equal(listeners.size, 0);
  });

  it('refuses to sleep NaN milliseconds, which a timer would take for one', async () => {
    await assert.rejects(clock.sleep(Number.NaN), RangeError);
  });
});
