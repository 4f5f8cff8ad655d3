import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  beginRejectionFetch,
  decideRejection,
  endRejectionFetch,
  FLOOR_MS,
  MAX_A_DAY,
  MAX_AN_HOUR,
  NO_REJECTIONS,
  noteVerdict,
  type Reissue,
  type RejectionFacts,
  type RejectionHistory,
} from '../../../src/core/rejection/decide-rejection.ts';
import { fc } from '../../support/property.ts';

const PUBLISHED = {
  fingerprint: 'published',
  generation: 7,
  expiresAtMs: 900_000,
  refreshInMs: 780_000,
};
const FACTS: RejectionFacts = {
  published: PUBLISHED,
  pausedMs: undefined,
  demandedMs: 0,
  blockedMs: 0,
  floorMs: 0,
  budgetMs: 0,
};

interface Case {
  readonly facts?: Partial<RejectionFacts>;
  readonly history?: RejectionHistory;
  readonly fingerprint?: string;
  readonly reissue?: Reissue;
  readonly nowMs?: number;
}

function decide({ facts, history = NO_REJECTIONS, fingerprint = 'published', reissue = 'new', nowMs }: Case) {
  return decideRejection(fingerprint, { ...FACTS, ...facts }, history, reissue, nowMs ?? 0);
}

/** A fetch for a report of `refused`, after which readers see `seen`. */
function fetched(history: RejectionHistory, refused: string, seen: string, nowMs: number): RejectionHistory {
  return endRejectionFetch(beginRejectionFetch(history, nowMs), refused, seen, nowMs);
}

const REPLACED = { kind: 'replaced', generation: 7, expiresAtMs: 900_000 };
const FETCH = { kind: 'fetch', retryAfterMs: 2_000 };
const once = fetched(NO_REJECTIONS, 'first', 'published', 0);
const twice = fetched(fetched(NO_REJECTIONS, 'first', 'second', 0), 'second', 'published', 40_000);
const same = fetched(NO_REJECTIONS, 'published', 'published', 0);
const often = (times: number, everyMs: number): RejectionHistory =>
  Array.from({ length: times }, (_, index) => index * everyMs).reduce(beginRejectionFetch, NO_REJECTIONS);

