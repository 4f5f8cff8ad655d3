import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeHtml, Html, html } from '../../src/status/html.ts';
import { fc } from '../support/property.ts';

describe('html', () => {
  for (const { what, made, text } of [
    { what: 'escapes a text', made: html`<b>${'<&>"\''}</b>`, text: '<b>&lt;&amp;&gt;&quot;&#39;</b>' },
    { what: 'takes HTML as it is', made: html`<b>${html`<i>${'<'}</i>`}</b>`, text: '<b><i>&lt;</i></b>' },
    { what: 'joins an array', made: html`${[new Html('<hr>'), html`${1}`]}`, text: '<hr>1' },
    { what: 'makes nothing of undefined', made: html`a${undefined}b`, text: 'ab' },
  ]) {
    it(what, () => assert.equal(made.text, text));
  }

  it('lets no text out of its place, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeHtml(text);
        assert.doesNotMatch(escaped, /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
        assert.ok(escaped.isWellFormed());
      }),
    );
  });
});
