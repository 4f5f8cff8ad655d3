/** A document as a tree of sections, written as Markdown with a table of contents. */
import { link } from './markdown-text.ts';

export interface ReferenceSection {
  /** Unique: links go by it. */
  readonly title: string;
  /** Paragraphs, tables and blocks in Markdown, none of them empty. */
  readonly blocks: readonly string[];
  readonly sections: readonly ReferenceSection[];
}

/** The sections with their headings. @param level of the outermost headings */
export function writeSections(sections: readonly ReferenceSection[], level: number): readonly string[] {
  return sections.flatMap(({ title, blocks, sections: inner }) => [
    `${'#'.repeat(level)} ${title}`,
    ...blocks,
    ...writeSections(inner, level + 1),
  ]);
}

/** A list of links, the inner sections on lines of their own. */
export function tableOfContents(sections: readonly ReferenceSection[], indent = ''): string {
  return sections
    .flatMap(({ title, sections: inner }) => [
      `${indent}- ${link(title, title)}`,
      ...(inner.length === 0 ? [] : [tableOfContents(inner, `${indent}  `)]),
    ])
    .join('\n');
}
