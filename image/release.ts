/**
 * What a release consists of: the image's application layer, its bill of materials, the Helm chart and their checksums.
 * `npm run release [-- --out FOLDER] [--pinned]`.
 *
 * Guarantee: one commit yields the same bytes, whenever, wherever and in whatever folder it is built, with the Node.js of
 * package-lock.json: all times are the commit's. Non-guarantee: the base image is not part of it. Which one is meant is
 * checked (see {@link findBaseProblem}), not fetched.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  devDependencies: z.looseObject({ node: z.string() }),
});

interface Origin {
  readonly timeSeconds: number;
  readonly revision: string | undefined;
}

/** Writes the release to `out`, which is emptied first. @returns the names of its files, with their checksums */
async function makeRelease(out: string, { timeSeconds, revision }: Origin): Promise<string> {
  const { name, version } = await readManifest();
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const files = new Map<string, Uint8Array>();
  const base = `${name}-${version}`;
  const work = await mkdtemp(join(tmpdir(), 'token-refresher-release-'));
  try {
    await buildApplicationLayer(work);
    files.set(`${base}-layer.tar.gz`, await pack(join(work, 'app'), 'app', timeSeconds));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const lockfile: unknown = JSON.parse(await readFile(join(PROJECT, 'package-lock.json'), 'utf8'));
  files.set(`${base}.cdx.json`, Buffer.from(createSbom(lockfile, { name, timeSeconds, revision })));
  if (existsSync(join(PROJECT, CHART)))
    files.set(`${base}.tgz`, await pack(join(PROJECT, CHART), name, timeSeconds));
  const sums = [...files].map(
    ([file, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`,
  );
  const checksums = sums.join('');
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
  return manifestSchema.parse(JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')));
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
    const changed = git('status', '--porcelain');
    if (changed !== '')
      return `the folder differs from its commit:\n${changed}\ncommit the changes, or set SOURCE_DATE_EPOCH to try without`;
    return { timeSeconds: Number(git('log', '-1', '--format=%ct')), revision: git('rev-parse', 'HEAD') };
  } catch {
    return 'this is no git checkout: set SOURCE_DATE_EPOCH to the time of the commit, in seconds since 1970';
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd: PROJECT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trimEnd();
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

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(PROJECT, 'dist/release') },
      pinned: { type: 'boolean', default: false },
    },
  });
  const baseProblem = await findBaseProblem();
  if (baseProblem !== undefined) {
    process.stderr.write(`${baseProblem}\n`);
    if (values.pinned) return 1;
  }
  const origin = findOrigin();
  if (typeof origin === 'string') {
    process.stderr.write(`${origin}\n`);
    return 1;
  }
  process.stdout.write(await makeRelease(resolve(values.out), origin));
  return 0;
}

if (import.meta.main) process.exitCode = await main();
