import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Condition } from '../../src/alerts/alert-conditions.ts';
import {
  AlertGroups,
  FIRST_LOOK_MS,
  GROUP_WINDOW_MS,
  GROWTH_MS,
  KEEP_EVERY_MS,
  QUIET_MS,
} from '../../src/alerts/alert-groups.ts';
import type { AlertName } from '../../src/core/alert.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/property.ts';

const REMIND_EVERY_MS = 4 * 3_600_000;
const HOUR_MS = 3_600_000;

/** `count` tokens of a provider. */
function holds(alert: AlertName, count = 1): Condition {
  const provider = alert === 'NoLeader' ? undefined : 'pik';
  const members = Array.from({ length: count }, (_, index) => ({
    token: `${provider}/${index}`,
    failure: undefined,
    detail: undefined,
  }));
  return { alert, provider, members };
}

function createGroups() {
  const clock = new FakeClock();
  const groups = new AlertGroups({ clock, remindEveryMs: REMIND_EVERY_MS, providers: ['pik', 'apimw'] });
  const told: string[] = [];
  const look = (...conditions: readonly Condition[]): void => {
    for (const { occasion, alert, provider, members } of groups.decide(conditions))
      told.push(`${occasion} ${provider ?? '-'}/${alert} x${members.length}`);
  };
  return {
    clock,
    groups,
    look,
    /** Looks every second for so long. */
    pass: async (durationMs: number, ...conditions: readonly Condition[]): Promise<void> => {
      for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
        await clock.advance(1_000);
        look(...conditions);
      }
    },
    /** What was told since the last call, repetitions aside. */
    news: (): readonly string[] => told.splice(0).filter((line) => !line.startsWith('kept')),
    everything: (): readonly string[] => told.splice(0),
  };
}