describe('a report that a published token was refused', () => {
  for (const { what, of, expected } of [
    { what: 'the published token', of: {}, expected: FETCH },
    { what: 'another token', of: { fingerprint: 'former' }, expected: REPLACED },
    {
      what: 'another token while a refresh is under way',
      of: { fingerprint: 'former', facts: { pausedMs: 0, demandedMs: 5_000 } },
      expected: REPLACED,
    },
    {
      what: 'a token while nothing is published',
      of: { facts: { published: undefined } },
      expected: { kind: 'absent', retryAfterMs: 30_000 },
    },
    {
      what: 'a token while nothing is published and a refresh is under way',
      of: { facts: { published: undefined, pausedMs: 0 } },
      expected: { kind: 'refreshing', retryAfterMs: 2_000 },
    },
    {
      what: 'the published token while it is refreshed',
      of: { facts: { pausedMs: 0, floorMs: 9_000, budgetMs: 9_000, blockedMs: 9_000 }, history: twice },
      expected: { kind: 'refreshing', retryAfterMs: 2_000 },
    },
    {
      what: 'the published token while its refresh waits for the next attempt',
      of: { facts: { pausedMs: 8_000 } },
      expected: { kind: 'refreshing', retryAfterMs: 8_000 },
    },
    {
      what: 'the published token while the provider wants to be left alone',
      of: { facts: { demandedMs: 45_000, pausedMs: 45_000 } },
      expected: { kind: 'blocked', reason: 'provider-asked', retryAfterMs: 45_000 },
    },
    {
      what: 'a token that was just published',
      of: { facts: { floorMs: 12_000 }, history: twice },
      expected: { kind: 'blocked', reason: 'cooling-down', retryAfterMs: 12_000 },
    },
    {
      what: 'the published token after its credentials were rejected',
      of: { facts: { blockedMs: 7_200_000 } },
      expected: { kind: 'blocked', reason: 'cooling-down', retryAfterMs: 3_600_000 },
    },
    {
      what: 'the published token while the budget has no room',
      of: { facts: { budgetMs: 400 } },
      expected: { kind: 'blocked', reason: 'budget', retryAfterMs: 1_000 },
    },
    { what: 'a token that a report brought', of: { history: once, nowMs: 31_000 }, expected: FETCH },
    {
      what: 'the second one in a row',
      of: { history: twice, nowMs: 80_000 },
      expected: { kind: 'blocked', reason: 'capped', cap: 'refused-again', retryAfterMs: 780_000 },
    },
    {
      what: 'the second one in a row, which has worked before',
      of: { history: twice, nowMs: 640_000 },
      expected: FETCH,
    },
    {
      what: 'the regular token after two that reports brought',
      of: {
        history: twice,
        nowMs: 80_000,
        fingerprint: 'regular',
        facts: { published: { ...PUBLISHED, fingerprint: 'regular' } },
      },
      expected: FETCH,
    },
    {
      what: 'the first one that a report brought, where each new one ends the one before',
      of: { history: once, nowMs: 31_000, reissue: 'invalidates-previous' },
      expected: { kind: 'blocked', reason: 'capped', cap: 'refused-again', retryAfterMs: 780_000 },
    },
    {
      what: 'a token that the provider has handed out again',
      of: { history: same, nowMs: 31_000 },
      expected: { kind: 'blocked', reason: 'capped', cap: 'same-again', retryAfterMs: 569_000 },
    },
    {
      what: 'a token that the provider has handed out again ten minutes ago',
      of: { history: same, nowMs: 600_000 },
      expected: FETCH,
    },
    {
      what: 'a token that the provider hands out until it ends, for the first time',
      of: { reissue: 'same-until-expiry' },
      expected: FETCH,
    },
    {
      what: 'a token that the provider hands out until it ends',
      of: { history: same, nowMs: 600_000, reissue: 'same-until-expiry' },
      expected: { kind: 'blocked', reason: 'capped', cap: 'same-again', retryAfterMs: 780_000 },
    },
    {
      what: 'a token that was fetched for reports as often as in an hour',
      of: { history: often(MAX_AN_HOUR, 700_000), nowMs: 2_200_000 },
      expected: { kind: 'blocked', reason: 'capped', cap: 'an-hour', retryAfterMs: 1_400_000 },
    },
    {
      what: 'the same an hour after the first of them',
      of: { history: often(MAX_AN_HOUR, 700_000), nowMs: 3_600_000 },
      expected: FETCH,
    },
    {
      what: 'a token that was fetched for reports as often as in a day',
      of: { history: often(MAX_A_DAY, 1_200_000), nowMs: 40_000_000 },
      expected: { kind: 'blocked', reason: 'capped', cap: 'a-day', retryAfterMs: 3_600_000 },
    },
    {
      what: 'the same a day after the first of them',
      of: { history: often(MAX_A_DAY, 1_200_000), nowMs: 86_400_000 },
      expected: FETCH,
    },
  ] satisfies { what: string; of: Case; expected: unknown }[])
    it(`about ${what}: ${'kind' in expected ? expected.kind : ''}${'reason' in expected ? ` (${expected.reason})` : ''}`, () => {
      assert.deepEqual(decide(of), expected);
    });

  it('a token that was refused while it was fresh stays refused when it is old', () => {
    const capped = decide({ history: twice, nowMs: 80_000 });
    assert.equal(decide({ history: noteVerdict(twice, capped), nowMs: 4_000_000 }).kind, 'blocked');
    assert.equal(noteVerdict(twice, decide({ history: twice, nowMs: 640_000 })), twice);
  });

  it('forgets what was in a row when a token has worked for ten minutes, and when nothing is readable', () => {
    assert.equal(fetched(once, 'published', 'next', 700_000).latest?.inRow, 1);
    assert.equal(fetched(once, 'published', 'next', 500_000).latest?.inRow, 2);
    assert.equal(endRejectionFetch(once, 'published', undefined, 1).latest, undefined);
  });

  it('keeps fetches of a day, and no others', () => {
    const { fetchedAtMs } = often(200, 1_000_000);
    assert.ok(fetchedAtMs.length <= 87, `${fetchedAtMs.length}`);
  });

  it('whatever is reported in whatever order, fetches keep the floor, the caps and two in a row', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 90_000 }),
      isCurrent: fc.boolean(),
      isRegular: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
      isSame: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 400 }), (steps) => {
        let [nowMs, token, issuedAtMs, inRow, wasSame, history] = [0, 1, -FLOOR_MS, 0, false, NO_REJECTIONS];
        const fetches: number[] = [];
        for (const { afterMs, isCurrent, isRegular, isSame } of steps) {
          nowMs += afterMs;
          if (isRegular) [token, issuedAtMs, inRow, wasSame] = [token + 1, nowMs, 0, false];
          const fingerprint = `token-${token}`;
          const floorMs = Math.max(0, issuedAtMs + FLOOR_MS - nowMs);
          const published = { ...PUBLISHED, fingerprint };
          const verdict = decide({
            facts: { published, floorMs },
            history,
            fingerprint: isCurrent ? fingerprint : `token-${token - 1}`,
            nowMs,
          });
          history = noteVerdict(history, verdict);
          if (!isCurrent) assert.equal(verdict.kind, 'replaced');
          if (verdict.kind !== 'fetch') continue;
          const isFresh = nowMs - issuedAtMs < 600_000;
          assert.ok(nowMs - issuedAtMs >= FLOOR_MS, 'younger than the floor');
          assert.ok(!isFresh || wasSame || inRow < 2, 'a third in a row');
          assert.ok(!isFresh || !wasSame, 'again for a token that was handed out again');
          fetches.push(nowMs);
          issuedAtMs = nowMs;
          history = beginRejectionFetch(history, nowMs);
          const refused = fingerprint;
          if (!isSame) token += 1;
          history = endRejectionFetch(history, refused, `token-${token}`, nowMs);
          inRow = (isFresh ? inRow : 0) + 1;
          wasSame = isSame;
        }
        for (const [index, atMs] of fetches.entries()) {
          const before = fetches.slice(0, index);
          assert.ok(before.filter((each) => atMs - each < 3_600_000).length < MAX_AN_HOUR);
          assert.ok(before.filter((each) => atMs - each < 86_400_000).length < MAX_A_DAY);
        }
      }),
    );
  });
});
