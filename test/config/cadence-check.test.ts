import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AWS_SECRETS_MANAGER } from '../../src/adapters/secrets-manager/aws-secrets-manager.ts';
import { checkCadence } from '../../src/config/cadence-check.ts';
import type { CadenceCheckInput } from '../../src/config/cadence-fault.ts';
import { parseCron } from '../../src/core/schedule/cron-expression.ts';

const MINUTE_MS = 60_000;
const POLICY = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };
const DEADLINES = { timeoutMs: 10_000, storeTimeoutMs: 5000 };
const SHARED = { store: 'store', staleness: 'readers.staleness' };

function classic(expression: string) {
  const parsed = parseCron(expression);
  assert.ok(parsed.ok);
  return { expression, gaps: parsed.gaps };
}

function problemOf(input: Partial<CadenceCheckInput>) {
  const { rules } = AWS_SECRETS_MANAGER;
  const complete = { lifetimeMs: 15 * MINUTE_MS, policy: POLICY, classic: undefined, budget: 144 } as const;
  const { findings } = checkCadence({ ...complete, deadlines: DEADLINES, rules, shared: SHARED, ...input });
  const problem = findings.find(({ kind }) => kind === 'problem');
  return problem === undefined ? undefined : { setting: problem.setting, text: problem.text };
}

describe('checkCadence', () => {
  for (const [lifetimeMinutes, expression] of [
    [15, '*/12 * * * *'],
    [30, '*/20 * * * *'],
    [60, '*/30 * * * *'],
    [65, '0 * * * *'],
    [26 * 60, '0 */12 * * *'],
  ] as const) {
    it(`proposes ${expression} for tokens that live ${lifetimeMinutes} min`, () => {
      const found = problemOf({ lifetimeMs: lifetimeMinutes * MINUTE_MS, classic: classic('0 0 1 * *') });
      assert.equal(/ or use "(.*)"$/.exec(found?.text ?? '')?.[1], expression);
    });
  }

  it('proposes no expression that would be refused in its turn', () => {
    const overBudget = problemOf({ classic: classic('*/20 * * * *'), budget: 110 });
    assert.match(overBudget?.text ?? '', /refreshed every 14m\)$/);
    const policy = { ...POLICY, minIntervalMs: 13 * MINUTE_MS };
    const tooOften = problemOf({ classic: classic('*/20 * * * *'), policy });
    assert.match(tooOften?.text ?? '', /refreshed every 14m\)$/);
  });

  it("holds a schedule's shortest gap against the provider's interval", () => {
    const policy = { ...POLICY, minIntervalMs: 5 * MINUTE_MS };
    assert.deepEqual(problemOf({ policy, classic: classic('*/14 * * * *') }), {
      setting: 'schedule',
      text:
        '"*/14 * * * *" fires twice within 4m, sooner than minInterval 5m; leave schedule out (it is then ' +
        'refreshed every 14m) or use "*/12 * * * *"',
    });
  });

  it("holds a schedule's gaps against the readers' staleness", () => {
    const input = { lifetimeMs: 60 * MINUTE_MS, classic: classic('*/30 * * * *') };
    assert.equal(problemOf({ ...input, policy: { ...POLICY, stalenessMs: 20 * MINUTE_MS } }), undefined);
    const over = problemOf({ ...input, policy: { ...POLICY, stalenessMs: 29.6 * MINUTE_MS } });
    assert.deepEqual(over, {
      setting: 'staleness',
      text:
        'readers.staleness 29m36s needs a margin of 30m6s, half or more of the lifetime of 1h; a staleness of at ' +
        'most 29m29s works',
    });
  });

  it('counts the firings of a whole day against the version budget', () => {
    const input = { classic: classic('*/5 * * * *') };
    assert.equal(problemOf({ ...input, budget: 144 })?.setting, 'schedule');
    assert.equal(problemOf({ ...input, budget: 'none' }), undefined);
    assert.equal(problemOf({ ...input, budget: undefined }), undefined);
  });
});
