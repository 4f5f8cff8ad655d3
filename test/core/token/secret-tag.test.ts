import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatTag, parseTag, TAG_PATTERN } from '../../../src/core/token/secret-tag.ts';

describe('a tag', () => {
  for (const [text, key, value] of [
    ['app=pivot', 'app', 'pivot'],
    ['app=a=b', 'app', 'a=b'],
    ['team/app:x@y=with blanks', 'team/app:x@y', 'with blanks'],
  ] as const) {
    it(`${text} has the key ${key}`, () => {
      assert.match(text, TAG_PATTERN);
      assert.deepEqual(parseTag(text), { key, value });
      assert.equal(formatTag({ key, value }), text);
    });
  }

  for (const text of ['app', '=x', 'app=', 'app=!x', 'a!=x', 'äpp=x', `${'k'.repeat(129)}=x`]) {
    it(`is not ${text.slice(0, 20)}`, () => {
      assert.doesNotMatch(text, TAG_PATTERN);
    });
  }

  it('cannot be made of anything else', () => {
    assert.throws(() => parseTag('app'), /this is no tag/);
  });
});
