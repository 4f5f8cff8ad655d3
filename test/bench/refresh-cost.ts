/**
 * CPU per refresh: the program against a loop that does just the HTTP calls, at the same rate in the same seconds, each
 * in a process of its own. Full speed and slow rates differ by a factor of 3 to 4, so only figures of the same rate can
 * be compared; and what else the machine does meets all of them alike.
 */
import { z } from 'zod';
import { BenchChild } from './bench-child.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld } from './bench-world.ts';
import { builtSubject } from './built-program.ts';
import type { Figure } from './figure.ts';
import type { LoopSetting } from './loop-subject.ts';
import type { Pace } from './pacer.ts';
import { medianAndNoise } from './statistics.ts';

const TARGET_RATIO = 1.25;
const TARGET_RATIO_SIGNING = 1.15;

const roundSchema = z.object({ cpuMs: z.number() });

/** Far beyond what a round writes, so that no refresh is put off, while every version is counted as in production. */
const AMPLE_BUDGET = 100_000;
/** More than is written: the rate is the bench's own. */
const MOST_WRITES_PER_SECOND = 1000;
const WARM_UP_PER_SECOND = 100;

export async function measureRefreshCost(scale: BenchScale): Promise<readonly Figure[]> {
  const plain = await compare(scale, 'pivot', ['daemon', 'fenced', 'unfenced']);
  const signing = await compare(scale, 'pivot-b2b', ['daemon', 'fenced']);
  const rate = `at ${scale.refreshesPerSecond} refreshes/s`;
  return [
    {
      metric: 'CPU per refresh, program / loop with label move',
      ...ratioOf(plain.daemon, plain.fenced),
      target: TARGET_RATIO,
    },
    {
      metric: 'CPU per refresh with RSA, program / loop with label move',
      ...ratioOf(signing.daemon, signing.fenced),
      target: TARGET_RATIO_SIGNING,
    },
    {
      metric: 'CPU per refresh, program / loop without label move',
      ...ratioOf(plain.daemon, plain.unfenced),
      note: 'The program moves AWSCURRENT in a call of its own at every refresh; only a first publish needs none.',
    },
    { metric: `CPU per refresh of the program, ${rate}`, ...millisecondsOf(plain.daemon) },
    { metric: `CPU per refresh of the program with RSA, ${rate}`, ...millisecondsOf(signing.daemon) },
  ];
}

type SubjectName = 'daemon' | 'fenced' | 'unfenced';

/** CPU per refresh in milliseconds, one figure a round. */
type Costs = Readonly<Record<SubjectName, readonly number[]>>;

async function compare(
  scale: BenchScale,
  kind: LoopSetting['kind'],
  names: readonly SubjectName[],
): Promise<Costs> {
  await using world = await BenchWorld.start();
  await using subjects = new AsyncDisposableStack();
  const children = new Map<SubjectName, BenchChild>();
  for (const name of names) {
    const args = await argumentsOf(name, kind, world, scale.refreshedTokens);
    children.set(name, subjects.use(new BenchChild({ args, env: world.environment })));
  }
  const runRound = (pace: Pace) =>
    Promise.all([...children].map(async ([name, child]) => ({ name, ...(await askRound(child, pace)) })));

  // The first one publishes each token for the first time.
  await runRound({ perSecond: WARM_UP_PER_SECOND, count: scale.refreshedTokens });
  await runRound({ perSecond: WARM_UP_PER_SECOND, count: scale.warmUpRefreshes });
  const costs: Record<SubjectName, number[]> = { daemon: [], fenced: [], unfenced: [] };
  const pace = { perSecond: scale.refreshesPerSecond, count: scale.refreshesPerRound };
  for (let round = 0; round < scale.refreshRounds; round += 1) {
    for (const { name, cpuMs } of await runRound(pace)) costs[name].push(cpuMs / pace.count);
  }
  return costs;
}

async function argumentsOf(
  name: SubjectName,
  kind: LoopSetting['kind'],
  world: BenchWorld,
  tokens: number,
): Promise<readonly string[]> {
  if (name === 'daemon') {
    const providers = { [kind]: tokens };
    const configPath = await world.writeConfiguration({
      providers,
      versionBudget: AMPLE_BUDGET,
      writesPerSecond: MOST_WRITES_PER_SECOND,
    });
    return [builtSubject('daemon-subject'), configPath];
  }
  const setting: LoopSetting = { ...world.place, kind, isFenced: name === 'fenced', prefix: name, tokens };
  return [builtSubject('loop-subject'), JSON.stringify(setting)];
}

function askRound(child: BenchChild, pace: Pace): Promise<z.output<typeof roundSchema>> {
  return child.ask('round', roundSchema, pace);
}

function ratioOf(some: readonly number[], others: readonly number[]) {
  return { unit: 'x', ...medianAndNoise(some.map((cost, round) => cost / (others[round] ?? Number.NaN))) };
}

function millisecondsOf(costs: readonly number[]) {
  return { unit: 'ms', ...medianAndNoise(costs) };
}
