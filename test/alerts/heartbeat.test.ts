import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { keepBeating } from '../../src/alerts/heartbeat.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildFailure } from '../support/sample-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

function startHeart(t: TestContext) {
  const clock = new FakeClock();
  const events = new RecordedEvents();
  const stopping = new AbortController();
  const state: { isAlive: boolean; answer: Result<void> } = { isAlive: false, answer: succeed(undefined) };
  const beatsAtMs: number[] = [];
  const ended = keepBeating(
    {
      everyMs: 60_000,
      ping: () => {
        beatsAtMs.push(clock.monotonicMs());
        return Promise.resolve(state.answer);
      },
      isAlive: () => state.isAlive,
      clock,
      random: createSeededRandom(1),
      events: events.record,
    },
    stopping.signal,
  );
  t.after(async () => {
    stopping.abort();
    await ended;
  });
  return { clock, events, state, beatsAtMs };
}

describe('keepBeating', () => {
  it('beats at once and then at its interval, for as long as the loop turns', async (t) => {
    const { clock, state, beatsAtMs } = startHeart(t);
    await clock.advance(10_000);
    assert.deepEqual(beatsAtMs, []);
    state.isAlive = true;
    await clock.advance(130_000);
    assert.deepEqual(beatsAtMs, [11_000, 71_000, 131_000]);
    state.isAlive = false;
    await clock.advance(600_000);
    assert.equal(beatsAtMs.length, 3);
    state.isAlive = true;
    await clock.advance(1_000);
    assert.equal(beatsAtMs.length, 4);
  });

  it('tries again soon after a beat that was not heard, and says so once', async (t) => {
    const { clock, state, beatsAtMs, events } = startHeart(t);
    state.isAlive = true;
    state.answer = fail(buildFailure());
    await clock.advance(10_000);
    await settle();
    assert.ok(beatsAtMs.length > 2, `${beatsAtMs.length}`);
    assert.equal(events.of('alert-sent').filter(({ repeated }) => !repeated).length, 1);
    state.answer = succeed(undefined);
    await clock.advance(60_000);
    assert.equal(events.of('alert-sink-recovered').length, 1);
    assert.equal(events.last('alert-sent').alert, 'Heartbeat');
  });
});
