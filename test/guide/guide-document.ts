import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownSections } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';

/** One block to paste, and what the guide says about its output. */
export interface GuideBlock {
  readonly title: string;
  readonly script: string;
  /** What stands in code marks in the paragraph "You should see …" right below. */
  readonly promised: readonly string[];
}

const BLOCK = /```sh\n(?<script>[\s\S]*?)```\n(?:\n(?<promise>You should see [\s\S]*?)(?:\n\n|$))?/g;

/** The blocks of `docs/install-eks.md` in the order in which a person pastes them. */
export function readGuide(path = join(PROJECT, 'docs/install-eks.md')): readonly GuideBlock[] {
  return markdownSections(readFileSync(path, 'utf8')).flatMap(({ title, text }) =>
    [...`${text}\n`.matchAll(BLOCK)].map(({ groups }) => ({
      title,
      script: groups?.['script'] ?? '',
      // What comes after the first sentence that is not about the output is not promised.
      promised: [
        ...(groups?.['promise']?.split(/[.:] (?=[A-Z])/)[0] ?? '').matchAll(/`(?<text>[^`]+)`/g),
      ].map((match) => match.groups?.['text'] ?? ''),
    })),
  );
}

/** The block with other values in its `export NAME=…` lines. @throws for a name that the block does not set */
export function fillIn(block: GuideBlock, values: Readonly<Record<string, string>>): GuideBlock {
  let { script } = block;
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^export ${name}=.*$`, 'm');
    if (!line.test(script)) throw new Error(`the guide does not let people set ${name}`);
    script = script.replace(line, () => `export ${name}='${value}'`);
  }
  return { ...block, script };
}
