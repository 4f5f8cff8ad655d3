import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from './markdown-sections.ts';
import { PROJECT } from './program-process.ts';

/** Every document for people, by its path from the project's folder. */
export const DOCUMENTS: ReadonlyMap<string, string> = new Map(
  [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(PROJECT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ].map((path) => [path, readFileSync(join(PROJECT, path), 'utf8')]),
);

/** @throws Error when there is no such document */
export function documentText(path: string): string {
  const text = DOCUMENTS.get(path);
  if (text === undefined) throw new Error(`no document ${path}`);
  return text;
}

/** Every command that documents show in `sh` blocks, once. */
export function documentCommands(paths: readonly string[]): readonly string[] {
  const blocks = paths.flatMap((path) => codeBlocks(documentText(path), 'sh'));
  return [...new Set(blocks.flatMap((block) => block.trim().split('\n')))];
}

/** Rows of the table whose first heading is `heading`, without the heading. */
export function tableRows(path: string, heading: string): readonly (readonly string[])[] {
  const lines = documentText(path).split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start === -1) throw new Error(`${path} has no table with the heading ${heading}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      // A pipe in code is escaped, so that it does not end the cell.
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}
