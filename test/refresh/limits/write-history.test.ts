import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../../src/core/failure.ts';
import { fail, type Result, succeed } from '../../../src/core/result.ts';
import { WriteHistory } from '../../../src/refresh/limits/write-history.ts';
import type { Term } from '../../../src/refresh/term.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryStore, STORE_DOWN } from '../../support/memory-store.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildFailure, buildIdentity } from '../../support/sample-events.ts';
import { termUntil } from '../../support/term.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WRITTEN: Result<{ readonly version: string }> = succeed({ version: 'v' });
const DENIED = buildFailure({ code: 'store-denied', retry: 'needs-human', message: 'grant it' });
const FULL: Failure = { code: 'store-quota', retry: 'backoff', message: 'the secret is full' };

function setUp({ versionBudget = 100 }: { readonly versionBudget?: number } = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  store.versionAgesMs = [];
  const events = new RecordedEvents();
  const identity = buildIdentity();
  const history = new WriteHistory(
    { identity, store, clock, events: events.record },
    { target: 'document', secretName: identity.secret, versionBudget },
  );
  let writes = 0;
  const term = startTerm();
  return {
    clock,
    store,
    events,
    history,
    asked: () => store.callsOf('readVersionAges').length,
    /** One write, as the writer reports it. */
    write: async (result = WRITTEN, label = `write-${(writes += 1)}`) => {
      history.expect(label);
      await history.record(label, result, term);
    },
    /** What the state of affairs allows for a token that is written now. */
    nextInMs: () =>
      history.planRefreshAt({
        plannedAtMs: clock.monotonicMs() + 14 * MINUTE_MS,
        latestAtMs: clock.monotonicMs() + 14.5 * MINUTE_MS,
        offsetMs: 0,
        longestPaceMs: 14.5 * MINUTE_MS,
      }) - clock.monotonicMs(),
    budgetEvents: () => events.names.filter((name) => name.startsWith('version-budget')),
  };
}

function startTerm(): Term {
  return termUntil(new AbortController().signal, new AbortController().signal);
}

function ages(count: number, everyMs: number = 10 * MINUTE_MS): readonly number[] {
  return Array.from({ length: count }, (_, index) => index * everyMs);
}

