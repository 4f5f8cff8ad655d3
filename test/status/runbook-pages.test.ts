import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { readRunbook } from '../../src/adapters/runbook-file.ts';
import { ALERT_NAMES } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { renderMarkdown } from '../../src/status/markdown.ts';
import { RunbookPages } from '../../src/status/runbook-pages.ts';
import { fc } from '../support/property.ts';

const pages = new RunbookPages(readRunbook());

describe('the runbook pages', () => {
  for (const name of [...ALERT_NAMES, 'AlertTest', ...FAILURE_CODES]) {
    it(`have one for ${name}, without a script and without Markdown that is shown as such`, () => {
      const { status, headers, body } = pages.page(name);
      assert.equal(status, 200);
      assert.match(body, new RegExp(`<h1>${name}</h1>`));
      const prose = body.replace(/<pre>[\s\S]*?<\/pre>|<code>[^<]*<\/code>/g, '');
      assert.doesNotMatch(prose, /\*\*|```|\]\(|`|<script/);
      const style = /<style>([\s\S]*?)<\/style>/.exec(body)?.[1] ?? '';
      const hash = createHash('sha256').update(style).digest('base64');
      assert.ok(
        headers['content-security-policy']?.includes(`default-src 'none'; style-src 'sha256-${hash}'`),
      );
    });
  }

  it('link to each other, and to nothing that is not there', () => {
    let links = 0;
    for (const name of ['', ...pages.names])
      for (const [, target = ''] of pages.page(name).body.matchAll(/href="([^"]+)"/g)) {
        links += 1;
        if (target.startsWith('https://')) continue;
        // A proxy may have put a path in front.
        const { pathname } = new URL(target, `http://proxy/front/runbook${name === '' ? '' : `/${name}`}`);
        if (pathname === '/front/') continue;
        assert.match(pathname, /^\/front\/runbook(?:\/[\w-]+)?$/);
        assert.equal(pages.page(pathname.slice('/front/runbook/'.length)).status, 200, target);
      }
    assert.ok(links > 60);
  });

  it('answer an unknown name with 404 and the list, and do not repeat it', () => {
    const { status, headers, body } = pages.page('<script>alert(1)</script>');
    assert.equal(status, 404);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.ok(!body.includes('alert(1)'));
    for (const name of pages.names) assert.ok(body.includes(`href="../runbook/${name}"`), name);
  });

  it('take a name in any case, as the anchors of a document have it', () => {
    assert.equal(pages.page('tokenexpired').body, pages.page('TokenExpired').body);
  });
});

describe('renderMarkdown', () => {
  const resolve = (target: string): string | undefined => (target === '#a' ? '/runbook/a' : undefined);
  for (const [text, rendered] of [
    ['# A `b`', '<h2>A <code>b</code></h2>\n'],
    ['one\ntwo\n\nthree', '<p>one\ntwo</p>\n<p>three</p>\n'],
    ['- one\n  more\n- two', '<ul><li>one\n  more</li><li>two</li></ul>\n'],
    [
      '**bold** and [link](#a), [other](b.md)',
      '<p><strong>bold</strong> and <a href="/runbook/a" rel="noreferrer">link</a>, other (b.md)</p>\n',
    ],
    [
      '```sh\nls | wc -l > "a"\n```\nafter',
      '<pre><code>ls | wc -l &gt; &quot;a&quot;</code></pre>\n<p>after</p>\n',
    ],
    [
      '| a | b |\n| --- | --- |\n| `1\\|2` | 3 |',
      '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>1|2</code></td><td>3</td></tr></tbody></table>\n',
    ],
    ['```sh\nnever ended', '<pre><code>never ended</code></pre>\n'],
    [
      '<img src=x onerror=1> [<b>](#a)',
      '<p>&lt;img src=x onerror=1&gt; <a href="/runbook/a" rel="noreferrer">&lt;b&gt;</a></p>\n',
    ],
  ] as const) {
    it(`renders ${JSON.stringify(text)}`, () => {
      assert.equal(renderMarkdown(text, resolve).text, rendered);
    });
  }

  it('ends, and lets no tag through, whatever it is given', () => {
    const line = fc.string({
      unit: fc.constantFrom('`', '*', '|', '[', ']', '(', ')', '-', '#', ' ', '<', '"', 'a'),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const { text } = renderMarkdown(lines.join('\n'), resolve);
        const own =
          /<\/?(?:h2|p|pre|code|ul|li|table|thead|tbody|tr|th|td|strong)>|<a href="\/runbook\/a" rel="noreferrer">|<\/a>/g;
        assert.doesNotMatch(text.replace(own, ''), /</);
      }),
    );
  });
});
