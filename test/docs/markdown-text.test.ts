import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { anchorOf, markUp, sentence, table } from '../../docs/reference/markdown-text.ts';

describe('markUp', () => {
  for (const [text, marked] of [
    ['less than leaseDuration', 'less than `leaseDuration`'],
    ['sent as api_key, POD_NAME', 'sent as `api_key`, `POD_NAME`'],
    ['like 30s or 1h30m, 30 s after it', 'like `30s` or `1h30m`, 30 s after it'],
    ['1000/day, 14/15 of the lifetime', '`1000/day`, 14/15 of the lifetime'],
    ['see https://example.com/a; or not', 'see `https://example.com/a`; or not'],
    ['token-refresher/state/<secret> when left out', '`token-refresher/state/<secret>` when left out'],
    ['/livez, and 127.0.0.1', '`/livez`, and `127.0.0.1`'],
    ['as { env: NAME }', 'as `{ env: NAME }`'],
    ['needs sns:Publish; note: not more', 'needs `sns:Publish`; note: not more'],
    ['PaySecurez: a token', 'PaySecurez: a token'],
    ['<b> *is* [text]', String.raw`\<b\> \*is\* \[text\]`],
  ] as const) {
    it(`writes "${text}" as ${marked}`, () => {
      assert.equal(markUp(text), marked);
    });
  }

  it('marks the values that a description explains one by one', () => {
    const text = 'json: one object a line; auto: json elsewhere';
    assert.equal(markUp(text, ['json', 'auto']), '`json`: one object a line; `auto`: json elsewhere');
    assert.equal(markUp('sns: needs sns:Publish', ['sns']), '`sns`: needs `sns:Publish`');
  });
});

describe('sentence', () => {
  it('begins with a capital and ends with a full stop', () => {
    assert.equal(sentence('how old it may be'), 'How old it may be.');
  });

  it('leaves code at its beginning as it is', () => {
    assert.equal(sentence('baseUrl alone'), '`baseUrl` alone.');
  });
});

describe('table', () => {
  it('keeps a pipe in a cell from ending it', () => {
    assert.equal(table(['a', 'b'], [['1|2', '3']]), '| a | b |\n| --- | --- |\n| 1\\|2 | 3 |');
  });
});

describe('anchorOf', () => {
  it('follows GitHub', () => {
    assert.equal(
      anchorOf('Options of every `provider`, kind pivot-b2b'),
      'options-of-every-provider-kind-pivot-b2b',
    );
  });
});
