/**
 * The application layer of the container image: the program and its dependencies as a few files, without node_modules.
 * `node image/application-layer.ts FOLDER` writes it, in the Dockerfile and, without a container engine, in the tests.
 *
 * Guarantee: the same sources and lockfile yield the same bytes. Non-guarantee: Node.js itself is not in it.
 */
import { chmod, cp, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import { bundleProgram } from './bundle.ts';

const PROJECT = resolve(import.meta.dirname, '..');

/** What users may want at hand in a container; presets and the sandbox's configuration are read by the program. */
const CONFIG_FILES = ['example.yaml', 'presets', 'sandbox.yaml', 'schema.json', 'token-document.schema.json'];

/** On the PATH, for `kubectl exec`. The entry point does not use it: a process in between costs memory. */
const COMMAND = "#!/usr/local/bin/node\nimport '../dist/main.js';\n";

/** Every file gets the same time and mode, so that a layer differs from another one in nothing but its content. */
const FILE_TIME = new Date(0);
const READABLE_FILE = 0o644;
const READABLE_FOLDER = 0o755;

const LICENSE_FILE = /^(?:licen[cs]e|notice|copying)(?:[.-].*)?$/i;

/** Writes the layer to `folder`, which is made, or emptied first: its `app` is the image's `/app`. */
export async function buildApplicationLayer(folder: string): Promise<void> {
  const app = join(folder, 'app');
  await rm(app, { recursive: true, force: true });
  await mkdir(join(app, 'config'), { recursive: true });
  const metafile = await bundleProgram(join(app, 'dist'));
  await writeFile(join(app, 'package.json'), '{ "type": "module" }\n');
  await writeFile(join(app, 'THIRD-PARTY-LICENSES'), await collectLicenses(metafile));
  for (const name of CONFIG_FILES)
    await cp(join(PROJECT, 'config', name), join(app, 'config', name), { recursive: true });
  // Read by the program, from as deep as config/: its pages at /runbook/.
  await cp(join(PROJECT, 'docs/runbook.md'), join(app, 'docs/runbook.md'));
  await mkdir(join(app, 'bin'));
  await writeFile(join(app, 'bin', 'token-refresher'), COMMAND);
  await levelMetadata(app);
}

/** The licence texts of all packages of which something is in the bundle: most ask for theirs to be passed on. */
async function collectLicenses({ inputs }: Metafile): Promise<string> {
  const folders = new Set(
    Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  const texts = await Promise.all(
    [...folders].toSorted().map(async (folder) => {
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const files = (await readdir(join(PROJECT, folder))).filter((file) => LICENSE_FILE.test(file));
      const parts = await Promise.all(
        files.toSorted().map((file) => readFile(join(PROJECT, folder, file), 'utf8')),
      );
      return [`${'='.repeat(80)}\n${name}\n${'='.repeat(80)}`, ...parts.map((part) => part.trim())].join(
        '\n\n',
      );
    }),
  );
  return `${texts.join('\n\n')}\n`;
}

async function levelMetadata(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const isExecutable = entry.isDirectory() || entry.parentPath === join(folder, 'bin');
    await chmod(path, isExecutable ? READABLE_FOLDER : READABLE_FILE);
    await utimes(path, FILE_TIME, FILE_TIME);
  }
  await chmod(folder, READABLE_FOLDER);
  await utimes(folder, FILE_TIME, FILE_TIME);
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    process.stderr.write('usage: node image/application-layer.ts FOLDER\n');
    process.exitCode = 2;
  } else {
    await buildApplicationLayer(resolve(folder));
  }
}
