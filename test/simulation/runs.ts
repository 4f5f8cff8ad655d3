/** Many seeds, one after the other, and what they come to. */
import type { Profile, SimulationOptions } from './scenario.ts';
import { type SimulationReport, simulate } from './simulation.ts';

/** What of a run can travel between threads. */
export interface RunSummary {
  readonly options: SimulationOptions;
  readonly broken: string | undefined;
  readonly text: string | undefined;
  readonly virtualMs: number;
  readonly happened: number;
  readonly refreshes: number;
  readonly excused: number;
  readonly faults: readonly (readonly [string, number])[];
}

/**
 * The options of one seed of a sweep: short runs of all sizes, one of five with customers that come and go, one of ten with
 * consents, two of ten with a mirror and readers who report, and now and then a long one about versions.
 */
export function optionsOfSeed(seed: number): SimulationOptions {
  if (seed % 25 === 0) return { seed, replicas: 1 + (seed % 2), tokens: 1, hours: 26, profile: 'versions' };
  const profile = PROFILE_BY_DIGIT.get(seed % 10) ?? 'usual';
  return { seed, replicas: 1 + (seed % 3), tokens: 3 + (seed % 4), hours: 1, profile };
}

const PROFILE_BY_DIGIT: ReadonlyMap<number, Profile> = new Map([
  [3, 'customers'],
  [4, 'readers'],
  [6, 'consents'],
  [8, 'customers'],
  [9, 'readers'],
]);

export async function run(options: SimulationOptions): Promise<RunSummary> {
  const report = await simulate(options);
  return {
    options,
    broken: report.breach?.promise,
    text: report.breach === undefined ? undefined : describeBreach(report),
    virtualMs: report.virtualMs,
    happened: report.happened,
    refreshes: report.refreshes,
    excused: report.excused,
    faults: [...report.faults],
  };
}

/** What a person needs who has to find out why. */
export function describeBreach({ options, breach, timeline }: SimulationReport): string {
  return [
    `promise broken: ${breach?.promise}${breach?.token === undefined ? '' : ` (token ${breach.token})`}`,
    `  ${breach?.what}`,
    '',
    ...timeline,
    '',
    `run it again: ${commandOf(options)}`,
  ].join('\n');
}

export function commandOf({ seed, replicas, tokens, hours, profile }: SimulationOptions): string {
  return `npm run simulate -- --seed ${seed} --replicas ${replicas} --tokens ${tokens} --hours ${hours} --profile ${profile}`;
}

/** Adds up what many runs have seen. */
export function describeTotal(runs: readonly RunSummary[], realMs: number): string {
  const faults = new Map<string, number>();
  for (const [name, times] of runs.flatMap((each) => each.faults))
    faults.set(name, (faults.get(name) ?? 0) + times);
  const sum = (pick: (each: RunSummary) => number): number =>
    runs.reduce((total, each) => total + pick(each), 0);
  const broken = runs.filter((each) => each.broken !== undefined);
  return [
    `seeds             ${runs.length}`,
    `virtual hours     ${Math.round(sum(({ virtualMs }) => virtualMs) / 3_600_000)}`,
    `happenings        ${sum(({ happened }) => happened)}`,
    `tokens published  ${sum(({ refreshes }) => refreshes)}`,
    `late, excused     ${sum(({ excused }) => excused)}`,
    `promises broken   ${broken.length}${broken.length === 0 ? '' : ` (seeds ${broken.map(({ options }) => options.seed).join(', ')})`}`,
    `real seconds      ${(realMs / 1000).toFixed(1)}`,
    'faults',
    ...[...faults]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, times]) => `  ${name.padEnd(34)} ${times}`),
  ].join('\n');
}
