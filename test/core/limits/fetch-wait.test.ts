import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decideRejectedWait,
  describeWait,
  isForgotten,
  remainingWaitMs,
} from '../../../src/core/limits/fetch-wait.ts';
import type { FetchWait } from '../../../src/core/ports.ts';
import { fc } from '../../support/property.ts';
import { NOON_MS } from '../../support/sample-events.ts';
import { HOUR_MS, MINUTE_MS } from '../../support/token-builder.ts';

const DAY_MS = 24 * HOUR_MS;

function buildWait(changes: Partial<FetchWait> = {}): FetchWait {
  return {
    notBeforeMs: NOON_MS + 10 * MINUTE_MS,
    recordedAtMs: NOON_MS,
    code: 'rate-limited',
    rejectedLives: 0,
    ...changes,
  };
}

describe('waits across restarts', () => {
  it('Nobody is locked out: each rejected restart in a row waits twice as long, up to 15 minutes', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 1000].map((lives) => decideRejectedWait(lives) / MINUTE_MS),
      [1, 2, 4, 8, 15, 15, 15],
    );
  });

  for (const { title, nowMs, restMs } of [
    { title: 'what is left of it', nowMs: NOON_MS + 4 * MINUTE_MS, restMs: 6 * MINUTE_MS },
    { title: 'nothing once it is over', nowMs: NOON_MS + 10 * MINUTE_MS, restMs: 0 },
    {
      title: 'no more than was demanded after the clock was set back',
      nowMs: NOON_MS - HOUR_MS,
      restMs: 10 * MINUTE_MS,
    },
  ]) {
    it(`Nobody is locked out: a restart waits ${title}`, () => {
      assert.equal(remainingWaitMs(buildWait(), nowMs), restMs);
    });
  }

  it('Nobody is locked out: no record whatever makes a restart wait for more than a day', () => {
    const moment = fc.integer({ min: -1e15, max: 1e15 });
    fc.assert(
      fc.property(moment, moment, moment, (notBeforeMs, recordedAtMs, nowMs) => {
        const restMs = remainingWaitMs(buildWait({ notBeforeMs, recordedAtMs }), nowMs);
        assert.ok(restMs >= 0 && restMs <= DAY_MS);
      }),
    );
  });

  it('tells who asked for the wait and until when', () => {
    const until = 'before this process began: it is not asked again before 12:05:00 UTC';
    assert.deepEqual(describeWait(buildWait(), 5 * MINUTE_MS, NOON_MS), {
      code: 'rate-limited',
      retry: 'backoff',
      retryAfterMs: 5 * MINUTE_MS,
      message: `the provider asked for patience ${until}`,
    });
    const rejected = describeWait(
      buildWait({ code: 'credentials-rejected', rejectedLives: 1 }),
      5 * MINUTE_MS,
      NOON_MS,
    );
    assert.equal(rejected?.message, `the provider refused a request ${until}`);
    assert.equal(describeWait(buildWait({ code: 'min-interval' }), 5 * MINUTE_MS, NOON_MS), undefined);
  });

  it('is forgotten a day after it is over', () => {
    const { notBeforeMs } = buildWait();
    assert.equal(isForgotten(buildWait(), notBeforeMs + DAY_MS - 1), false);
    assert.equal(isForgotten(buildWait(), notBeforeMs + DAY_MS), true);
  });
});
