import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lowMark } from '../../../src/core/limits/quota.ts';
import {
  decideBudgetState,
  decideStretchedRefreshAt,
  decideVersionPlan,
  pacedVersions,
  type RefreshPlan,
  type StretchInput,
  type VersionSupply,
} from '../../../src/core/limits/version-pace.ts';
import { fc } from '../../support/property.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const LIFETIME_MS = 15 * MINUTE_MS;
const USUAL_MS = 14 * MINUTE_MS;
const MAX_MS = LIFETIME_MS - 30_000;

/** A token of 15 minutes that is written now, after `versions - 1` others at the usual pace, or faster for as many. */
function plan(versions: number, budget: number, changes: Partial<StretchInput> = {}): number {
  const paceMs = Math.min(USUAL_MS, DAY_MS / versions);
  const writesAtMs = Array.from({ length: versions }, (_, index) => (index - versions + 1) * paceMs);
  const usual = { plannedAtMs: USUAL_MS, latestAtMs: MAX_MS, offsetMs: 0 };
  return decideStretchedRefreshAt({ ...usual, writesAtMs, budget, ...changes });
}

const arbitraryWrites = fc
  .array(fc.integer({ min: -DAY_MS + 1, max: 0 }), { minLength: 1, maxLength: 160 })
  .map((times) => [...times, 0].toSorted((a, b) => a - b));
const arbitraryBudget = fc.integer({ min: 1, max: 300 });
const arbitraryOffset = fc.integer({ min: 0, max: USUAL_MS / 2 });

