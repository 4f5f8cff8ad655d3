/**
 * What a release consists of: the image's application layer, its bill of materials, the Helm chart and their checksums.
 * `npm run release [-- --out FOLDER] [--pinned]`.
 *
 * Guarantee: one commit yields the same bytes, whenever, wherever and in whatever folder it is built: all times are the
 * commit's, and Node.js and packages are those of package-lock.json, or nothing is made. Non-guarantee: the base image is not part of it. Which one is meant is
 * checked (see {@link findBaseProblem}), not fetched.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { buildApplicationLayer } from './application-layer.ts';
import { createSbom } from './sbom.ts';
import { createTar, readEntries } from './tar.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const CHART = 'k8s/helm/token-refresher';

const lockfileSchema = z.object({ packages: z.record(z.string(), z.object({ version: z.string() })) });

const gitErrorSchema = z.object({ stderr: z.string() });

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  devDependencies: z.looseObject({ node: z.string() }),
});

interface Origin {
  readonly timeSeconds: number;
  readonly revision: string | undefined;
}

/** Writes the release to `out`, in the place of a former one. @returns the names of its files, with their checksums */
async function makeRelease(out: string, { timeSeconds, revision }: Origin): Promise<string> {
  const { name, version } = await readManifest();
  const files = new Map<string, Uint8Array>();
  const base = `${name}-${version}`;
  const work = await mkdtemp(join(tmpdir(), 'token-refresher-release-'));
  try {
    await buildApplicationLayer(work);
    files.set(`${base}-layer.tar.gz`, await pack(join(work, 'app'), 'app', timeSeconds));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const lockfile = await readJson('package-lock.json');
  files.set(`${base}.cdx.json`, Buffer.from(createSbom(lockfile, { name, timeSeconds, revision })));
  if (existsSync(join(PROJECT, CHART)))
    files.set(`${base}.tgz`, await pack(join(PROJECT, CHART), name, timeSeconds));
  const sums = [...files].map(
    ([file, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`,
  );
  const checksums = sums.join('');
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  for (const [file, bytes] of files) await writeFile(join(out, file), bytes);
  await writeFile(join(out, 'SHA256SUMS'), checksums);
  return checksums;
}

async function pack(folder: string, root: string, timeSeconds: number): Promise<Uint8Array> {
  const packed = gzipSync(createTar(await readEntries(folder, root), timeSeconds), { level: 9 });
  // The header names the system that packed it.
  packed[9] = 255;
  return packed;
}

async function readManifest() {
  return manifestSchema.parse(await readJson('package.json'));
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(join(PROJECT, path), 'utf8'));
}

/** Of the commit; `SOURCE_DATE_EPOCH` where there is no git, as in an archive of the sources. */
function findOrigin(): Origin | string {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) {
    if (!/^\d{1,11}$/.test(given))
      return `SOURCE_DATE_EPOCH is "${given}": set it to whole seconds since 1970, or unset it to use the commit's time`;
    return { timeSeconds: Number(given), revision: process.env['REVISION'] };
  }
  try {
    const changed = [
      git('status', '--porcelain', '--untracked-files=all'),
      // Whole folders are packed, with what git ignores in them: `.DS_Store`, `*.log`.
      git('ls-files', '--others', '--ignored', '--exclude-standard', '--', 'config', CHART),
    ]
      .filter((text) => text !== '')
      .join('\n');
    if (changed !== '')
      return `the folder differs from its commit:\n${changed}\ncommit the changes, remove what git ignores, or set SOURCE_DATE_EPOCH to try without`;
    return { timeSeconds: Number(git('log', '-1', '--format=%ct')), revision: git('rev-parse', 'HEAD') };
  } catch (error) {
    const { stderr } = gitErrorSchema.catch({ stderr: '' }).parse(error);
    const [said = ''] = /^fatal: (?!not a git repository).*/m.exec(stderr) ?? [];
    if (said !== '') return `git does not tell which commit this is: ${said}`;
    return 'this is no git checkout: set SOURCE_DATE_EPOCH to the time of the commit, in seconds since 1970';
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd: PROJECT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trimEnd();
}

/** What would go into the release without the lockfile, and so the bill of materials, saying so. */
async function findToolProblem(): Promise<string | undefined> {
  const { devDependencies } = await readManifest();
  if (process.versions.node !== devDependencies.node)
    return `this is Node.js ${process.versions.node}, and a release is made by ${devDependencies.node}: use npm run release, after npm ci`;
  const { packages } = lockfileSchema.parse(await readJson('package-lock.json'));
  for (const [path, { version }] of Object.entries(packages)) {
    const manifest = join(path, 'package.json');
    if (path === '' || !existsSync(join(PROJECT, manifest))) continue;
    const installed = manifestSchema.pick({ version: true }).parse(await readJson(manifest)).version;
    if (installed !== version)
      return `${path} is version ${installed}, and package-lock.json has ${version}: run npm ci`;
  }
  return undefined;
}

/** What would be lost with a folder that is replaced. */
async function findLoss(out: string): Promise<string | undefined> {
  const names = existsSync(out) ? await readdir(out) : [];
  if (names.length === 0 || names.includes('SHA256SUMS')) return undefined;
  return `${out} holds something else than a release, for example ${names[0]}, and would be emptied: name another folder with --out`;
}

/** Why the Dockerfile's base image can change without a commit, or is another one than the tests run on. */
async function findBaseProblem(): Promise<string | undefined> {
  const { devDependencies } = await readManifest();
  const dockerfile = await readFile(join(PROJECT, 'Dockerfile'), 'utf8');
  const image = /^ARG NODE_IMAGE=(?<image>\S+)$/m.exec(dockerfile)?.groups?.['image'] ?? '';
  const tag = `node:${devDependencies.node}-slim`;
  if (image !== tag && !image.startsWith(`${tag}@`))
    return `Dockerfile: NODE_IMAGE is ${image}, and the tests run on ${tag}: use that`;
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return undefined;
  return (
    `Dockerfile: NODE_IMAGE is ${image}, a tag that can move. Write its digest there, or give it to the build:\n` +
    `  docker build --build-arg NODE_IMAGE=${tag}@$(docker buildx imagetools inspect ${tag} --format '{{.Manifest.Digest}}') .`
  );
}

function readOptions(): { readonly out: string; readonly pinned: boolean } | string {
  try {
    return parseArgs({
      options: {
        out: { type: 'string', default: join(PROJECT, 'dist/release') },
        pinned: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function main(): Promise<number> {
  const values = readOptions();
  if (typeof values === 'string') {
    process.stderr.write(`${values}\nnpm run release [-- --out FOLDER] [--pinned]\n`);
    return 2;
  }
  const baseProblem = await findBaseProblem();
  if (baseProblem !== undefined) {
    process.stderr.write(`${baseProblem}\n`);
    if (values.pinned) return 1;
  }
  const out = resolve(values.out);
  const origin = findOrigin();
  const problem = typeof origin === 'string' ? origin : ((await findToolProblem()) ?? (await findLoss(out)));
  if (typeof origin === 'string' || problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    return 1;
  }
  process.stdout.write(await makeRelease(out, origin));
  return 0;
}

if (import.meta.main) process.exitCode = await main();
