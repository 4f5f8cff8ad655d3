/**
 * Before all tests of `npm test`: one process fills the compile cache. With an empty one (a fresh clone) each of hundreds of
 * test processes would load what strips types, and the first ones strip all of `src/` as well: 0.1 s of CPU each.
 */
import { globSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROJECT } from './program-process.ts';

/** An export that is nowhere: what cannot be linked is compiled, with all that it imports, and nothing of it runs. */
const UNLINKABLE = "import { nothing } from 'data:text/javascript,';";

export async function globalSetup(): Promise<void> {
  const files = ['src/main.ts', ...globSync('test/**/*.test.ts', { cwd: PROJECT })];
  const imports = files.map((file) => `import ${JSON.stringify(pathToFileURL(join(PROJECT, file)).href)};`);
  const text = [...imports, UNLINKABLE].join('\n');
  // A file that does not compile fails as a test.
  await import(`data:text/javascript,${encodeURIComponent(text)}`).catch(() => undefined);
  flushCompileCache();
}