describe('decideStretchedRefreshAt', () => {
  for (const { versions, budget, atSeconds, what } of [
    {
      versions: 1,
      budget: 144,
      atSeconds: 840,
      what: 'leaves a comfortable budget alone from the first write',
    },
    { versions: 103, budget: 144, atSeconds: 840, what: 'leaves it alone after a day as well' },
    {
      versions: 1,
      budget: 100,
      atSeconds: 870,
      what: 'spares versions from the start where every one is needed',
    },
    { versions: 1, budget: 120, atSeconds: 855.6, what: 'stretches by as much as is needed and no more' },
    {
      versions: 140,
      budget: 144,
      atSeconds: 870,
      what: 'goes to the latest moment when the budget is used up',
    },
  ]) {
    it(`${what}: ${versions} of ${budget} versions`, () => {
      assert.equal(Number((plan(versions, budget) / 1000).toFixed(1)), atSeconds);
    });
  }

  it('keeps the spread of a first token where the budget bears it, and gives it up where it does not', () => {
    assert.equal(plan(1, 144, { offsetMs: 400_000 }), USUAL_MS - 400_000);
    assert.equal(plan(1, 100, { offsetMs: 400_000 }), MAX_MS - 400_000);
    assert.equal(plan(99, 100, { offsetMs: 400_000 }), MAX_MS);
  });

  it('is never later than the latest moment and never earlier than planned', () => {
    fc.assert(
      fc.property(arbitraryWrites, arbitraryBudget, arbitraryOffset, (writesAtMs, budget, offsetMs) => {
        const atMs = plan(1, budget, { writesAtMs, offsetMs });
        assert.ok(atMs <= MAX_MS && atMs >= USUAL_MS - offsetMs);
      }),
    );
  });

  it('is monotone in what is left: fewer versions left never make a refresh earlier', () => {
    const input = fc.record({
      writesAtMs: arbitraryWrites,
      oneMoreMs: fc.integer({ min: -DAY_MS + 1, max: 0 }),
      budget: arbitraryBudget,
      offsetMs: arbitraryOffset,
    });
    fc.assert(
      fc.property(input, ({ writesAtMs, oneMoreMs, budget, offsetMs }) => {
        const atMs = plan(1, budget, { writesAtMs, offsetMs });
        const more = [...writesAtMs, oneMoreMs].toSorted((a, b) => a - b);
        assert.ok(plan(1, budget, { writesAtMs: more, offsetMs }) >= atMs, 'one more written');
        assert.ok(plan(1, budget + 1, { writesAtMs, offsetMs }) <= atMs, 'one more allowed');
      }),
    );
  });

  it('The version quota is never hit by surprise: with a wall equal to the budget, no write of three days is refused', () => {
    const world = fc.record({
      lifetimeSeconds: fc.integer({ min: 700, max: 1800 }),
      explicit: fc.array(
        fc.record({ day: fc.integer({ min: 0, max: 2 }), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
        {
          maxLength: 3,
        },
      ),
      roomForExplicit: fc.integer({ min: 0, max: 12 }),
      tickSeed: fc.integer({ min: 1, max: 1000 }),
    });
    fc.assert(
      fc.property(world, (given) => simulate(given)),
      { numRuns: 60 },
    );
  });
});

interface World {
  readonly lifetimeSeconds: number;
  readonly explicit: readonly { readonly day: number; readonly share: number }[];
  readonly roomForExplicit: number;
  readonly tickSeed: number;
}

/**
 * Refreshes as planned, up to 3 s early or late as ticks fall; an explicit refresh on some days. Each costs a version at
 * most, so that a budget with so many to spare beyond the longest pace must do.
 */
function simulate({ lifetimeSeconds, explicit, roomForExplicit, tickSeed }: World): void {
  const lifetimeMs = lifetimeSeconds * 1000;
  const requestsAtMs = explicit
    .slice(0, roomForExplicit)
    .map(({ day, share }) => (day + share) * DAY_MS)
    .toSorted((a, b) => a - b);
  const longestMs = lifetimeMs - 30_000;
  const budget = Math.ceil(DAY_MS / (longestMs - 3500)) + 1 + requestsAtMs.length;
  const writesAtMs: number[] = [];
  let dueAtMs = 0;
  let expiresAtMs = Number.POSITIVE_INFINITY;
  while (dueAtMs < 3 * DAY_MS) {
    const wobbleMs = ((tickSeed * (writesAtMs.length + 1)) % 7) * 1000 - 3000;
    const isExplicit = (requestsAtMs[0] ?? Number.POSITIVE_INFINITY) <= dueAtMs;
    const nowMs = isExplicit ? (requestsAtMs.shift() ?? dueAtMs) : Math.max(0, dueAtMs + wobbleMs);
    assert.ok(nowMs < expiresAtMs, 'no read is expired');
    const recent = writesAtMs.filter((timeMs) => timeMs > nowMs - DAY_MS);
    assert.ok(recent.length < budget, `the store has ${recent.length} of ${budget} versions and refuses`);
    writesAtMs.push(nowMs);
    expiresAtMs = nowMs + lifetimeMs;
    dueAtMs = decideStretchedRefreshAt({
      writesAtMs: [...recent, nowMs],
      budget,
      plannedAtMs: nowMs + (lifetimeMs * 14) / 15,
      latestAtMs: Math.max(nowMs + longestMs, nowMs + (lifetimeMs * 14) / 15),
      offsetMs: 0,
    });
  }
}

describe('the marks of a budget', () => {
  for (const [budget, low, paced] of [
    [144, 123, 122],
    [100, 85, 84],
    [1, 1, 1],
  ] as const) {
    it(`are ${low} and ${paced} of ${budget}`, () => {
      assert.deepEqual([lowMark(budget), pacedVersions(budget)], [low, paced]);
    });
  }
});

describe('decideVersionPlan', () => {
  const NOW_MS = 3 * DAY_MS;
  const PLAN: RefreshPlan = {
    plannedAtMs: NOW_MS + USUAL_MS,
    latestAtMs: NOW_MS + MAX_MS,
    offsetMs: 0,
    longestPaceMs: MAX_MS,
  };
  /** Ten of 120 versions, the oldest of them an hour old. */
  const SUPPLY: VersionSupply = {
    budget: 120,
    writesAtMs: Array.from({ length: 10 }, (_, index) => NOW_MS - (10 - index) * 6 * MINUTE_MS),
    wasRefused: false,
    shortLifeAtMs: undefined,
  };
  /** Tokens that would need 144 a day. */
  const SHORT = { ...PLAN, longestPaceMs: 10 * MINUTE_MS };
  const ROOM_MS = DAY_MS - 60 * MINUTE_MS + 15_000;

  for (const { what, plan: given, supply, inMs, isTooLate, shortLifeAtMs } of [
    { what: 'as it is stretched', plan: PLAN, supply: SUPPLY, inMs: MAX_MS },
    { what: 'as planned with more to spare', plan: PLAN, supply: { ...SUPPLY, budget: 288 }, inMs: USUAL_MS },
    {
      what: 'as late as readers bear it once the store has refused a version',
      plan: PLAN,
      supply: { ...SUPPLY, budget: 288, wasRefused: true },
      inMs: MAX_MS,
    },
    {
      what: 'in time while a short life still finds versions',
      plan: SHORT,
      supply: SUPPLY,
      inMs: MAX_MS,
      shortLifeAtMs: NOW_MS,
    },
    {
      what: 'when the oldest version ages out, after a short life that used them up',
      plan: SHORT,
      supply: { ...SUPPLY, budget: 11 },
      inMs: ROOM_MS,
      isTooLate: true,
      shortLifeAtMs: NOW_MS,
    },
    {
      what: 'when it ages out for a day after that, however long tokens live',
      plan: { ...PLAN, longestPaceMs: DAY_MS },
      supply: { ...SUPPLY, budget: 11, shortLifeAtMs: NOW_MS - DAY_MS + 1 },
      inMs: ROOM_MS,
      isTooLate: true,
      shortLifeAtMs: NOW_MS - DAY_MS + 1,
    },
    {
      what: 'in time again when that is a day ago',
      plan: { ...PLAN, longestPaceMs: DAY_MS },
      supply: { ...SUPPLY, budget: 11, shortLifeAtMs: NOW_MS - DAY_MS },
      inMs: MAX_MS,
      shortLifeAtMs: NOW_MS - DAY_MS,
    },
  ]) {
    it(`refreshes ${what}`, () => {
      const { refreshAtMs, ...rest } = decideVersionPlan(given, supply, NOW_MS);
      assert.equal(refreshAtMs - NOW_MS, inMs);
      assert.deepEqual(rest, { isTooLate: isTooLate ?? false, shortLifeAtMs });
    });
  }
});

describe('decideBudgetState', () => {
  for (const [versions, former, isExceeded, state] of [
    [84, 'normal', false, 'normal'],
    [85, 'normal', false, 'low'],
    [80, 'low', false, 'low'],
    [79, 'low', false, 'normal'],
    [99, 'exhausted', false, 'low'],
    [100, 'low', false, 'low'],
    [99, 'low', true, 'exhausted'],
    [1, 'normal', true, 'exhausted'],
  ] as const) {
    it(`is ${state} with ${versions} of 100 after ${former}${isExceeded ? ' and a write that met no room' : ''}`, () => {
      assert.equal(decideBudgetState(former, versions, 100, isExceeded), state);
    });
  }
});
