/**
 * The part of Markdown that docs/runbook.md is written in, as HTML: headings, paragraphs, lists, tables, code blocks; code,
 * bold and links in a line.
 *
 * Guarantee: whatever the text holds, it is escaped; a link leads to where `resolveLink` says, or is no link.
 * Non-guarantee: what else Markdown has is shown as it is written.
 */
import { Html, html } from './html.ts';

/** Where a link leads; `undefined`: it stays text, because nothing is served there. */
export type LinkResolver = (target: string) => string | undefined;

const BLOCK_START = /^(?:```|#{1,6} |- |\|)/;
/** Code, bold, a link: each without another of its own inside. */
const INLINE = /`(?<code>[^`]+)`|\*\*(?<bold>[^*]+)\*\*|\[(?<label>[^\]]+)\]\((?<target>[^)\s]+)\)/g;

export function renderMarkdown(text: string, resolveLink: LinkResolver): Html {
  const lines = text.split('\n');
  const blocks: Html[] = [];
  const takeWhile = (isPart: (line: string) => boolean): readonly string[] => {
    const end = lines.findIndex((line) => !isPart(line));
    return lines.splice(0, end === -1 ? lines.length : end);
  };
  const inline = (line: string): Html => renderInline(line, resolveLink);
  while (lines.length > 0) {
    const [line = ''] = lines;
    const heading = /^#{1,6} (?<title>.+)$/.exec(line)?.groups?.['title'];
    if (line.trim() === '') lines.shift();
    else if (heading !== undefined) {
      lines.shift();
      blocks.push(html`<h2>${inline(heading)}</h2>\n`);
    } else if (line.startsWith('```')) {
      lines.shift();
      blocks.push(html`<pre><code>${takeWhile((each) => !each.startsWith('```')).join('\n')}</code></pre>\n`);
      lines.shift();
    } else if (line.startsWith('|'))
      blocks.push(
        renderTable(
          takeWhile((each) => each.startsWith('|')),
          inline,
        ),
      );
    else if (line.startsWith('- ')) {
      const items = takeWhile((each) => each.startsWith('- ') || each.startsWith('  '))
        .join('\n')
        .split(/^- /m)
        .slice(1);
      blocks.push(html`<ul>${items.map((item) => html`<li>${inline(item.trim())}</li>`)}</ul>\n`);
    } else {
      const [first = '', ...rest] = [
        lines.shift(),
        ...takeWhile((each) => each.trim() !== '' && !BLOCK_START.test(each)),
      ];
      blocks.push(html`<p>${inline([first, ...rest].join('\n'))}</p>\n`);
    }
  }
  return html`${blocks}`;
}

function renderTable([head = '', , ...rows]: readonly string[], inline: (text: string) => Html): Html {
  const cells = (row: string): readonly Html[] =>
    row
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => inline(cell.replaceAll('\\|', '|').trim()));
  const body = rows.map((row) => html`<tr>${cells(row).map((cell) => html`<td>${cell}</td>`)}</tr>`);
  return html`<table><thead><tr>${cells(head).map((cell) => html`<th>${cell}</th>`)}</tr></thead><tbody>${body}</tbody></table>\n`;
}

function renderInline(text: string, resolveLink: LinkResolver): Html {
  const parts: Html[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const { code, bold, label = '', target = '' } = match.groups ?? {};
    parts.push(html`${text.slice(from, match.index)}`);
    from = match.index + match[0].length;
    const href = resolveLink(target);
    if (code !== undefined) parts.push(html`<code>${code}</code>`);
    else if (bold !== undefined) parts.push(html`<strong>${bold}</strong>`);
    else if (href === undefined) parts.push(html`${label} (${target})`);
    else parts.push(html`<a href="${href}" rel="noreferrer">${renderInline(label, () => undefined)}</a>`);
  }
  return html`${parts}${text.slice(from)}`;
}
