import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesToken, TOKEN_PATTERN } from '../../../src/core/rejection/token-pattern.ts';

describe('a pattern of tokens', () => {
  for (const { pattern, matches, others } of [
    { pattern: 'acme', matches: ['acme'], others: ['acme2', 'acme/ayu', 'a', ''] },
    { pattern: 'acme/*', matches: ['acme/ayu', 'acme/'], others: ['acme', 'acme2/ayu', 'x/acme/ayu'] },
    { pattern: '*', matches: ['acme', 'acme/ayu', ''], others: [] },
    { pattern: 'acme*', matches: ['acme', 'acme2', 'acme/ayu'], others: ['acm', 'xacme'] },
    { pattern: '*/ayu', matches: ['acme/ayu', '/ayu'], others: ['ayu', 'acme/ayu2'] },
    { pattern: 'ab*ba', matches: ['abba', 'abxba'], others: ['aba', 'ab', 'ba'] },
  ])
    it(`${pattern} is ${matches.join(', ')}, and not ${others.join(', ')}`, () => {
      assert.match(pattern, TOKEN_PATTERN);
      for (const token of matches) assert.ok(matchesToken(pattern, token), token);
      for (const token of others) assert.ok(!matchesToken(pattern, token), token);
    });

  it('has one * at most, and nothing that no name has', () => {
    for (const pattern of ['a*b*', 'a.b', 'a b', 'ä', 'a\n']) assert.doesNotMatch(pattern, TOKEN_PATTERN);
  });
});
