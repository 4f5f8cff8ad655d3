import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { bundleProgram } from '../../image/bundle.ts';
import { createPrivateFolder } from '../support/private-folder.ts';

const OTHERS = ['config/mine.yaml', 'layer/app/dist/main.js', 'release/SHA256SUMS'];

async function createFiles(folder: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), '');
  }
}

test('a build takes the place of an earlier one and leaves what else is there', async (t) => {
  const folder = await createPrivateFolder(t);
  await createFiles(folder, [...OTHERS, 'main.js', 'chunks/former-ABCDEFGH.js']);
  const { outputs } = await bundleProgram(folder);
  assert.deepEqual((await readdir(folder)).toSorted(), ['chunks', 'config', 'layer', 'main.js', 'release']);
  const chunks = Object.keys(outputs).length - 1;
  assert.equal((await readdir(join(folder, 'chunks'))).length, chunks);
  for (const path of OTHERS) assert.ok(existsSync(join(folder, path)), path);
});

test('a build takes the place of one that the compiler made, a file for each module', async (t) => {
  const folder = await createPrivateFolder(t);
  const former = ['main.js', 'main.js.map', 'config/load.js', 'refresh/chain.js', 'refresh/chain.js.map'];
  await createFiles(folder, [...former, 'layer/app/dist/main.js']);
  await bundleProgram(folder);
  assert.deepEqual((await readdir(folder)).toSorted(), ['chunks', 'layer', 'main.js']);
});
