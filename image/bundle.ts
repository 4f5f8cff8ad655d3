/**
 * The program and its dependencies as a few files: what `npm run build` puts into `dist/`, the image into `/app/dist`, and
 * what the bench measures.
 *
 * Guarantee: the same sources and lockfile yield the same bytes. Non-guarantee: types are not checked, `npm run types` does.
 *
 * Bundled, because that was measured against a file for each module and node_modules beside them (Node 26.9): 6 MB instead
 * of 33 MB, 0.65 of the CPU until it is ready, 100 MB resident instead of 111 MB. Not minified, because that saves 2 MB on disk
 * and 3 MB of memory, and would make the frames of a `fault` line unreadable. Without a compile cache, because that makes a
 * start 0.2 s faster and takes 6 MB of memory for good, and is silently of no use unless it was made by the very same Node.js,
 * user and path. Without `keepNames`, which wraps every function that is made at run time, for 3 MB: frames have their names anyway.
 */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, type Metafile } from 'esbuild';

const PROJECT = resolve(import.meta.dirname, '..');

/** Of dependencies that are CommonJS: they call `require` for Node's own modules. */
const BANNER =
  "import { createRequire as createRequireOfBundle } from 'node:module';\n" +
  'const require = createRequireOfBundle(import.meta.url);';

/** A bundle has none. */
const COMPILED = 'main.js.map';

/**
 * Bundles `entryPoint`, relative to the project, into `folder`.
 * @param entryNames where in `folder` its file goes; all others go to `chunks/`
 */
export async function bundle(entryPoint: string, folder: string, entryNames: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: PROJECT,
    entryPoints: [entryPoint],
    outdir: folder,
    entryNames,
    // As deep as src/sandbox/, from where config/ is found. Commands stay in files of their own, read when they run.
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Node.js 24 has it, and esbuild does not know.
    supported: { using: true },
    // ES modules where a package has both: only they can be cut down to what is used.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    banner: { js: BANNER },
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** Bundles the program into `folder`, in the place of an earlier build. What else is there stays. */
export async function bundleProgram(folder: string): Promise<Metafile> {
  const former = ['chunks'];
  // Of the compiler, which built it until 0.2.0: a folder for each one of src/.
  if (existsSync(join(folder, COMPILED))) former.push(COMPILED, ...(await readdir(join(PROJECT, 'src'))));
  for (const name of former) await rm(join(folder, name), { recursive: true, force: true });
  return bundle('src/main.ts', folder, '[name]');
}

if (import.meta.main) await bundleProgram(join(PROJECT, 'dist'));
