import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from './markdown-sections.ts';
import { PROJECT } from './program-process.ts';

export const README = readFileSync(join(PROJECT, 'README.md'), 'utf8');

/** The code blocks of a language, in order. */
export function readmeBlocks(language: string): readonly string[] {
  return codeBlocks(README, language);
}

/** Every command that the README shows, once. */
export function readmeCommands(): readonly string[] {
  return [...new Set(readmeBlocks('sh').flatMap((block) => block.trim().split('\n')))];
}
