/** The program as it ships: compiled, so that nothing that is measured strips types. */
import { execFile } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type * as Transport from '../../src/adapters/net/http-transport.ts';
import type * as Client from '../../src/adapters/secrets-manager/client.ts';
import type * as SystemClock from '../../src/adapters/system/clock.ts';
import type * as Load from '../../src/config/load.ts';
import type * as Assembly from '../../src/replica/assembly.ts';
import type * as Catalog from '../../src/wiring/catalog.ts';
import type * as Connections from '../../src/wiring/connections.ts';
import type * as Reporting from '../../src/wiring/reporting.ts';
import type * as SystemPorts from '../../src/wiring/system-ports.ts';
import { PROJECT } from '../support/program-process.ts';

interface BuiltModules {
  readonly 'adapters/secrets-manager/client': typeof Client;
  readonly 'replica/assembly': typeof Assembly;
  readonly 'config/load': typeof Load;
  readonly 'wiring/catalog': typeof Catalog;
  readonly 'wiring/connections': typeof Connections;
  readonly 'adapters/net/http-transport': typeof Transport;
  readonly 'adapters/system/clock': typeof SystemClock;
  readonly 'wiring/reporting': typeof Reporting;
  readonly 'wiring/system-ports': typeof SystemPorts;
}

/**
 * A build of its own, with the settings of `npm run build`: whoever builds `dist/` meanwhile does not change what is
 * measured. Relative to the project, and inside of it, where its dependencies are found.
 */
const BUILD = 'node_modules/.cache/token-refresher-bench';

export const BUILT_MAIN = `${BUILD}/main.js`;

/** Compiles the program anew. @throws when the compiler finds an error */
export async function buildProgram(): Promise<void> {
  const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', BUILD];
  await promisify(execFile)(process.execPath, args, { cwd: PROJECT });
  // Nothing below node_modules/ is taken for a part of the project, which is what makes its files ES modules.
  await writeFile(join(PROJECT, BUILD, 'package.json'), '{ "type": "module" }\n');
  // What it reads lies beside the folder of the program, as in the image.
  for (const path of ['config/presets', 'docs/runbook.md'])
    await cp(join(PROJECT, path), join(PROJECT, BUILD, '..', path), { recursive: true });
}

/** A module of the build, typed as its source. */
export async function importBuilt<Name extends keyof BuiltModules>(name: Name): Promise<BuiltModules[Name]> {
  const built: BuiltModules[Name] = await import(join(PROJECT, BUILD, `${name}.js`));
  return built;
}
