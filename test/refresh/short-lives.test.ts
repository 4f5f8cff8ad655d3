/** A provider that hands out tokens which live shorter than the versions of a secret bear. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { buildFailure } from '../support/sample-events.ts';
import { createSchedulerBench, type SchedulerBench } from '../support/scheduler-bench.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BUDGET = 100;

/** The shorter they live, the more ticks: a tick a second for a day would take a minute to look at. */
const LIVES = {
  'of 10 s': { livesMs: [10 * SECOND_MS], hours: 1 },
  'of a minute': { livesMs: [MINUTE_MS], hours: 3 },
  'of 5 minutes': { livesMs: [5 * MINUTE_MS], hours: 25 },
  'of 10 minutes': { livesMs: [10 * MINUTE_MS], hours: 25 },
  'of 6 and of 15 minutes in turn': { livesMs: [6 * MINUTE_MS, 15 * MINUTE_MS], hours: 25 },
};

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

describe('tokens that live shorter than the version budget bears', () => {
  for (const [title, { livesMs, hours }] of Object.entries(LIVES)) {
    it(`The version quota is never hit by surprise: ${title}`, async () => {
      bench = createSchedulerBench(timers.clock, { policy: { versionBudget: BUDGET } });
      const { tokens, store, events } = bench;
      const source = tokens[0]?.source;
      assert.ok(source !== undefined);
      source.flickerWith(() => {
        source.lifetimeMs = livesMs[source.fetches.length % livesMs.length] ?? 0;
        return undefined;
      });
      // Its own count; the store of this bench does not know when a version was made.
      store.failNext('readVersionAges', buildFailure({ code: 'store-denied', retry: 'needs-human' }));
      bench.start();
      await timers.advance(hours * HOUR_MS);
      const writtenAtMs = events.of('token-refreshed').map(({ issuedAtMs }) => issuedAtMs);
      const perDay = writtenAtMs.map(
        (fromMs) => writtenAtMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + DAY_MS).length,
      );
      assert.equal(Math.max(...perDay), BUDGET, 'versions in 24 hours');
      const [told, ...others] = events.of('version-budget-exhausted');
      assert.ok((told?.heldForMs ?? 0) > 0, 'told that readers will be without a token');
      assert.deepEqual(others, []);
      assert.ok(source.fetches.length <= 1.2 * BUDGET, `${source.fetches.length} calls`);
      if (hours * HOUR_MS > DAY_MS) assert.ok(writtenAtMs.length > BUDGET, 'versions that age out are used');
    });
  }
});
