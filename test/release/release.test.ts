/** `npm run release`: the same bytes each time, and a bill of materials that leaves nothing out. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';
import { documentText } from '../support/document-text.ts';
import { PROJECT } from '../support/program-process.ts';

const run = promisify(execFile);

const COMMIT_SECONDS = 1_790_000_000;
const CHART = 'k8s/helm/token-refresher';
const hasChart = existsSync(join(PROJECT, CHART));
const BASE = `token-refresher-${VERSION}`;

const manifestSchema = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

const billSchema = z.object({
  components: z.array(z.object({ 'bom-ref': z.string(), name: z.string(), version: z.string() })),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

/** Folders of the packages that the program loads, found as Node.js finds them: on the disk, without the lockfile. */
function installedPackages(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (folder: string): void => {
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
    const { resolve } = createRequire(join(folder, 'package.json'));
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const near = resolve.paths(name)?.find((path) => existsSync(join(path, name, 'package.json')));
      assert.ok(near !== undefined || name in (manifest.optionalDependencies ?? {}), `${name} for ${folder}`);
      const next = near === undefined ? undefined : join(near, name);
      if (next === undefined || found.has(next)) continue;
      const { version } = manifestSchema.parse(JSON.parse(readFileSync(join(next, 'package.json'), 'utf8')));
      found.set(next, `${name}@${version}`);
      visit(next);
    }
  };
  visit(PROJECT);
  return found;
}

