import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { valueForms } from '../../src/providers/description.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { documentText } from '../support/document-text.ts';
import { codeBlocks, markdownSections } from '../support/markdown-sections.ts';

const GUIDE = documentText('docs/providers.md');
const problemsOf = (text: string): string => {
  const parsed = parseConfiguration(text, { fileName: 'docs/providers.md', ...CATALOG });
  return parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n');
};

describe('docs/providers.md', () => {
  for (const { title, text } of markdownSections(GUIDE)) {
    for (const [index, example] of codeBlocks(text, 'yaml').entries()) {
      it(`has an example in "${title}" that loads (${index + 1})`, () => {
        assert.equal(problemsOf(example), '');
      });
    }
  }

  it('is introduced by examples in the README that load', () => {
    const examples = codeBlocks(documentText('README.md'), 'yaml');
    assert.equal(examples.map(problemsOf).join(''), '');
  });

  it('has an example of each value', () => {
    const examples = codeBlocks(GUIDE, 'yaml').join('\n');
    for (const form of Object.keys(valueForms)) assert.match(examples, new RegExp(`[{ ]${form}: `), form);
  });
});
