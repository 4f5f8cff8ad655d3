import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Claim, decideClaims } from '../../../src/core/token/binding-claims.ts';
import { fc } from '../../support/property.ts';

const nobody = (): undefined => undefined;

function claim(
  secretName: string,
  customer: string,
  createdAtMs: number,
  targets = [`payments/${customer}`],
): Claim {
  return { secretName, customer, createdAtMs, targets };
}

describe('decideClaims', () => {
  it('grants what nobody else wants', () => {
    const claims = [claim('b/ayu', 'ayu', 1), claim('b/budi', 'budi', 2)];
    assert.deepEqual(decideClaims(claims, nobody), { granted: claims, refused: new Map() });
  });

  it('grants a customer to the older secret, and to the first by name of two that are equally old', () => {
    const old = claim('z/old', 'ayu', 1);
    const first = claim('a/first', 'budi', 2);
    const verdict = decideClaims(
      [claim('a/new', 'ayu', 2), old, claim('b/second', 'budi', 2), first],
      nobody,
    );
    assert.deepEqual(verdict.granted, [old, first]);
    assert.deepEqual(
      [...verdict.refused],
      [
        ['a/new', 'customer ayu is bound by the older secret z/old already'],
        ['b/second', 'customer budi is bound by the older secret a/first already'],
      ],
    );
  });

  it('refuses a secret that is used already, and one that another customer gets', () => {
    const claims = [
      claim('b/ayu', 'ayu', 1, ['payments/ayu', 'state/x']),
      claim('b/budi', 'budi', 2, ['payments/budi', 'state/x']),
      claim('b/pik', 'pik', 3),
    ];
    const { refused } = decideClaims(claims, (name) => (name === 'payments/pik' ? 'it is taken' : undefined));
    assert.deepEqual(
      [...refused],
      [
        [
          'b/budi',
          'the token of customer budi would be written to secret state/x, but the token of customer ayu is written to it',
        ],
        ['b/pik', 'the token of customer pik would be written to secret payments/pik, but it is taken'],
      ],
    );
  });

  it('decides alike in whatever order the bindings were found, and never grants one thing twice', () => {
    const claims = fc.uniqueArray(
      fc.record({
        secretName: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
        customer: fc.constantFrom('ayu', 'budi', 'citra'),
        createdAtMs: fc.integer({ min: 0, max: 2 }),
        targets: fc.uniqueArray(fc.constantFrom('s', 't', 'u'), { minLength: 1, maxLength: 2 }),
      }),
      { selector: ({ secretName }) => secretName },
    );
    fc.assert(
      fc.property(claims, (some) => {
        const verdict = decideClaims(some, nobody);
        assert.deepEqual(decideClaims(some.toReversed(), nobody), verdict);
        assert.equal(verdict.granted.length + verdict.refused.size, some.length);
        const targets = verdict.granted.flatMap((granted) => granted.targets);
        assert.equal(new Set(targets).size, targets.length);
      }),
    );
  });
});