describe('npm run release', { timeout: 600_000 }, () => {
  const installed = installedPackages();
  let work: string;
  let first: string;

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'token-refresher-release-test-'));
    first = await release('one', { TZ: 'Asia/Jakarta' });
  });

  after(() => rm(work, { recursive: true, force: true }));

  /** In a copy of the project, in a folder of its own. @returns the folder of the release */
  async function release(name: string, env: Readonly<Record<string, string>>): Promise<string> {
    const project = await copyProject(join(work, name));
    const out = join(work, `${name}-out`);
    await run(process.execPath, ['image/release.ts', '--out', out], {
      cwd: project,
      env: { PATH: process.env['PATH'], SOURCE_DATE_EPOCH: String(COMMIT_SECONDS), REVISION: 'abc', ...env },
    });
    return out;
  }

  async function copyProject(to: string): Promise<string> {
    const packages = new Set([...installed.keys()].map((folder) => folder.slice(PROJECT.length + 1)));
    const builders = [
      'node_modules/esbuild',
      ...(await readdir(join(PROJECT, 'node_modules/@esbuild'))).map(
        (name) => `node_modules/@esbuild/${name}`,
      ),
    ];
    const folders = ['config', 'docs', 'image', 'k8s', 'src'];
    const sources = [...folders, 'package.json', 'package-lock.json', 'Dockerfile'];
    for (const path of [...sources, ...packages, ...builders]) {
      await mkdir(dirname(join(to, path)), { recursive: true });
      await cp(join(PROJECT, path), join(to, path), { recursive: true });
    }
    return to;
  }

  it('yields the same bytes in another folder, at another time, for another user', async () => {
    const second = await release('another/and/deeper', {
      TZ: 'America/Lima',
      HOME: '/nonexistent',
      LANG: 'de_DE.UTF-8',
    });
    const names = await readdir(first);
    assert.deepEqual((await readdir(second)).toSorted(), names.toSorted());
    for (const name of names)
      assert.ok((await readFile(join(first, name))).equals(await readFile(join(second, name))), name);
  });

  it('lists the checksum of every file', async () => {
    const sums = (await readFile(join(first, 'SHA256SUMS'), 'utf8')).trim().split('\n');
    assert.deepEqual(
      sums.map((line) => line.slice(66)).toSorted(),
      (await readdir(first)).filter((name) => name !== 'SHA256SUMS').toSorted(),
    );
    for (const line of sums) {
      const hash = createHash('sha256').update(await readFile(join(first, line.slice(66))));
      assert.equal(hash.digest('hex'), line.slice(0, 64));
    }
  });

  it('has an application layer that runs', async () => {
    const root = join(work, 'root');
    await mkdir(root);
    await run('tar', ['xzf', join(first, `${BASE}-layer.tar.gz`), '-C', root]);
    const { stdout } = await run(process.execPath, [join(root, 'app/dist/main.js'), '--version']);
    assert.equal(stdout, `${VERSION}\n`);
    const bundled = [
      ...(await readFile(join(root, 'app/THIRD-PARTY-LICENSES'), 'utf8')).matchAll(/^={80}\n(.+)\n={80}$/gm),
    ].map(([, name]) => name);
    const listed = new Set((await readBill()).components.map(({ name }) => name));
    assert.deepEqual(
      bundled.filter((name) => !listed.has(name ?? '')),
      [],
    );
  });

  async function readBill() {
    return billSchema.parse(JSON.parse(await readFile(join(first, `${BASE}.cdx.json`), 'utf8')));
  }

  it('has a bill of materials with every package that the program loads, and no other', async (t) => {
    const { components } = await readBill();
    t.diagnostic(`${components.length} packages`);
    const listed = components.map(({ name, version }) => `${name}@${version}`);
    assert.deepEqual(listed.toSorted(), [...new Set(installed.values())].toSorted());
  });

  it('has a bill of materials with every package of the lockfile that is not for development alone', async () => {
    const { packages } = z
      .object({
        packages: z.record(z.string(), z.looseObject({ version: z.string(), dev: z.boolean().optional() })),
      })
      .parse(JSON.parse(await readFile(join(PROJECT, 'package-lock.json'), 'utf8')));
    const locked = Object.entries(packages)
      .filter(([path, { dev }]) => path !== '' && dev !== true)
      .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`);
    const { components } = await readBill();
    assert.deepEqual(
      components.map(({ name, version }) => `${name}@${version}`).toSorted(),
      locked.toSorted(),
    );
  });

  it('has a bill of materials whose references lead somewhere', async () => {
    const { components, dependencies } = await readBill();
    const refs = new Set(components.map((each) => each['bom-ref']));
    assert.equal(refs.size, components.length);
    for (const { dependsOn } of dependencies) for (const ref of dependsOn) assert.ok(refs.has(ref), ref);
    const reached = new Set(dependencies.flatMap(({ dependsOn }) => dependsOn));
    assert.deepEqual(
      [...refs].filter((ref) => !reached.has(ref)),
      [],
    );
  });

  it('packs the chart', { skip: hasChart ? false : 'there is no chart' }, async () => {
    const { stdout } = await run('tar', ['xzOf', join(first, `${BASE}.tgz`), 'token-refresher/Chart.yaml']);
    assert.match(stdout, new RegExp(`^version: "?${VERSION}"?$`, 'm'));
    assert.match(stdout, new RegExp(`^appVersion: "?${VERSION}"?$`, 'm'));
  });

  /** In the first copy of the project. @returns what it says instead of making a release */
  async function refusal(out: string, env: Readonly<Record<string, string>>): Promise<string> {
    const failed = run(process.execPath, ['image/release.ts', '--out', out], {
      cwd: join(work, 'one'),
      env: { PATH: process.env['PATH'], ...env },
    });
    const error: unknown = await failed.then(
      () => 'a release was made',
      (reason: unknown) => reason,
    );
    return z.object({ code: z.literal(1), stderr: z.string() }).parse(error).stderr;
  }

  it('empties no folder of something else', async () => {
    const out = join(work, 'precious');
    await mkdir(out);
    await writeFile(join(out, 'thesis.txt'), 'years');
    const said = await refusal(out, { SOURCE_DATE_EPOCH: '1' });
    assert.match(said, /precious holds something else than a release, for example thesis\.txt/);
    assert.equal(await readFile(join(out, 'thesis.txt'), 'utf8'), 'years');
  });

  it('is not made of packages that the lockfile does not have', async () => {
    const path = join(work, 'one/node_modules/pino/package.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/"version": ".*"/, '"version": "0.0.1"'));
    try {
      const said = await refusal(join(work, 'none'), { SOURCE_DATE_EPOCH: '1' });
      assert.match(said, /node_modules\/pino is version 0\.0\.1, and package-lock\.json has \S+: run npm ci/);
    } finally {
      await writeFile(path, text);
    }
  });

  it('is made of a commit, without what git ignores', async () => {
    const project = join(work, 'one');
    const git = (...args: readonly string[]) =>
      run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: project });
    await writeFile(join(project, '.gitignore'), 'node_modules/\n*.log\n');
    await git('init', '--quiet');
    try {
      await git('add', '.');
      await git('commit', '--quiet', '--message', 'all');
      await writeFile(join(project, CHART, 'debug.log'), '');
      await git('config', 'status.showUntrackedFiles', 'no');
      await writeFile(join(project, 'config/presets/new.yaml'), '');
      const said = await refusal(join(work, 'none'), {});
      assert.match(said, /differs from its commit:\n(?:.*\n)*.*token-refresher\/debug\.log\n/);
      assert.match(said, /config\/presets\/new\.yaml/);
      await writeFile(join(project, '.git/config'), '[core');
      assert.match(await refusal(join(work, 'none'), {}), /which commit this is: fatal: bad config line/);
    } finally {
      for (const path of ['.git', '.gitignore', join(CHART, 'debug.log'), 'config/presets/new.yaml'])
        await rm(join(project, path), { recursive: true, force: true });
    }
  });

  for (const [title, args, env, base, expected] of [
    [
      'whose base image has no digest, when it has to',
      ['--pinned'],
      {},
      'TAG',
      /a tag that can move\. Write its digest there/,
    ],
    [
      'on a Node.js that the tests do not run on',
      ['--pinned'],
      {},
      'node:1.2.3-slim@sha256:1',
      /NODE_IMAGE is node:1\.2\.3-slim\S*, and the tests run on node:\S+-slim: use that/,
    ],
    [
      'of a time that is none',
      [],
      { SOURCE_DATE_EPOCH: 'yesterday' },
      'TAG',
      /^SOURCE_DATE_EPOCH is "yesterday": set it to whole seconds/m,
    ],
    [
      'of no checkout and no time',
      [],
      { SOURCE_DATE_EPOCH: undefined },
      'TAG',
      /this is no git checkout: set SOURCE_DATE_EPOCH/,
    ],
  ] as const) {
    it(`makes no release ${title}`, async () => {
      const out = join(work, 'none');
      const dockerfile = join(work, 'one/Dockerfile');
      const text = await readFile(dockerfile, 'utf8');
      const tag = `node:${process.versions.node}-slim`;
      await writeFile(
        dockerfile,
        text.replace(/^ARG NODE_IMAGE=.*$/m, `ARG NODE_IMAGE=${base.replace('TAG', tag)}`),
      );
      const failed = run(process.execPath, ['image/release.ts', '--out', out, ...args], {
        cwd: join(work, 'one'),
        env: { PATH: process.env['PATH'], GIT_CEILING_DIRECTORIES: work, SOURCE_DATE_EPOCH: '1', ...env },
      });
      await assert.rejects(failed, (error: Error & { code?: unknown; stderr?: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr ?? '', expected);
        return true;
      });
      assert.ok(!existsSync(out));
    });
  }
});

it('the changelog begins with this version', () => {
  const [version = ''] = /^## \S+/m.exec(documentText('CHANGELOG.md')) ?? [];
  assert.equal(version, `## ${VERSION}`);
});
