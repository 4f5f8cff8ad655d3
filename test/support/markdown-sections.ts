/** One heading with what stands below it, up to the next heading of any level. */
export interface MarkdownSection {
  readonly level: number;
  readonly title: string;
  /** As GitHub makes it of the title. */
  readonly anchor: string;
  readonly text: string;
}

/** The sections of a document in order; headings inside of code blocks are none. */
export function markdownSections(document: string): readonly MarkdownSection[] {
  const sections: { readonly heading: Omit<MarkdownSection, 'text'>; readonly lines: string[] }[] = [];
  let isCode = false;
  for (const line of document.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    const groups = isCode ? undefined : /^(?<marks>#{1,6}) (?<title>.+)$/.exec(line)?.groups;
    const { marks = '', title = '' } = groups ?? {};
    if (groups === undefined) sections.at(-1)?.lines.push(line);
    else sections.push({ heading: { level: marks.length, title, anchor: anchorOf(title) }, lines: [] });
  }
  return sections.map(({ heading, lines }) => ({ ...heading, text: lines.join('\n') }));
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** The code blocks of a language, in order. */
export function codeBlocks(document: string, language: string): readonly string[] {
  return [...document.matchAll(new RegExp(`\`\`\`${language}\\n(?<text>[\\s\\S]*?)\`\`\``, 'g'))].map(
    ({ groups }) => groups?.['text'] ?? '',
  );
}
