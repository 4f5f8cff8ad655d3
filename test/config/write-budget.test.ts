import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AWS_SECRETS_MANAGER } from '../../src/adapters/secrets-manager/aws-secrets-manager.ts';
import { decideBudget, writesPerDay } from '../../src/config/write-budget.ts';
import type { VersionBudget } from '../../src/core/limits/version-pace.ts';
import { guidedVersions } from '../../src/core/store-kind.ts';
import { fc } from '../support/property.ts';

const { versions: RULES } = AWS_SECRETS_MANAGER.rules;

interface Case {
  readonly everySeconds: number;
  readonly budget: VersionBudget;
  readonly kind: 'comfortable' | 'tight' | 'over';
  readonly text?: string;
}

const cases: readonly Case[] = [
  { everySeconds: 1680, budget: 144, kind: 'comfortable' },
  { everySeconds: 864, budget: 144, kind: 'comfortable' },
  {
    everySeconds: 840,
    budget: 144,
    kind: 'tight',
    text: 'a refresh every 14m writes 102.9 versions a day into one secret, 71 % of versionBudget 144',
  },
  {
    everySeconds: 600,
    budget: 144,
    kind: 'tight',
    text: 'a refresh every 10m writes 144 versions a day into one secret, 100 % of versionBudget 144',
  },
  {
    everySeconds: 599,
    budget: 144,
    kind: 'over',
    text:
      'a refresh every 9m 59s writes 144.2 versions a day into one secret; AWS asks for at most one write every 10m ' +
      '(144 a day), beyond that Secrets Manager runs into its version quota',
  },
  {
    everySeconds: 840,
    budget: 100,
    kind: 'over',
    text: 'a refresh every 14m writes 102.9 versions a day into one secret, more than versionBudget 100',
  },
  { everySeconds: 864, budget: 100, kind: 'comfortable' },
  { everySeconds: 1, budget: 'none', kind: 'comfortable' },
];

describe('decideBudget', () => {
  for (const { everySeconds, budget, kind, text } of cases) {
    it(`calls a refresh every ${everySeconds} s with versionBudget ${budget} ${kind}`, () => {
      const verdict = decideBudget(RULES, everySeconds * 1000, budget);
      assert.equal(verdict.kind, kind);
      if (verdict.kind === 'tight') assert.equal(verdict.note, text);
      if (verdict.kind === 'over') assert.equal(verdict.problem, text);
    });
  }

  for (const { budget, longest, kind, text } of [
    {
      budget: 100,
      longest: 870,
      kind: 'stretched',
      text:
        'a refresh every 14m writes 102.9 versions a day into one secret, 103 % of versionBudget 100; it is put off by ' +
        'up to 30s, to every 14m 30s, which writes 99.3',
    },
    {
      budget: 120,
      longest: 870,
      kind: 'stretched',
      text:
        'a refresh every 14m writes 102.9 versions a day into one secret, 86 % of versionBudget 120; it is put off by ' +
        'up to 15s, to every 14m 15s, which writes 101',
    },
    { budget: 144, longest: 870, kind: 'tight', text: undefined },
    {
      budget: 99,
      longest: 870,
      kind: 'over',
      text:
        'a refresh every 14m writes 102.9 versions a day into one secret, and delayed as far as readers allow, to ' +
        'every 14m 30s, still 99.3, more than versionBudget 99',
    },
  ] as const) {
    it(`calls a refresh every 14m that may be put off to ${longest} s ${kind} with versionBudget ${budget}`, () => {
      const verdict = decideBudget(RULES, 840_000, budget, longest * 1000);
      assert.equal(verdict.kind, kind);
      if (verdict.kind === 'stretched') assert.equal(verdict.note, text);
      if (verdict.kind === 'over') assert.equal(verdict.problem, text);
    });
  }

  it('The version quota is never hit by surprise: nothing that exceeds the budget or the guidance passes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 * 86_400 }),
        fc.integer({ min: 1, max: 500 }),
        (everySeconds, budget) => {
          const verdict = decideBudget(RULES, everySeconds * 1000, budget);
          const isTooFast = everySeconds < 600 || writesPerDay(everySeconds * 1000) > budget;
          assert.equal(verdict.kind === 'over', isTooFast);
        },
      ),
    );
  });

  it("starts from AWS's one write in ten minutes", () => {
    assert.ok(RULES !== undefined);
    assert.equal(guidedVersions(RULES), 144);
  });
});
