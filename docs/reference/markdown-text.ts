/** Markdown as GitHub shows it: plain sentences marked up, tables, anchors. */

/** What stands as code in a plain description: names, values and addresses, which prose would never spell like this. */
const CODE = [
  String.raw`https?://[^\s;,)]+`,
  String.raw`\{[^{}]*\}`,
  String.raw`\barn:[\w:*]+`,
  // Paths, and names with slashes in them: /metrics, token-refresher/state/<secret>, coordination.k8s.io/v1.
  String.raw`(?<![\w/])/[a-z][\w./-]*`,
  String.raw`\b[a-z][\w.-]*(?:/[\w<>{}-]+(?:\.[\w<>{}-]+)*)+`,
  // <secret>-state
  String.raw`<[a-z]+>-[a-z]+`,
  String.raw`\b[a-z-]+[=:][A-Za-z][\w-]*`,
  String.raw`\bKEY=VALUE\b`,
  String.raw`\bX(?:-[A-Z]+)+\b`,
  // POD_NAME, api_key
  String.raw`\b[A-Za-z]+(?:_[A-Za-z]+)+\b`,
  // leaseDuration
  String.raw`\b[a-z]+(?:[A-Z][a-z0-9]+)+\b`,
  // 1h30m, 1000/day
  String.raw`\b(?:\d+(?:d|h|ms|m|s))+\b`,
  String.raw`\b\d+/(?:day|hour|minute)\b`,
  String.raw`\b\d+(?:\.\d+){3}\b`,
  String.raw`"[a-z]+"`,
].join('|');

export function code(text: string): string {
  return `\`${text}\``;
}

/**
 * A plain text with its code marked as such, and nothing in the rest that Markdown or HTML would take for its own.
 * @param values what is code too where a colon follows: "json: one object a line"
 */
export function markUp(text: string, values: readonly string[] = []): string {
  const known = values.map((value) => String.raw`(?<![\w-])${RegExp.escape(value)}(?=: )`);
  const pattern = new RegExp([...known, CODE].join('|'), 'g');
  let marked = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    marked += escapeText(text.slice(end, match.index)) + code(match[0]);
    end = match.index + match[0].length;
  }
  return marked + escapeText(text.slice(end));
}

/** The same with a capital at its beginning and a full stop. */
export function sentence(text: string, values: readonly string[] = []): string {
  const marked = markUp(text, values);
  return `${marked.charAt(0).toUpperCase()}${marked.slice(1)}.`;
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\<>*[\]]/g, String.raw`\$&`);
}

export function link(text: string, title: string): string {
  return `[${text}](#${anchorOf(title)})`;
}

/** As GitHub makes it of a heading; the reference's own headings yield kebab-case. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** @param rows cells in Markdown, as many as there are headings */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}
