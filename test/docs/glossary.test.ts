import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';

const MAX_WORDS = 25;

it('the words at the head of core/ports.ts are those of the development guide, at most 25', async () => {
  const ports = await readFile('src/core/ports.ts', 'utf8');
  const guide = await readFile('docs/development.md', 'utf8');
  const inCode = readWords(ports, /^ \* - \*\*(?<word>[^*]+)\*\*: (?<meaning>.+)$/gm);
  const inGuide = readWords(guide, /^\| \*\*(?<word>[^*]+)\*\* \| (?<meaning>.+) \|$/gm);
  assert.ok(inCode.length > 20 && inCode.length <= MAX_WORDS, `${inCode.length} words`);
  assert.deepEqual(inGuide, inCode);
});

function readWords(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(({ groups }) => `${groups?.['word']}: ${groups?.['meaning']}`);
}
