/**
 * `npm run mutations`: proves that the simulation has teeth. Each deliberate bug is put into a copy of the tree, and the
 * simulation has to find it. Exit code 1 when one is not found, or when a text that a bug replaces is no longer there.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTATIONS, type Mutation } from './mutation-list.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MOST_SEEDS = { usual: 80, customers: 40, versions: 16, consents: 80, readers: 80 } as const;

export interface MutationResult {
  readonly name: string;
  /** `undefined`: not found. */
  readonly promise: string | undefined;
  readonly seed: string | undefined;
  readonly realMs: number;
}

if (process.argv[1] === import.meta.filename) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, jobs: { type: 'string', default: '2' } },
  });
  const chosen = MUTATIONS.filter(({ name }) => values.only === undefined || name.includes(values.only));
  let missed = 0;
  for (const mutation of chosen) {
    const { name, promise, seed, realMs } = await tryMutation(mutation, values.jobs);
    if (promise === undefined) missed += 1;
    const found = promise === undefined ? 'NOT FOUND' : `${promise.padEnd(26)} seed ${seed}`;
    console.log(`${name.padEnd(36)} ${found.padEnd(38)} ${(realMs / 1000).toFixed(1)} s`);
  }
  console.log(`${chosen.length - missed} of ${chosen.length} found`);
  process.exitCode = missed === 0 ? 0 : 1;
}

/** @throws when the mutation does not fit the sources any more */
export async function tryMutation(mutation: Mutation, jobs: string = '1'): Promise<MutationResult> {
  const startedMs = performance.now();
  const copy = mkdtempSync(join(tmpdir(), 'token-refresher-mutation-'));
  try {
    for (const part of ['src', 'config/presets', 'test/simulation', 'test/support', 'package.json'])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const path = join(copy, 'src', mutation.file);
    writeFileSync(path, mutate(readFileSync(path, 'utf8'), mutation));
    const many = ['--seeds', String(MOST_SEEDS[mutation.profile ?? 'usual']), '--first', '--jobs', jobs];
    const output = await runSimulation(copy, mutation, many);
    const seed = /--seed (\d+)/.exec(output)?.[1];
    const promise = promiseBroken(output);
    // The bug has to be the reason.
    const isBrokenWithout =
      seed !== undefined &&
      promiseBroken(await runSimulation(ROOT, mutation, ['--seed', seed])) !== undefined;
    return {
      name: mutation.name,
      promise: isBrokenWithout ? undefined : promise,
      seed: isBrokenWithout ? undefined : seed,
      realMs: performance.now() - startedMs,
    };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** @throws when a text is not there exactly once */
export function mutate(source: string, { name, file, changes }: Mutation): string {
  return changes.reduce((text, [from, to]) => {
    const parts = text.split(from);
    if (parts.length !== 2)
      throw new Error(`mutation "${name}": ${file} has ${parts.length - 1} times: ${from}`);
    return parts.join(to);
  }, source);
}

function promiseBroken(output: string): string | undefined {
  return /^promise broken: (.+?)(?: \(token .*)?$/m.exec(output)?.[1];
}

function runSimulation(
  root: string,
  { profile = 'usual', replicas, tokens }: Mutation,
  seeds: readonly string[],
): Promise<string> {
  const sizes = profile === 'versions' ? ['--hours', '26', '--tokens', '1'] : ['--hours', '1'];
  const pods = replicas === undefined ? [] : ['--replicas', String(replicas)];
  const many = tokens === undefined ? [] : ['--tokens', String(tokens)];
  const file = join(root, 'test', 'simulation', 'simulate.ts');
  const options = [...seeds, '--profile', profile, ...sizes, ...pods, ...many];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...options], { cwd: root, maxBuffer: 1e8 }, (_, stdout, stderr) => {
      // A simulation that does not run at all has found nothing.
      if (/^promises broken/m.test(stdout)) resolve(stdout);
      else reject(new Error(`the simulation did not run: ${stderr.slice(0, 2000)}`));
    });
  });
}
