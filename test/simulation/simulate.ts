/**
 * `npm run simulate`: one seed (`--seed 7`), or many from it on (`--seeds 1000`), over several processes (`--jobs 2`); with
 * `--first` until one breaks a promise. Exit code 1 when a promise was broken.
 */
import { parseArgs } from 'node:util';
import { Runner } from './runner.ts';
import { describeTotal, optionsOfSeed, type RunSummary, run } from './runs.ts';
import { PROFILES, type SimulationOptions } from './scenario.ts';

const PROGRESS_EVERY = 50;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      replicas: { type: 'string' },
      tokens: { type: 'string' },
      hours: { type: 'string' },
      days: { type: 'string' },
      profile: { type: 'string' },
      first: { type: 'boolean', default: false },
    },
  });
  const number = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    const parsed = Number(text);
    if (!(parsed > 0)) throw new Error(`not a positive number: ${text}`);
    return parsed;
  };
  const first = number(values.seed) ?? 1;
  const count = number(values.seeds) ?? 1;
  const days = number(values.days);
  const all = Array.from({ length: count }, (_, nth): SimulationOptions => {
    const usual = optionsOfSeed(first + nth);
    return {
      seed: usual.seed,
      replicas: number(values.replicas) ?? usual.replicas,
      tokens: number(values.tokens) ?? usual.tokens,
      hours: days === undefined ? (number(values.hours) ?? usual.hours) : days * 24,
      profile: PROFILES.find((each) => each === values.profile) ?? usual.profile,
    };
  });
  const startedMs = performance.now();
  const done: RunSummary[] = [];
  const note = (summary: RunSummary): void => {
    done.push(summary);
    if (summary.text !== undefined) console.log(`\n${summary.text}\n`);
    if (done.length % PROGRESS_EVERY === 0) console.log(`${done.length} of ${all.length} seeds`);
  };
  const jobs = Math.min(number(values.jobs) ?? 1, all.length);
  const isEnough = (): boolean => values.first && done.some(({ broken }) => broken !== undefined);
  if (jobs === 1) {
    for (const options of all) if (!isEnough()) note(await run(options));
  } else {
    await runInProcesses(all, jobs, note, isEnough);
  }
  const ordered = done.toSorted((a, b) => a.options.seed - b.options.seed);
  console.log(describeTotal(ordered, performance.now() - startedMs));
  process.exitCode = done.some(({ broken }) => broken !== undefined) ? 1 : 0;
}

async function runInProcesses(
  all: readonly SimulationOptions[],
  jobs: number,
  note: (summary: RunSummary) => void,
  isEnough: () => boolean,
): Promise<void> {
  const waiting = all.values();
  const serve = async (): Promise<void> => {
    await using runner = new Runner();
    for (const options of waiting) {
      if (isEnough()) return;
      note(await runner.run(options));
    }
  };
  await Promise.all(Array.from({ length: jobs }, serve));
}
