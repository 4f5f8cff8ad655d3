/**
 * `/runbook` and `/runbook/NAME`: what an alert or a failure code means, from docs/runbook.md, on the daemon's own port.
 *
 * Guarantee: every page is escaped and has no script; the Content-Security-Policy lets nothing run or load but its style.
 * A name that is not known is answered with 404 and all names that are, and is not repeated.
 */
import { Html, html } from './html.ts';
import { type LinkResolver, renderMarkdown } from './markdown.ts';
import { hashSource, type PageAnswer, pageHeaders } from './page-policy.ts';

interface Section {
  readonly title: string;
  readonly text: string;
}

const STYLE = `
:root{color-scheme:light dark}
body{max-width:48rem;margin:0 auto;padding:1.5rem 1.25rem 4rem;font:16px/1.5 system-ui,sans-serif}
pre{overflow-x:auto;padding:.7rem .9rem;border:1px solid #8886;border-radius:6px}
code{font-size:.92em}
p code,li code,td code{overflow-wrap:anywhere}
table{border-collapse:collapse}
th,td{text-align:left;padding:.25rem .9rem .25rem 0}
`;

const HEADERS = {
  ...pageHeaders(`style-src ${hashSource(STYLE)}`, "form-action 'none'"),
  'cache-control': 'no-cache',
};

export class RunbookPages {
  readonly #names: readonly string[];
  readonly #pages = new Map<string, PageAnswer>();
  readonly #unknown: PageAnswer;

  /** @param document docs/runbook.md: a section of level 3 is the page of its title */
  constructor(document: string) {
    const [introduction = { title: '', text: '' }, ...sections] = splitSections(document);
    this.#names = sections.map(({ title }) => title);
    const names = new Map(sections.map(({ title }) => [title.toLowerCase(), title]));
    // Relative, because a proxy may put a path in front; `root` leads from a page to `/`.
    const linkFrom =
      (root: '' | '../'): LinkResolver =>
      (target) => {
        if (target.startsWith('https://')) return target;
        const name = target.startsWith('#') ? names.get(target.slice(1)) : undefined;
        return name === undefined ? undefined : `${root}runbook/${name}`;
      };
    const listFrom = (root: '' | '../'): Html =>
      html`<ul>${this.#names.map((name) => html`<li><a href="${root}runbook/${name}">${name}</a></li>`)}</ul>`;
    for (const { title, text } of sections)
      this.#pages.set(title.toLowerCase(), answer(200, title, '../', renderMarkdown(text, linkFrom('../'))));
    const head = html`${renderMarkdown(introduction.text, linkFrom(''))}<h2>All pages</h2>\n${listFrom('')}`;
    this.#pages.set('', answer(200, 'Runbook', '', head));
    const others = html`<p>The runbook has these:</p>${listFrom('../')}`;
    this.#unknown = answer(404, 'No such page', '../', others);
  }

  /** Of all pages but the list. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** @param name of an alert or a failure code, in any case; empty for the list of all */
  page(name: string): PageAnswer {
    return this.#pages.get(name.toLowerCase()) ?? this.#unknown;
  }
}

function answer(status: number, title: string, root: string, content: Html): PageAnswer {
  const body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}, token-refresher</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<nav><a href="${root || './'}">Status</a> · <a href="${root}runbook">Runbook</a></nav>
<h1>${title}</h1>
${content}
</body>
</html>
`.text;
  return { status, headers: HEADERS, body };
}

/** What stands before the first section of level 2, then each of level 3. */
function splitSections(document: string): readonly Section[] {
  const sections: { title: string; lines: string[] }[] = [{ title: '', lines: [] }];
  let [isCode, isShown] = [false, true];
  for (const line of document.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    const title = isCode ? undefined : /^### (?<title>.+)$/.exec(line)?.groups?.['title'];
    // What stands between "## Alerts" and its first section is a table of contents.
    if (!isCode && /^##? /.test(line)) isShown = line.startsWith('# ');
    else if (title !== undefined) {
      sections.push({ title, lines: [] });
      isShown = true;
    } else if (isShown) sections.at(-1)?.lines.push(line);
  }
  return sections.map(({ title: name, lines }) => ({ title: name, text: lines.join('\n') }));
}