describe('WriteHistory', () => {
  it('asks the store once in a term, and counts what others have written', async () => {
    const { store, history, events, asked, nextInMs } = setUp({ versionBudget: 144 });
    store.versionAgesMs = ages(140);
    assert.equal(nextInMs(), 14 * MINUTE_MS);
    const term = startTerm();
    assert.equal(await history.learn(term), true);
    assert.equal(await history.learn(term), false);
    assert.equal(asked(), 1);
    assert.equal(nextInMs(), 14.5 * MINUTE_MS);
    assert.equal(events.last('secret-versions-counted').agesMs.length, 140);
    assert.equal(await history.learn(startTerm()), true);
    assert.equal(asked(), 2);
  });

  it('goes on with its own count when it may not ask, and asks again in the next term only', async () => {
    const { store, clock, history, events, asked, write } = setUp();
    store.failNext('readVersionAges', DENIED);
    const term = startTerm();
    await history.learn(term);
    for (let count = 0; count < 86; count += 1) await write();
    await clock.advance(2 * HOUR_MS);
    await history.learn(term);
    assert.equal(asked(), 1);
    assert.equal(events.last('secret-versions-counted').failure?.code, 'store-denied');
    assert.equal(events.last('version-budget-low').versions, 85);
    await history.learn(startTerm());
    assert.equal(asked(), 2);
  });

  it('asks again when the store did not answer', async () => {
    const { store, history, asked } = setUp();
    store.failNext('readVersionAges', STORE_DOWN);
    const term = startTerm();
    await history.learn(term);
    await history.learn(term);
    await history.learn(term);
    assert.equal(asked(), 2);
  });

  it('asks again after somebody else has written, and every hour while the budget is nearly used', async () => {
    const { clock, store, history, asked, write } = setUp();
    const term = startTerm();
    await history.learn(term);
    await write(fail(buildFailure({ code: 'store-conflict', retry: 'soon' })));
    assert.equal(await history.learn(term), true);
    history.noticeOthers();
    store.versionAgesMs = ages(90);
    assert.equal(await history.learn(term), true);
    assert.equal(await history.learn(term), false);
    await clock.advance(HOUR_MS);
    assert.equal(await history.learn(term), true);
    assert.equal(asked(), 4);
  });

  it('does not forget what it has written when the store shows an older list', async () => {
    const { store, history, events, write } = setUp();
    for (let count = 0; count < 3; count += 1) await write();
    store.versionAgesMs = [MINUTE_MS];
    await history.learn(startTerm());
    assert.equal(events.last('secret-versions-counted').agesMs.length, 3);
  });

  it('forgets a version when it is a day old, takes none for younger than now, and puts them in order', async () => {
    const { clock, store, history, events } = setUp();
    const counted = () => events.last('secret-versions-counted').agesMs;
    store.versionAgesMs = [1000, 3000, -2000, DAY_MS, DAY_MS - 1];
    await history.learn(startTerm());
    assert.deepEqual(counted(), [DAY_MS - 1, 3000, 1000, 0]);
    await clock.advance(1);
    store.failNext('readVersionAges', STORE_DOWN);
    await history.learn(startTerm());
    assert.deepEqual(counted(), [3001, 1001, 1]);
  });

  it('takes the last try of a write for the moment of its version', async () => {
    const { clock, store, history, events, write } = setUp();
    await write();
    await clock.advance(1000);
    await write(fail(buildFailure({ code: 'store-unavailable' })), 'same');
    await clock.advance(4000);
    await write(WRITTEN, 'same');
    store.failNext('readVersionAges', STORE_DOWN);
    await history.learn(startTerm());
    assert.deepEqual(events.last('secret-versions-counted').agesMs, [5000, 0]);
  });

  for (const [what, code, counts] of [
    ['a lost answer may have been a success', 'store-unavailable', true],
    ['a fenced write has made a version', 'store-conflict', true],
    ['a call that was given up may have arrived', 'aborted', true],
    ['a full store has made none', 'store-quota', false],
    ['a denied call has made none', 'store-denied', false],
  ] as const) {
    it(`counts a write once, however often it is tried: ${what}`, async () => {
      const { history, events, write } = setUp();
      const refused = fail(buildFailure({ code }));
      await write(refused, 'same');
      await write(refused, 'same');
      await history.learn(startTerm());
      assert.equal(events.last('secret-versions-counted').agesMs.length, counts ? 1 : 0);
      await write(WRITTEN, 'same');
      history.noticeOthers();
      await history.learn(startTerm());
      assert.equal(events.last('secret-versions-counted').agesMs.length, 1);
    });
  }

  for (const byMs of [DAY_MS, -DAY_MS]) {
    it(`Wrong clocks are seen: a jump by ${byMs} ms neither empties nor fills it`, async () => {
      const { clock, events, write, budgetEvents } = setUp();
      for (let count = 0; count < 84; count += 1) await write();
      clock.jumpWallTime(byMs);
      await write();
      assert.deepEqual(budgetEvents(), ['version-budget-low']);
      assert.equal(events.last('version-budget-low').versions, 85);
    });
  }

  it('tells each change once: low, exhausted, low again an hour later, recovered', async () => {
    const { clock, write, events, budgetEvents } = setUp();
    for (let count = 0; count < 100; count += 1) await write();
    assert.deepEqual(budgetEvents(), ['version-budget-low']);
    await write();
    await write();
    assert.deepEqual(budgetEvents(), ['version-budget-low', 'version-budget-exhausted']);
    assert.equal(events.last('version-budget-exhausted').versions, 100);
    await clock.advance(DAY_MS);
    await write();
    assert.equal(budgetEvents().at(-1), 'version-budget-recovered');
    assert.equal(budgetEvents().length, 3);
  });

  it('is exhausted for an hour after a write that met no room', async () => {
    const { clock, history, write, budgetEvents } = setUp();
    for (let count = 0; count < 101; count += 1) await write();
    await clock.advance(HOUR_MS - 1);
    await history.learn(startTerm());
    assert.equal(budgetEvents().at(-1), 'version-budget-exhausted');
    await clock.advance(1);
    await history.learn(startTerm());
    assert.equal(budgetEvents().at(-1), 'version-budget-low');
  });

  it('stretches to the full for a day after the store has refused a version', async () => {
    const { clock, events, write, nextInMs } = setUp({ versionBudget: 144 });
    await write();
    assert.equal(nextInMs(), 14 * MINUTE_MS);
    await write(fail(FULL));
    assert.equal(events.last('version-budget-exhausted').versions, 1);
    assert.equal(nextInMs(), 14.5 * MINUTE_MS);
    await clock.advance(DAY_MS);
    assert.equal(nextInMs(), 14 * MINUTE_MS);
  });

  it('knows when a full secret has room again, and asks for that at most every ten minutes', async () => {
    const { clock, store, history, asked, write } = setUp();
    assert.equal(history.roomInMs, undefined);
    store.versionAgesMs = [DAY_MS - 5 * MINUTE_MS, HOUR_MS];
    await write(fail(FULL), 'same');
    assert.equal(history.roomInMs, 5 * MINUTE_MS);
    await clock.advance(MINUTE_MS);
    await write(fail(FULL), 'same');
    assert.equal(asked(), 1);
    assert.equal(history.roomInMs, 4 * MINUTE_MS);
    await write(WRITTEN, 'same');
    assert.equal(history.roomInMs, undefined);
  });
});
