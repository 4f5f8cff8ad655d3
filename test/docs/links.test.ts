import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { DOCUMENTS } from '../support/document-text.ts';
import { markdownSections } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';

describe('the documents', () => {
  for (const [path, text] of DOCUMENTS) {
    it(`link to what there is: ${path}`, () => {
      const broken = linksOf(text).filter((link) => !leadsSomewhere(path, link));
      assert.deepEqual(broken, []);
    });
  }

  it('are all reached from the README', () => {
    const readme = DOCUMENTS.get('README.md') ?? '';
    for (const path of DOCUMENTS.keys())
      if (path !== 'README.md') assert.ok(readme.includes(`](${path})`), `${path} is not linked`);
  });
});

/** Targets of links and pictures outside of code. */
function linksOf(text: string): readonly string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\((?<target>[^)\s]+)\)/g)].map(({ groups }) => groups?.['target'] ?? '');
}

function leadsSomewhere(from: string, link: string): boolean {
  if (link.startsWith('https://')) return true;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : normalize(join(dirname(from), file));
  if (!existsSync(join(PROJECT, target))) return false;
  if (anchor === undefined) return true;
  return markdownSections(DOCUMENTS.get(target) ?? '').some((section) => section.anchor === anchor);
}
