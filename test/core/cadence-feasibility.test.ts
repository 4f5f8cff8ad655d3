import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CadencePolicy, decideCadence, explainInfeasible } from '../../src/core/cadence.ts';

const MINUTE_MS = 60_000;
const NO_WISHES: CadencePolicy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };

function explain(lifetimeMs: number, policy: CadencePolicy): string | undefined {
  return explainInfeasible(decideCadence(lifetimeMs, policy), policy);
}

/** Does what the message says works, at the very edge of it. `undefined` when it proposes nothing. */
function applyRemedy(problem: string, policy: CadencePolicy): CadencePolicy | undefined {
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(problem)?.[1];
    return found === undefined ? undefined : Number(found) * 1000;
  };
  const stalenessMs = number(/a staleness of less than ([\d.]+) s works$/);
  if (stalenessMs !== undefined) return { ...policy, stalenessMs: stalenessMs - 1 };
  if (problem.endsWith('only a staleness of 0 works')) return { ...policy, stalenessMs: 0 };
  const atLeastMs = number(/a refreshAfter of more than ([\d.]+) s works$/);
  if (atLeastMs !== undefined)
    return { ...policy, refreshAfter: { kind: 'duration', durationMs: atLeastMs + 1 } };
  const atMostMs = number(/; use less than ([\d.]+) s, or a fraction below 1$/);
  if (atMostMs !== undefined)
    return { ...policy, refreshAfter: { kind: 'duration', durationMs: atMostMs - 1 } };
  const minIntervalMs = number(/a minInterval of at most ([\d.]+) s works$/);
  return minIntervalMs === undefined ? undefined : { ...policy, minIntervalMs };
}

describe('explainInfeasible', () => {
  for (const { title, lifetimeMinutes, policy, problem } of [
    { title: 'nothing wrong', lifetimeMinutes: 15, policy: {}, problem: undefined },
    {
      title: 'a refreshAfter as long as the life',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'duration', durationMs: 15 * MINUTE_MS } },
      problem:
        'refreshAfter 900 s is not before the end of a lifetime of 900 s; use less than 900 s, or a fraction below 1',
    },
    {
      title: 'a refreshAfter beyond the life that stale readers would hide',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'duration', durationMs: 20 * MINUTE_MS }, stalenessMs: MINUTE_MS },
      problem:
        'refreshAfter 1200 s is not before the end of a lifetime of 900 s; use less than 900 s, or a fraction below 1',
    },
    {
      title: 'a refreshAfter in the first half of the life',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'fraction', fraction: 0.5 } },
      problem:
        'refreshAfter 450 s leaves a margin of 450 s, half or more of the lifetime of 900 s; ' +
        'a refreshAfter of more than 450 s works',
    },
    {
      title: 'readers that are too stale',
      lifetimeMinutes: 15,
      policy: { stalenessMs: 7 * MINUTE_MS },
      problem:
        'readers.staleness 420 s needs a margin of 450 s, half or more of the lifetime of 900 s; ' +
        'a staleness of less than 420 s works',
    },
    {
      title: 'stale readers of a token that lives too short for any',
      lifetimeMinutes: 1,
      policy: { stalenessMs: 1000 },
      problem:
        'readers.staleness 1 s needs a margin of 31 s, half or more of the lifetime of 60 s; ' +
        'only a staleness of 0 works',
    },
    {
      title: "a provider that does not like to be asked so often; the proposal isn't rounded up",
      lifetimeMinutes: 38 / 60,
      policy: { minIntervalMs: MINUTE_MS },
      problem:
        'a refresh is due every 35.5 s, sooner than minInterval 60 s; a minInterval of at most 35.4 s works',
    },
  ] satisfies readonly {
    title: string;
    lifetimeMinutes: number;
    policy: Partial<CadencePolicy>;
    problem: string | undefined;
  }[]) {
    it(`explains ${title}`, () => {
      assert.equal(explain(lifetimeMinutes * MINUTE_MS, { ...NO_WISHES, ...policy }), problem);
    });
  }

  it('proposes remedies that lead to a feasible cadence when they are followed to the letter', () => {
    const seconds = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max }).map((s) => s * 1000);
    fc.assert(
      fc.property(
        fc.oneof(seconds(120), seconds(7200), seconds(90 * 86_400)).filter((ms) => ms >= 30_000),
        fc.record({
          refreshAfter: fc.option(
            fc.oneof(
              fc.record({
                kind: fc.constant('fraction' as const),
                fraction: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
              }),
              fc.record({ kind: fc.constant('duration' as const), durationMs: seconds(7200) }),
            ),
            { nil: undefined },
          ),
          stalenessMs: fc.oneof(fc.constant(0), seconds(7200)),
          minIntervalMs: fc.oneof(fc.constant(0), seconds(7200)),
        }),
        (lifetimeMs, wishes) => {
          let policy: CadencePolicy | undefined = wishes;
          const problems: string[] = [];
          for (let step = 0; step < 4 && policy !== undefined; step += 1) {
            const problem = explain(lifetimeMs, policy);
            if (problem === undefined) return;
            problems.push(problem);
            policy = applyRemedy(problem, policy);
          }
          assert.fail(`still infeasible after: ${problems.join(' | ')}`);
        },
      ),
      { numRuns: 500 },
    );
  });
});
