import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CadencePolicy, decideCadence, explainInfeasible } from '../../../src/core/schedule/cadence.ts';

const MINUTE_MS = 60_000;
const NO_WISHES: CadencePolicy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };

function explain(lifetimeMs: number, policy: CadencePolicy): string | undefined {
  return explainInfeasible(decideCadence(lifetimeMs, policy), policy);
}

describe('explainInfeasible', () => {
  for (const { title, lifetimeMinutes, policy, problem } of [
    { title: 'nothing wrong', lifetimeMinutes: 15, policy: {}, problem: undefined },
    {
      title: 'a refreshAfter as long as the life',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'duration', durationMs: 15 * MINUTE_MS } },
      problem: 'refreshAfter 15m is not before the end of a lifetime of 15m',
    },
    {
      title: 'a refreshAfter beyond the life that stale readers would hide',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'duration', durationMs: 20 * MINUTE_MS }, stalenessMs: MINUTE_MS },
      problem: 'refreshAfter 20m is not before the end of a lifetime of 15m',
    },
    {
      title: 'a refreshAfter in the first half of the life',
      lifetimeMinutes: 15,
      policy: { refreshAfter: { kind: 'fraction', fraction: 0.5 } },
      problem: 'refreshAfter 7m30s leaves a margin of 7m30s, half or more of the lifetime of 15m',
    },
    {
      title: 'readers that are too stale',
      lifetimeMinutes: 15,
      policy: { stalenessMs: 7 * MINUTE_MS },
      problem: 'readers.staleness 7m needs a margin of 7m30s, half or more of the lifetime of 15m',
    },
    {
      title: 'stale readers of a token that lives too short for any',
      lifetimeMinutes: 1,
      policy: { stalenessMs: 1000 },
      problem: 'readers.staleness 1s needs a margin of 31s, half or more of the lifetime of 1m',
    },
    {
      title: 'a provider that does not like to be asked so often',
      lifetimeMinutes: 38 / 60,
      policy: { minIntervalMs: MINUTE_MS },
      problem: 'a refresh is due every 35s, sooner than minInterval 1m',
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
});
