import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './program-process.ts';

export const README = readFileSync(join(PROJECT, 'README.md'), 'utf8');

/** The code blocks of a language, in order. */
export function readmeBlocks(language: string): readonly string[] {
  return [...README.matchAll(new RegExp(`\`\`\`${language}\\n(?<text>[\\s\\S]*?)\`\`\``, 'g'))].map(
    ({ groups }) => groups?.['text'] ?? '',
  );
}

/** Every command that the README shows, once. */
export function readmeCommands(): readonly string[] {
  return [...new Set(readmeBlocks('sh').flatMap((block) => block.trim().split('\n')))];
}
