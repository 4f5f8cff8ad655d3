/** The program as it ships, and the bench's own subjects bundled like it. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, bundleProgram } from '../../image/bundle.ts';
import { PROJECT } from '../support/program-process.ts';

/** Parts of the program that the bench drives itself, or a loop in their place: files of this folder. */
export type Subject = 'daemon-subject' | 'loop-subject';

const SUBJECTS: readonly Subject[] = ['daemon-subject', 'loop-subject'];

/**
 * A build of its own, as `npm run build` makes it: whoever builds `dist/` meanwhile does not change what is measured.
 * Relative to the project.
 */
const BUILD = 'node_modules/.cache/token-refresher-bench';

export const BUILT_MAIN = `${BUILD}/main.js`;

export function builtSubject(name: Subject): string {
  return `${BUILD}/subjects/${name}.js`;
}

/** @throws when something that is imported is not there */
export async function buildProgram(): Promise<void> {
  await bundleProgram(join(PROJECT, BUILD));
  // As deep as chunks/, from where config/ is found.
  for (const name of SUBJECTS) await bundle(`test/bench/${name}.ts`, join(PROJECT, BUILD), 'subjects/[name]');
  // Nothing below node_modules/ is taken for a part of the project, which is what makes its files ES modules.
  await writeFile(join(PROJECT, BUILD, 'package.json'), '{ "type": "module" }\n');
  // What it reads lies beside the folder of the program, as in the image.
  for (const path of ['config/presets', 'docs/runbook.md'])
    await cp(join(PROJECT, path), join(PROJECT, BUILD, '..', path), { recursive: true });
}
