import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editDistance, suggest } from '../../src/core/spelling.ts';
import { fc } from '../support/property.ts';

describe('suggest', () => {
  const keys = ['name', 'kind', 'refreshAfter', 'timeout', 'secret', 'env'];
  for (const [word, meant] of [
    ['refreshAftr', 'refreshAfter'],
    ['refreshafter', 'refreshAfter'],
    ['timeuot', 'timeout'],
    ['secrets', 'secret'],
    ['nmae', 'name'],
    ['knd', 'kind'],
    ['evn', 'env'],
    ['frequency', undefined],
    ['x', undefined],
    ['', undefined],
  ] as const) {
    it(`${meant === undefined ? 'has nothing to suggest' : `suggests ${meant}`} for "${word}"`, () => {
      assert.equal(suggest(word, keys), meant);
    });
  }
});

describe('editDistance', () => {
  const word = fc.string({ maxLength: 12 });

  it('is zero exactly for equal words, and the same in both directions', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.equal(editDistance(a, b), editDistance(b, a));
      }),
    );
  });

  it('counts a swap of neighbours as one slip', () => {
    assert.equal(editDistance('kind', 'knid'), 1);
  });

  it('is at most one for one slip', () => {
    fc.assert(
      fc.property(word, fc.nat(11), (text, at) => {
        const index = Math.min(at, text.length);
        assert.ok(editDistance(text, text.slice(0, index) + text.slice(index + 1)) <= 1);
        assert.ok(editDistance(text, `${text.slice(0, index)}x${text.slice(index)}`) <= 1);
      }),
    );
  });
});
