import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findNodeProblem, findPackageProblem } from '../../src/core/required-node.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';

describe('on a Node.js that is too old', () => {
  it('the program says what it needs, in one line, before it imports what needs it', () => {
    // Claims to be an old one: the import itself cannot be tried without one.
    const claim = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
    const { status, stderr } = spawnSync(process.execPath, ['--import', claim, 'src/main.ts', 'plan'], {
      cwd: PROJECT,
      encoding: 'utf8',
    });
    assert.match(stderr, /^token-refresher needs Node\.js 24 or later, and this is 20\.20\.2; .*\n$/);
    assert.equal(status, 2);
  });

  it('is refused exactly below what package.json asks for', () => {
    const manifest = readFileSync(join(PROJECT, 'package.json'), 'utf8');
    assert.equal(/"node": ">=(\d+)"/.exec(manifest)?.[1], '24');
    assert.notEqual(findNodeProblem('23.11.1'), undefined);
    assert.equal(findNodeProblem('24.0.0'), undefined);
    assert.equal(findNodeProblem('26.9.0'), undefined);
  });
});

describe('without npm ci', () => {
  it('the program says what to do', async (t) => {
    const folder = await createPrivateFolder(t);
    cpSync(join(PROJECT, 'src'), join(folder, 'src'), { recursive: true });
    cpSync(join(PROJECT, 'package.json'), join(folder, 'package.json'));
    const { status, stderr } = spawnSync(process.execPath, ['src/main.ts', 'plan'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.match(
      stderr,
      /^the packages that token-refresher needs are not installed.* run npm ci in its folder\n$/,
    );
    assert.equal(status, 2);
  });

  it('no other failure is taken for that', () => {
    assert.equal(findPackageProblem(new Error('ERR_MODULE_NOT_FOUND')), undefined);
  });
});