describe('AlertGroups', () => {
  for (const byMs of [-HOUR_MS, HOUR_MS])
    it(`tells by the clock as it is now since when, once it was set by ${byMs} ms, and nothing twice`, async () => {
      const { clock, groups, look, pass, news } = createGroups();
      look(holds('RefreshFailing'));
      await pass(GROUP_WINDOW_MS, holds('RefreshFailing'));
      assert.deepEqual(news(), ['fired pik/RefreshFailing x1']);
      clock.jumpWallTime(byMs);
      const startedMs = clock.now() - GROUP_WINDOW_MS;
      await pass(KEEP_EVERY_MS - 1_000, holds('RefreshFailing'));
      await clock.advance(1_000);
      const [kept] = groups.decide([holds('RefreshFailing')]);
      assert.deepEqual([kept?.occasion, kept?.startedAtMs], ['kept', startedMs]);
      assert.deepEqual(news(), []);
    });

  it('tells 214 tokens that fail one after the other within the window in one message', async () => {
    const { look, clock, news } = createGroups();
    look(holds('RefreshFailing', 1));
    await clock.advance(GROUP_WINDOW_MS - 1);
    look(holds('RefreshFailing', 100));
    assert.deepEqual(news(), []);
    await clock.advance(1);
    look(holds('RefreshFailing', 214));
    assert.deepEqual(news(), ['fired pik/RefreshFailing x214']);
    look(holds('RefreshFailing', 214));
    assert.deepEqual(news(), []);
  });

  it('says nothing about what a retry has cured within the window', async () => {
    const { look, pass, news } = createGroups();
    look(holds('RefreshFailing'));
    await pass(GROUP_WINDOW_MS - 1_000, holds('RefreshFailing'));
    await pass(HOUR_MS);
    assert.deepEqual(news(), []);
  });

  it('tells the end once, with how long it lasted, when it has been quiet for five seconds', async () => {
    const { clock, groups, pass, look, news } = createGroups();
    await pass(90_000, holds('RefreshFailing', 3));
    assert.deepEqual(news(), ['fired pik/RefreshFailing x3']);
    await clock.advance(1_000);
    look();
    await clock.advance(QUIET_MS[0] - 1);
    look();
    assert.deepEqual(news(), []);
    await clock.advance(1);
    const [end, ...others] = groups.decide([]);
    assert.equal(end?.occasion, 'recovered');
    assert.equal(end?.members.length, 3);
    assert.equal(end?.lastedMs, 90_000);
    assert.deepEqual(others, []);
    await pass(HOUR_MS);
    assert.deepEqual(news(), []);
  });

  it('tells the end of all that it was told for, and not of the last alone, and of none that is told about otherwise', async () => {
    const { pass, groups, clock, news } = createGroups();
    await pass(10_000, holds('RefreshFailing', 3));
    assert.deepEqual(news(), ['fired pik/RefreshFailing x3']);
    await pass(10_000, holds('RefreshFailing', 1));
    await pass(QUIET_MS[0] + 1_000);
    assert.deepEqual(news(), ['recovered pik/RefreshFailing x3']);

    const [first, second, third] = holds('RefreshFailing', 3).members;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const failing = (...members: Condition['members']): Condition => ({
      ...holds('RefreshFailing'),
      members,
    });
    const rejected = { ...holds('CredentialsRejected'), members: [first] };
    await clock.advance(HOUR_MS);
    await pass(10_000, failing(first, second, third));
    await pass(10_000, failing(second, third), rejected);
    await pass(10_000, failing(third), rejected);
    assert.deepEqual(news(), ['fired pik/RefreshFailing x3', 'fired pik/CredentialsRejected x1']);
    groups.decide([rejected]);
    await clock.advance(QUIET_MS[0]);
    const [end] = groups.decide([rejected]);
    assert.equal(end?.occasion, 'recovered');
    assert.deepEqual(
      end.members.map(({ token }) => token),
      ['pik/1', 'pik/2'],
    );
  });

  it('tells growth at once when the group has doubled, and otherwise within five minutes', async () => {
    const { pass, news } = createGroups();
    await pass(10_000, holds('RefreshFailing', 10));
    news();
    await pass(GROWTH_MS - 20_000, holds('RefreshFailing', 19));
    assert.deepEqual(news(), []);
    await pass(1_000, holds('RefreshFailing', 20));
    assert.deepEqual(news(), ['grew pik/RefreshFailing x20']);
    await pass(GROWTH_MS, holds('RefreshFailing', 21));
    assert.deepEqual(news(), ['grew pik/RefreshFailing x21']);
    await pass(GROWTH_MS, holds('RefreshFailing', 5));
    assert.deepEqual(news(), []);
  });

  it('reminds at the interval, as often as that passes', async () => {
    const { pass, news } = createGroups();
    await pass(10_000, holds('TokenExpired'));
    news();
    await pass(REMIND_EVERY_MS - 10_000, holds('TokenExpired'));
    assert.deepEqual(news(), []);
    await pass(REMIND_EVERY_MS, holds('TokenExpired'));
    assert.deepEqual(news(), ['reminder pik/TokenExpired x1']);
  });

  it('repeats what goes on every minute, also while it is waited whether it is over', async () => {
    const { pass, everything } = createGroups();
    await pass(6_000, holds('RefreshFailing'));
    assert.deepEqual(everything(), ['fired pik/RefreshFailing x1']);
    await pass(3 * KEEP_EVERY_MS, holds('RefreshFailing'));
    assert.deepEqual(everything(), Array(3).fill('kept pik/RefreshFailing x1'));
  });

  it('takes a longer quiet for the end each time that an alert comes back within an hour', async () => {
    const { pass, news } = createGroups();
    for (const [index, quietMs] of [...QUIET_MS, 900_000].entries()) {
      await pass(GROUP_WINDOW_MS + 1_000, holds('RefreshFailing'));
      assert.deepEqual(news(), ['fired pik/RefreshFailing x1'], `time ${index + 1}`);
      await pass(quietMs);
      assert.deepEqual(news(), [], `time ${index + 1}`);
      await pass(1_000);
      assert.deepEqual(news(), ['recovered pik/RefreshFailing x1'], `time ${index + 1}`);
    }
    await pass(HOUR_MS + 1_000);
    await pass(GROUP_WINDOW_MS + 1_000, holds('RefreshFailing'));
    await pass(QUIET_MS[0] + 1_000);
    assert.deepEqual(news(), ['fired pik/RefreshFailing x1', 'recovered pik/RefreshFailing x1']);
  });

  for (const [what, before, after, occasion] of [
    ['expires', 'TokenExpiring', 'TokenExpired', 'superseded'],
    ['fails for another cause', 'RefreshFailing', 'CredentialsRejected', 'superseded'],
    ['is about to expire', 'RefreshFailing', 'TokenExpiring', 'superseded'],
    ['expires before that was told', 'StoreWriteFailing', 'TokenExpired', 'superseded'],
    ['is refused and was never published', 'TokenExpired', 'CredentialsRejected', 'superseded'],
    ['is refreshed while others fail', 'TokenExpired', 'RefreshFailing', 'recovered'],
    ['fails no more, but is short of versions', 'RefreshFailing', 'VersionBudgetLow', 'recovered'],
  ] as const) {
    it(`says ${occasion} when a token ${what}`, async () => {
      const { pass, news } = createGroups();
      await pass(10_000, holds(before));
      assert.deepEqual(news(), [`fired pik/${before} x1`]);
      await pass(20_000, holds(after));
      assert.deepEqual(news().toSorted(), [`fired pik/${after} x1`, `${occasion} pik/${before} x1`]);
    });
  }

  it('tells the end of what is over while an alert about other tokens goes on', async () => {
    const { pass, news } = createGroups();
    const other = { ...holds('TokenExpired'), members: holds('TokenExpired', 2).members.slice(1) };
    await pass(10_000, holds('RefreshFailing'), other);
    news();
    await pass(10_000, other);
    assert.deepEqual(news(), ['recovered pik/RefreshFailing x1']);
  });

  it('tells the end of two causes that end together as two ends', async () => {
    const { pass, news } = createGroups();
    await pass(10_000, holds('RefreshFailing'), holds('StoreWriteFailing'));
    news();
    await pass(10_000);
    assert.deepEqual(news().toSorted(), [
      'recovered pik/RefreshFailing x1',
      'recovered pik/StoreWriteFailing x1',
    ]);
  });

  it('tells a token whose cause changes with every attempt a handful of times, not each time', async () => {
    const { pass, news } = createGroups();
    for (let minute = 0; minute < 60; minute += 1) {
      await pass(30_000, holds('RefreshFailing'));
      await pass(30_000, holds('StoreWriteFailing'));
    }
    assert.ok(news().length <= 10, 'in an hour');
    await pass(HOUR_MS);
    assert.deepEqual(
      new Set(news()),
      new Set(['recovered pik/RefreshFailing x1', 'recovered pik/StoreWriteFailing x1']),
    );
  });

  it('looks after what a former leader may have raised, once, a minute into the term', async () => {
    const { groups, pass, news } = createGroups();
    groups.beginTerm();
    await pass(FIRST_LOOK_MS - 1_000, holds('TokenExpired'));
    assert.deepEqual(news(), ['fired pik/TokenExpired x1']);
    await pass(1_000, holds('TokenExpired'));
    const inherited = news();
    assert.equal(inherited.length, 2 * 9 + 1 - 1);
    assert.ok(inherited.every((line) => line.startsWith('inherited ')));
    assert.ok(inherited.includes('inherited -/NoLeader x0'));
    assert.ok(!inherited.includes('inherited pik/TokenExpired x0'));
    await pass(HOUR_MS, holds('TokenExpired'));
    assert.deepEqual(news(), []);
  });

  it('ends what a former leader may have raised also where a blip holds just then', async () => {
    const { groups, pass, news } = createGroups();
    groups.beginTerm();
    await pass(FIRST_LOOK_MS - 2_000);
    await pass(4_000, holds('TokenExpired'));
    await pass(HOUR_MS);
    assert.ok(news().includes('inherited pik/TokenExpired x0'));
  });

  it('says nothing of the end of what it leaves to the next leader', async () => {
    const { groups, pass, news } = createGroups();
    groups.beginTerm();
    await pass(10_000, holds('TokenExpired'), holds('NoLeader'));
    news();
    groups.endTerm();
    await pass(HOUR_MS);
    assert.deepEqual(news(), ['recovered -/NoLeader x1']);
  });

  it('tells each alert in order, and no more than eight times an hour, however it flaps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 3 })), {
          maxLength: 60,
        }),
        async (steps) => {
          const { clock, groups } = createGroups();
          let isOpen = false;
          const firedMs: number[] = [];
          for (const [seconds, count] of steps) {
            const conditions = count === 0 ? [] : [holds('RefreshFailing', count)];
            for (let second = 0; second < seconds; second += 1) {
              for (const { occasion } of groups.decide(conditions)) {
                assert.equal(occasion === 'fired', !isOpen, occasion);
                isOpen = occasion !== 'recovered';
                if (occasion === 'fired') firedMs.push(clock.monotonicMs());
              }
              await clock.advance(1_000);
            }
          }
          for (const fromMs of firedMs) {
            const within = firedMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + HOUR_MS);
            assert.ok(within.length <= 8, `${within.length} within an hour`);
          }
        },
      ),
      { numRuns: 5 },
    );
  });
});
