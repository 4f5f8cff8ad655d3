import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TOKEN_STATES } from '../../src/core/board.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import {
  DEFAULT_QUERY,
  formatStatusQuery,
  MAX_PER_PAGE,
  parseStatusQuery,
  STATUS_SORTS,
} from '../../src/status/status-query.ts';
import { fc } from '../support/property.ts';

describe('parseStatusQuery', () => {
  it('takes the empty fields of a form for none', () => {
    assert.deepEqual(parseStatusQuery('?q=&provider=&state=&sort=&size=&page='), {
      ok: true,
      query: DEFAULT_QUERY,
    });
  });

  for (const { search, problem } of [
    { search: '?size=201', problem: /size is no whole number from 1 to 200/ },
    { search: '?size=0', problem: /size/ },
    { search: '?page=1e3', problem: /page/ },
    { search: '?page=-1', problem: /page/ },
    { search: '?state=good', problem: /state is none of expired, absent/ },
    { search: '?code=503', problem: /code is none of credentials-rejected/ },
    { search: '?sort=age', problem: /sort is none of worst, life, name/ },
    { search: '?page=1&page=2', problem: /page is given more than once/ },
    { search: '?quux=1', problem: /none of provider, state, code, q/ },
    { search: `?q=${'x'.repeat(201)}`, problem: /q is longer than 200/ },
  ]) {
    it(`refuses ${search.slice(0, 20)} and says why`, () => {
      const parsed = parseStatusQuery(search);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, problem);
    });
  }

  it('reads back what formatStatusQuery writes', () => {
    const query = fc.record(
      {
        provider: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), { nil: null }),
        state: fc.option(fc.constantFrom(...TOKEN_STATES), { nil: null }),
        code: fc.option(fc.constantFrom(...FAILURE_CODES), { nil: null }),
        text: fc.string({ unit: 'grapheme', maxLength: 20 }),
        sort: fc.constantFrom(...STATUS_SORTS),
        size: fc.integer({ min: 1, max: MAX_PER_PAGE }),
        page: fc.integer({ min: 1, max: 1_000_000 }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(query, (each) => {
        assert.deepEqual(parseStatusQuery(formatStatusQuery(each)), { ok: true, query: each });
      }),
    );
  });
});
