import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfiguration } from '../../src/config/load.ts';
import { VERSION } from '../../src/core/version.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { readDockerfile } from '../support/dockerfile.ts';
import { documentText } from '../support/document-text.ts';
import { codeBlocks } from '../support/markdown-sections.ts';
import { findTool } from '../support/monitoring-tool.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';

const PAGE = documentText('docs/without-kubernetes.md');
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');
const UNIT = read('docs/without-kubernetes/systemd/token-refresher.service');
const COMPOSE = read('docs/without-kubernetes/compose/compose.yaml');
const UNIT_NAME = 'token-refresher.service';
const needs = (tool: string) => ({ skip: findTool(tool) === undefined ? `${tool} is not installed` : false });

/** Values of a setting of the unit, in order. */
function settings(name: string): readonly string[] {
  return UNIT.split('\n').flatMap((line) =>
    line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : [],
  );
}

/** The options of Node.js that the image has. */
function nodeOptions(): readonly string[] {
  return readDockerfile().entrypoint.filter((option) => option.startsWith('--'));
}

async function verify(t: TestContext, unit: string): Promise<string> {
  const file = join(await createPrivateFolder(t), UNIT_NAME);
  // It is not installed here.
  writeFileSync(file, unit.replaceAll('/opt/token-refresher/bin/node', process.execPath));
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
  // Of other units of this machine it says what it likes.
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.includes(UNIT_NAME))
    .join('\n');
}

for (const path of [
  'docs/without-kubernetes/systemd/config.yaml',
  'docs/without-kubernetes/compose/config.yaml',
]) {
  it(`${path} passes the parser`, () => {
    const parsed = parseConfiguration(read(path), { fileName: path, ...CATALOG });
    assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.problems));
  });
}

describe('docs/without-kubernetes/systemd/token-refresher.service', () => {
  it('is a unit that systemd takes', needs('systemd-analyze'), async (t) => {
    assert.equal(await verify(t, UNIT), '');
    assert.match(await verify(t, UNIT.replace('ProtectHome=', 'ProtctHome=')), /Unknown key/);
  });

  it('exposes little, as systemd counts it', needs('systemd-analyze'), async (t) => {
    const file = join(await createPrivateFolder(t), UNIT_NAME);
    writeFileSync(file, UNIT);
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--threshold=20', '--no-pager', file],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  it('starts the program as the image does, with the credentials that its configuration names', () => {
    const [command = ''] = settings('ExecStart');
    for (const option of nodeOptions()) assert.ok(command.includes(` ${option} `), option);
    assert.ok(
      settings('Environment').includes('MALLOC_ARENA_MAX=1') &&
        read('Dockerfile').includes(' MALLOC_ARENA_MAX=1 '),
    );
    const given = settings('LoadCredential').map((text) => text.split(':')[0] ?? '');
    const used = [read('docs/without-kubernetes/systemd/config.yaml'), ...settings('Environment')].flatMap(
      (text) =>
        [...text.matchAll(/\/run\/credentials\/token-refresher\.service\/(?<name>[\w-]+)/g)].map(
          ({ groups }) => groups?.['name'] ?? '',
        ),
    );
    assert.deepEqual(given.toSorted(), used.toSorted());
  });
});

const composeSchema = z.object({
  services: z.object({
    'token-refresher': z.looseObject({
      image: z.string(),
      user: z.string(),
      healthcheck: z.object({ test: z.array(z.string()) }),
    }),
  }),
});

const service = composeSchema.parse(parse(COMPOSE)).services['token-refresher'];

describe('docs/without-kubernetes/compose/compose.yaml', () => {
  it('is a file that compose takes', needs('docker-compose'), async (t) => {
    const check = async (text: string) => {
      const file = join(await createPrivateFolder(t), 'compose.yaml');
      writeFileSync(file, text);
      return spawnSync('docker-compose', ['-f', file, 'config', '--quiet'], { encoding: 'utf8' });
    };
    const { status, stderr } = await check(COMPOSE);
    assert.equal(status, 0, stderr);
    assert.notEqual((await check(COMPOSE.replace('cap_drop', 'cap_dropp'))).status, 0);
  });

  it('runs what the image has as the user whom the image has', () => {
    const { uid, gid } = readDockerfile().user;
    assert.equal(service.user, `${uid}:${gid}`);
    assert.equal(service.image, `token-refresher:${VERSION}`);
  });

  it('has a health check that Node.js can run, and that fails where nothing answers', () => {
    const [kind, command, ...args] = service.healthcheck.test;
    assert.deepEqual([kind, command], ['CMD', 'node']);
    // A port that nothing of this machine listens on.
    const script = args.map((arg) => arg.replace(':8080', ':1'));
    assert.equal(spawnSync(process.execPath, script).status, 1);
  });
});

describe('docs/without-kubernetes.md', () => {
  const shell = codeBlocks(PAGE, 'sh').join('\n');

  it('has commands that a shell can read', () => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: shell, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  it('copies files that there are, and starts the container of compose', () => {
    const paths = [...shell.matchAll(/\bdocs\/without-kubernetes\/[\w./-]+/g)].map(([path]) => path);
    assert.equal(paths.length, 3);
    for (const path of paths) read(path.endsWith('compose') ? `${path}/compose.yaml` : path);
    const run = shell.slice(shell.indexOf('docker run'));
    for (const option of [
      '--read-only',
      '--cap-drop ALL',
      'no-new-privileges:true',
      '--memory 256m',
      '--pids-limit 64',
    ])
      assert.ok(run.includes(option), option);
    assert.ok(run.includes(`--user ${service.user}`));
    assert.ok(run.trimEnd().endsWith(service.image));
    assert.ok(COMPOSE.includes('- 127.0.0.1:8080:8080\n') && run.includes('-p 127.0.0.1:8080:8080 '));
  });
});
