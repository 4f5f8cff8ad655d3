import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { buildApplicationLayer } from '../../image/application-layer.ts';
import { VERSION } from '../../src/core/version.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { STORE_ENVIRONMENT } from '../support/program-process.ts';

const LIMIT_BYTES = 15_000_000;

const run = promisify(execFile);

describe('the application layer of the image', () => {
  let folder: string;
  let app: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-refresher-layer-'));
    await buildApplicationLayer(folder);
    app = join(folder, 'app');
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('takes at most 15 MB', async (t) => {
    const sizes = await Promise.all(
      (await listFiles(app)).map(async (path) => (await stat(join(app, path))).size),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB in ${sizes.length} files`);
    assert.ok(bytes <= LIMIT_BYTES, `${bytes} bytes`);
  });

  it('holds the program, configurations to look at and licences, the command, the runbook, and nothing else', async () => {
    const files = (await listFiles(app)).map((path) =>
      path
        .replace(/^dist\/chunks\/.*\.js$/, 'dist/chunks/*.js')
        .replace(/^config\/presets\/.*\.yaml$/, 'config/presets/*.yaml'),
    );
    assert.deepEqual([...new Set(files)].toSorted(), [
      'THIRD-PARTY-LICENSES',
      'bin/token-refresher',
      'config/example.yaml',
      'config/presets/*.yaml',
      'config/sandbox.yaml',
      'config/schema.json',
      'config/token-document.schema.json',
      'dist/chunks/*.js',
      'dist/main.js',
      'docs/runbook.md',
      'package.json',
    ]);
  });

  it('has a command for the PATH that can be executed, and reads the runbook of its own', async () => {
    const { mode } = await stat(join(app, 'bin/token-refresher'));
    assert.equal(mode & 0o777, 0o755);
    assert.equal((await stat(join(app, 'dist/main.js'))).mode & 0o777, 0o644);
    const { stdout } = await run(process.execPath, [join(app, 'bin/token-refresher'), '--version']);
    assert.equal(stdout, `${VERSION}\n`);
  });

  it('is the same, byte for byte, when it is built again', async (t) => {
    const again = await createPrivateFolder(t);
    await buildApplicationLayer(again);
    assert.deepEqual(await fingerprint(join(again, 'app')), await fingerprint(app));
  });

  it('has zod in English alone: what is imported as `{ z }` cannot be cut down', async () => {
    const files = (await readdir(join(app, 'dist'), { recursive: true })).filter((file) =>
      file.endsWith('.js'),
    );
    const texts = await Promise.all(files.map((file) => readFile(join(app, 'dist', file), 'utf8')));
    const locales = texts.flatMap((text) => text.match(/(?<=zod\/v4\/locales\/)[\w-]+(?=\.js$)/gm) ?? []);
    assert.deepEqual(locales, ['en'], "write import * as z from 'zod'");
  });

  it('passes on the licence of every package that a person would think of', async () => {
    const text = await readFile(join(app, 'THIRD-PARTY-LICENSES'), 'utf8');
    const named = new Set(
      [...text.matchAll(/^={80}\n(?<name>.+)\n={80}$/gm)].map(({ groups }) => groups?.['name']),
    );
    for (const name of ['@aws-sdk/client-secrets-manager', 'fastify', 'node-cron', 'pino', 'zod'])
      assert.ok(named.has(name), name);
    assert.ok(!named.has('esbuild'), 'what only builds is not passed on');
  });

  for (const [args, expected] of [
    [['--version'], new RegExp(`^${VERSION}\n$`)],
    [['schema'], /"providers"/],
    [['plan', '--config', 'config/example.yaml'], /^pivot +payments\/pivot +15m +14m/m],
  ] as const) {
    it(`runs ${args[0]} without node_modules`, async () => {
      const { stdout } = await run(process.execPath, [join(app, 'dist/main.js'), ...args], {
        cwd: app,
        env: STORE_ENVIRONMENT,
      });
      assert.match(stdout, expected);
    });
  }
});

async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Path, mode, time and content of every file. */
async function fingerprint(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await Promise.all(
    (await listFiles(folder)).toSorted().map(async (path) => {
      const { mode, mtimeMs } = await stat(join(folder, path));
      const hash = createHash('sha256').update(await readFile(join(folder, path)));
      return [path, `${mode.toString(8)} ${mtimeMs} ${hash.digest('hex')}`] as const;
    }),
  );
  return Object.fromEntries(entries);
}
