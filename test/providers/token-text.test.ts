import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { MAX_TOKEN_BYTES, readToken } from '../../src/providers/token-text.ts';

const secrets = [new SecretText('what-was-sent')];
const read = (value: unknown) => readToken({ accessToken: { field: 'data.token', value }, secrets });

describe('the text of a token', () => {
  const around = (what: string) => [`data.token held ${what} around the token`];
  const taken: readonly (readonly [unknown, string, readonly string[]])[] = [
    ['abc.def-123', 'abc.def-123', []],
    [' abc\n', 'abc', around('white space')],
    ['\u00a0\ufeffabc\r\n', 'abc', around('white space')],
    ['Bearer abc', 'abc', around('quotes or "Bearer"')],
    ['bearer   abc', 'abc', around('quotes or "Bearer"')],
    ['"abc"', 'abc', around('quotes or "Bearer"')],
    [' "Bearer abc" ', 'abc', around('white space and quotes or "Bearer"')],
    ['Bearerabc', 'Bearerabc', []],
    ['x'.repeat(MAX_TOKEN_BYTES), 'x'.repeat(MAX_TOKEN_BYTES), []],
  ];
  for (const [value, text, notes] of taken) {
    test(`${JSON.stringify(value).slice(0, 40)} is taken`, () => {
      const result = read(value);
      assert.ok(result.ok);
      assert.deepEqual([result.token.reveal(), result.notes], [text, notes]);
    });
  }

  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^without a token in data\.token$/],
    [null, /^without a token/],
    ['', /^without a token/],
    ['  ', /is empty but for white space/],
    ['Bearer ', /is empty but for white space/],
    ['null', /is a word for nothing/],
    ['undefined', /is a word for nothing/],
    ['[object Object]', /is a word for nothing/],
    ['two words', /holds white space or a line break inside/],
    ['two\nlines', /holds white space or a line break inside/],
    ['höhe', /control or non-ASCII characters/],
    ['a\u0000b', /control or non-ASCII characters/],
    ['a\u200bb', /control or non-ASCII characters/],
    [9_007_199_254_740_993n.toString().length, /is not text/],
    [['abc'], /is not text/],
    [{ token: 'abc' }, /is not text/],
    [true, /is not text/],
    ['what-was-sent', /is what the request presented/],
    ['x'.repeat(33_000), /takes 33000 bytes, and at most 31000 fit into a secret/],
    ['"\\'.repeat(10_000), /takes 40000 bytes/],
  ];
  for (const [value, problem] of refused) {
    test(`${(JSON.stringify(value) ?? 'undefined').slice(0, 40)} is refused: ${problem.source}`, () => {
      const result = read(value);
      assert.ok(!result.ok);
      assert.match(result.problem, problem);
    });
  }
});
