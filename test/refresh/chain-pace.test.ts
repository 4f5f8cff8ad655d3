/** The schedule of a provider whose refresh tokens die before its access tokens. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { createSchedulerBench, gapsBetween, type SchedulerBench } from '../support/scheduler-bench.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const REFRESH_TOKEN_LIFETIME_MS = 15 * MINUTE_MS;

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

describe('refresh tokens of 15 minutes beside access tokens of a day', () => {
  it('No chain is lost by us: the ticks follow, and none is presented after its end', async () => {
    bench = createSchedulerBench(timers.clock, { chainFallback: 'none', lifetimeMs: 24 * HOUR_MS });
    const [token] = bench.tokens;
    assert.ok(token !== undefined);
    const { source, events } = token;
    const fetch = source.fetch.bind(source);
    // Each answer brings a refresh token that lives 15 minutes from then on.
    let brought = 0;
    source.fetch = (chain, signal) => {
      assert.ok(
        (chain?.refreshTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) > timers.clock.now(),
        'the refresh token is alive',
      );
      brought += 1;
      source.answerWith({
        refreshToken: new SecretText(`refresh-${brought}`),
        refreshTokenExpiresAtMs: timers.clock.now() + REFRESH_TOKEN_LIFETIME_MS,
      });
      return fetch(chain, signal);
    };
    bench.start();
    await timers.advance(3 * HOUR_MS);

    const schedules = events.of('schedule-derived').map(({ lifetimeMs, tickMs }) => [lifetimeMs, tickMs]);
    assert.deepEqual(schedules.at(-1), [REFRESH_TOKEN_LIFETIME_MS, 15_000]);
    const gaps = gapsBetween(bench.fetchTimesMs());
    assert.ok(gaps.length >= 12, `${gaps.length} gaps`);
    for (const gapMs of gaps.slice(1)) assert.ok(Math.abs(gapMs - 14 * MINUTE_MS) <= 7_500, `${gapMs} ms`);
    assert.deepEqual(
      source.fetches.map(({ presented }) => presented),
      [undefined, ...Array.from({ length: brought - 1 }, (_, index) => `refresh-${index + 1}`)],
    );
    assert.deepEqual(events.of('refresh-failed'), []);
  });
});
