import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { codeBlocks, markdownSections } from '../support/markdown-sections.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';
import { fillIn, readGuide } from './guide-document.ts';

const PATH = join(PROJECT, 'docs/install-eks.md');

describe('docs/install-eks.md', () => {
  it('is run to the last of its blocks', async () => {
    const text = await readFile(PATH, 'utf8');
    assert.deepEqual(
      readGuide().map(({ script }) => script),
      codeBlocks(text, 'sh'),
    );
  });

  it('links to sections of its own and files of the sources that there are', async () => {
    const text = await readFile(PATH, 'utf8');
    const anchors = new Set(markdownSections(text).map(({ anchor }) => `#${anchor}`));
    for (const [, link = ''] of text.matchAll(/\]\(((?:#|\.\.\/)[^)]+)\)/g))
      assert.ok(link.startsWith('#') ? anchors.has(link) : existsSync(join(PATH, '..', link)), link);
  });

  it('lets people set nothing but values in its first block', () => {
    const lines = readGuide()[0]?.script.trim().split('\n') ?? [];
    assert.ok(lines.length > 5);
    for (const line of lines) assert.match(line, /^export [A-Z_]+=\S+$/);
  });
});

describe('a guide', () => {
  it('promises what stands in code in the first sentence below a block', async (t) => {
    const path = join(await createPrivateFolder(t), 'guide.md');
    await writeFile(
      path,
      '# A\n\n## One\n\n```sh\nmake\n```\n\nYou should see `a` and\n`b c`. If not, run `d`.\n\n```sh\nrun\n```\n\nThen `e`.\n',
    );
    assert.deepEqual(readGuide(path), [
      { title: 'One', script: 'make\n', promised: ['a', 'b c'] },
      { title: 'One', script: 'run\n', promised: [] },
    ]);
  });

  it('is filled in where it sets a value, and nowhere else', () => {
    const block = { title: 'One', script: 'export A=yours\necho $A\n', promised: [] };
    assert.equal(fillIn(block, { A: 'b c' }).script, "export A='b c'\necho $A\n");
    assert.throws(() => fillIn(block, { B: '1' }), /does not let people set B/);
  });
});
