import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRICS } from '../../src/adapters/prometheus/metric-list.ts';
import { ALERT_NAMES, ALERTS } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { listFaults } from '../../src/sandbox/fault-syntax.ts';
import { OPERATION_NAMES } from '../../src/sandbox/secrets-manager/operation.ts';
import { documentCommands, documentText, tableRows } from '../support/document-text.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';

test('docs/monitoring.md lists every metric as the program defines it, and no other', () => {
  const rows = tableRows('docs/monitoring.md', 'metric').map(([name, type, labels, help]) => ({
    name,
    type,
    labels,
    help,
  }));
  assert.deepEqual(
    rows,
    METRICS.map(({ name, type, labels, help }) => ({
      name: `\`${name}\``,
      type,
      labels: labels.map((label) => `\`${label}\``).join(', '),
      help,
    })),
  );
});

test('docs/failure-model.md says for every failure code what to do', () => {
  assert.deepEqual(
    tableRows('docs/failure-model.md', 'code').map(([code]) => code),
    FAILURE_CODES.map((code) => `\`${code}\``),
  );
});

test('docs/monitoring.md lists every alert with its severity and meaning', () => {
  assert.deepEqual(
    tableRows('docs/monitoring.md', 'alert'),
    ALERT_NAMES.map((name) => [`\`${name}\``, ALERTS[name].severity, ALERTS[name].meaning]),
  );
});

test('docs/readers.md names every field of the token document', () => {
  const named = tableRows('docs/readers.md', 'field').flatMap(([fields = '']) =>
    fields.replaceAll('`', '').split(', '),
  );
  assert.deepEqual(named.toSorted(), Object.keys(tokenDocumentSchema.shape).toSorted());
});

test('no command of a document needs another Node.js than the one that npm ci brings', () => {
  const documents = readdirSync(join(PROJECT, 'docs')).filter((name) => name.endsWith('.md'));
  const paths = ['README.md', 'CONTRIBUTING.md', ...documents.map((name) => `docs/${name}`)];
  assert.deepEqual(
    documentCommands(paths).filter((command) => command.startsWith('node ')),
    [],
  );
});

test('docs/sandbox.md names every fault of the store', () => {
  for (const word of listFaults('store'))
    assert.match(documentText('docs/sandbox.md'), new RegExp(`\`${word.replace('=…', '')}[\`=]`));
});

test('every promise is named by a test in the file that docs/development.md gives', () => {
  const rows = tableRows('docs/development.md', 'promise');
  assert.equal(rows.length, 13);
  for (const [promise = '', where = ''] of rows) {
    const name = /\*\*(?<name>[^*]+)\*\*/.exec(promise)?.groups?.['name'] ?? 'a name in bold';
    const paths = [...where.matchAll(/`(?<path>test\/[^`]+)`/g)].map(({ groups }) => groups?.['path'] ?? '');
    assert.ok(paths.length > 0, `${name}: no file given`);
    for (const path of paths) {
      assert.ok(
        readFileSync(join(PROJECT, path), 'utf8').includes(name),
        `${path} has no test named "${name}"`,
      );
    }
  }
});

test('the README makes the promises that have tests, and no other', () => {
  const [, promises = ''] = documentText('README.md').split('\n## What it promises\n');
  const made = [...promises.matchAll(/^- \*\*(?<name>[^*]+)\*\*/gm)].map(({ groups }) => groups?.['name']);
  const tested = tableRows('docs/development.md', 'promise').map(([promise]) => promise?.split('**')[1]);
  assert.deepEqual(made, tested);
});

test('docs/sandbox.md names every operation of the emulator', () => {
  for (const name of OPERATION_NAMES)
    assert.match(documentText('docs/sandbox.md'), new RegExp(`\\b${name}\\b`));
});

test('the faults that documents and help texts recommend all end', () => {
  const texts = [
    documentText('docs/sandbox.md'),
    readFileSync(join(PROJECT, 'src/commands/program.ts'), 'utf8'),
  ];
  for (const [, fault] of texts.flatMap((text) => [...text.matchAll(/--fault ([\w*-]+:\S+?)[\s'`]/g)]))
    assert.match(fault ?? '', /\+\d+s$/, fault ?? 'no fault');
});

test('docs/security.md says that credentials stay in memory after a fetch', () => {
  const rows = tableRows('docs/security.md', 'secret');
  const inTheDaemon = rows.find(([secret]) => secret === 'credentials')?.[2] ?? '';
  assert.match(inTheDaemon, /^memory, as long as the program runs/);
  assert.match(
    documentText('docs/security.md'),
    /Whoever can read the daemon's memory .* therefore has its credentials/,
  );
});

test('npm ci says nothing of the Node.js that it runs on, which is not the one that runs the program', async (t) => {
  const folder = await createPrivateFolder(t);
  for (const name of ['package-lock.json', '.npmrc']) copyFileSync(join(PROJECT, name), join(folder, name));
  // As if it ran on one that is too old for everything.
  const manifest = readFileSync(join(PROJECT, 'package.json'), 'utf8').replace(
    '"node": ">=24"',
    '"node": ">=999"',
  );
  assert.match(manifest, />=999/);
  writeFileSync(join(folder, 'package.json'), manifest);
  const { status, stdout, stderr } = spawnSync('npm', ['ci', '--dry-run', '--offline', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /^npm warn/im);
});
