import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { checkCadence, classicExpressionWithin } from '../../src/config/cadence-check.ts';
import { parseCron } from '../../src/core/cron-expression.ts';

const MINUTE_MS = 60_000;
const POLICY = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };

function classic(expression: string) {
  const parsed = parseCron(expression);
  assert.ok(parsed.ok);
  return { expression, gaps: parsed.gaps };
}

describe('classicExpressionWithin', () => {
  for (const [limitMs, expression] of [
    [14 * MINUTE_MS, '*/12 * * * *'],
    [28 * MINUTE_MS, '*/20 * * * *'],
    [56 * MINUTE_MS, '*/30 * * * *'],
    [60 * MINUTE_MS, '0 * * * *'],
    [119_000, '* * * * *'],
    [59_000, '*/30 * * * * *'],
    [1000, '* * * * * *'],
    [25 * 60 * MINUTE_MS, '0 */12 * * *'],
  ] as const) {
    it(`proposes ${expression} for ${limitMs / 1000} s`, () => {
      assert.equal(classicExpressionWithin(limitMs)?.expression, expression);
    });
  }

  it('has nothing to propose below a second', () => {
    assert.equal(classicExpressionWithin(999), undefined);
  });

  it('proposes an expression whose gaps all have its period, for every limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 90 * 86_400_000 }), (limitMs) => {
        const proposal = classicExpressionWithin(limitMs);
        assert.ok(proposal !== undefined && proposal.periodMs <= limitMs);
        const { gaps } = classic(proposal.expression);
        assert.deepEqual([gaps.smallestGapMs, gaps.largestGapMs], [proposal.periodMs, proposal.periodMs]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('checkCadence', () => {
  it('proposes no expression that would be refused in its turn', () => {
    const input = { lifetimeMs: 15 * MINUTE_MS, classic: classic('*/20 * * * *') };
    const overBudget = checkCadence({ ...input, policy: POLICY, budget: 110 });
    assert.match(overBudget.kind === 'problem' ? overBudget.text : '', /refreshed every 840 s\)$/);
    const tooOften = checkCadence({
      ...input,
      policy: { ...POLICY, minIntervalMs: 13 * MINUTE_MS },
      budget: 144,
    });
    assert.match(tooOften.kind === 'problem' ? tooOften.text : '', /refreshed every 840 s\)$/);
  });

  it("holds a schedule's shortest gap against the provider's interval", () => {
    const verdict = checkCadence({
      lifetimeMs: 15 * MINUTE_MS,
      policy: { ...POLICY, minIntervalMs: 5 * MINUTE_MS },
      classic: classic('*/14 * * * *'),
      budget: 144,
    });
    assert.deepEqual(verdict, {
      kind: 'problem',
      setting: 'schedule',
      text:
        '"*/14 * * * *" fires twice within 240 s, sooner than minInterval 300 s; leave schedule out, or use an ' +
        'expression with equal gaps',
    });
  });

  it("holds a schedule's gaps against the readers' staleness", () => {
    const input = { lifetimeMs: 60 * MINUTE_MS, classic: classic('*/30 * * * *'), budget: 144 } as const;
    assert.equal(checkCadence({ ...input, policy: { ...POLICY, stalenessMs: 20 * MINUTE_MS } }).kind, 'fine');
    const over = checkCadence({ ...input, policy: { ...POLICY, stalenessMs: 29.6 * MINUTE_MS } });
    assert.equal(over.kind === 'problem' ? over.setting : '', 'staleness');
  });

  it('counts the firings of a whole day against the version budget', () => {
    const input = { lifetimeMs: 15 * MINUTE_MS, policy: POLICY, classic: classic('*/5 * * * *') };
    const verdict = checkCadence({ ...input, budget: 144 });
    assert.equal(verdict.kind === 'problem' ? verdict.setting : '', 'schedule');
    assert.equal(checkCadence({ ...input, budget: 'none' }).kind, 'fine');
    assert.equal(checkCadence({ ...input, budget: undefined }).kind, 'fine');
  });
});
