import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { momentAt, msUntil } from '../../../src/core/schedule/moment.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

describe('Moment', () => {
  it('comes nearer as time goes by, and passes', async () => {
    const clock = new FakeClock();
    const moment = momentAt(clock.now() + 10_000, clock);
    assert.equal(msUntil(moment, clock), 10_000);
    await clock.advance(4000);
    assert.equal(msUntil(moment, clock), 6000);
    await clock.advance(7000);
    assert.equal(msUntil(moment, clock), -1000);
  });

  for (const { title, byMs, leftMs } of [
    { title: 'does not move away when the wall clock is set back', byMs: -HOUR_MS, leftMs: 10_000 },
    {
      title: 'has passed when the wall clock is set beyond it, as after a sleep of the machine',
      byMs: HOUR_MS,
      leftMs: 10_000 - HOUR_MS,
    },
  ]) {
    it(`Wrong clocks are seen: ${title}`, () => {
      const clock = new FakeClock();
      const moment = momentAt(clock.now() + 10_000, clock);
      clock.jumpWallTime(byMs);
      assert.equal(msUntil(moment, clock), leftMs);
    });
  }
});
