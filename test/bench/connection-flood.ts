/**
 * Whether callers that do not behave delay a refresh: the daemon itself in time-lapse, in turns quiet and with hundreds of
 * idle and slow connections from a process of their own, and one caller that behaves as kubelet does. Only turns of one
 * run are compared, so that what else the machine does meets both alike.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { BenchChild } from './bench-child.ts';
import { BenchProgram } from './bench-program.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld } from './bench-world.ts';
import type { Figure } from './figure.ts';
import { seedLapse, TAIL_MS } from './lapse-world.ts';
import { findLatenesses, type Lateness } from './lateness.ts';
import { type Probe, startProber } from './prober.ts';
import { medianAndNoise, percentile } from './statistics.ts';

/** After a flood begins or ends: what is under way then belongs to neither. */
const SETTLE_MS = 1000;
/** Unchanged; two quiet turns on a machine that others use differ by as much. */
const TARGET_RATIO = 1.15;

const scheduleSchema = z.object({ tickMs: z.number().positive() });
const startedSchema = z.object({ http: z.url() });
const floodSchema = z.object({ size: z.number(), opened: z.number(), lost: z.number() });

/** What was seen of the daemon while it lasted. */
interface Turn {
  /** Wall time; the refreshes that were planned for it count. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly probes: readonly Probe[];
}

interface FloodTurn extends Turn {
  readonly flood: z.output<typeof floodSchema>;
}

export async function measureConnectionFlood({ lapse, flood }: BenchScale): Promise<readonly Figure[]> {
  await using world = await BenchWorld.start(lapse.speed);
  const { configPath, leadMs } = await seedLapse(world, lapse);
  await using callers = new BenchChild({ args: ['test/bench/flood-child.ts'] });
  await using program = await BenchProgram.start(world, configPath);
  const { output } = program.child;
  const { http } = startedSchema.parse(output.linesOf('program-started').at(-1));
  const { hostname: host, port } = new URL(http);
  await wait(leadMs);

  const quiet: Turn[] = [];
  const flooded: FloodTurn[] = [];
  while (flooded.length < flood.rounds) {
    quiet.push(await takeTurn(program, http, flood.turnMs));
    await callers.ask('begin', z.unknown(), { host, port: Number(port), idle: flood.idle, slow: flood.slow });
    const turn = await takeTurn(program, http, flood.turnMs);
    flooded.push({ ...turn, flood: await callers.ask('end', floodSchema) });
  }
  await wait(TAIL_MS);
  await program[Symbol.asyncDispose]();

  const failures = output.linesOf('refresh-failed').length;
  if (failures > 0) throw new Error(`${failures} refreshes failed`);
  const { tickMs } = scheduleSchema.parse(output.linesOf('schedule-derived').at(-1));
  const latenesses = findLatenesses(output.lines);
  const inTicks = (turn: Turn) => plannedIn(turn, latenesses).map(({ latenessMs }) => latenessMs / tickMs);
  const ratio = (label: string, percent: number): Figure => {
    // Half a tick before its time a refresh may come at the earliest: counted from there, nothing is below 0.
    const sinceEarliest = (turn: Turn): number => percentile(inTicks(turn), percent) + 0.5;
    const ratios = flooded.map((turn, round) => sinceEarliest(turn) / sinceEarliest(quiet[round] ?? turn));
    return {
      metric: `Lateness ${label}, with the flood / quiet`,
      ...medianAndNoise(ratios),
      unit: 'x',
      target: TARGET_RATIO,
      note: describeFlood(flooded),
    };
  };
  const late = (label: string, percent: number, turns: readonly Turn[]): Figure => ({
    metric: `Lateness ${label}`,
    value: percentile(turns.flatMap(inTicks), percent),
    unit: `ticks of ${tickMs / 1000} s`,
  });
  const of = (name: string, turns: readonly Turn[]): readonly Figure[] =>
    [
      late('p50', 50, turns),
      late('p99', 99, turns),
      late('max', 100, turns),
      { metric: 'Refreshes', value: turns.flatMap(inTicks).length, unit: 'refreshes' },
      ...describeProbes(turns),
      { metric: 'RSS', value: Math.max(...turns.map(({ rssBytes }) => rssBytes)) / 1e6, unit: 'MB' },
      { metric: 'CPU', ...medianAndNoise(turns.map(cpuPercent)), unit: '% of a core' },
    ].map((figure) => ({ ...figure, metric: `${figure.metric}, ${name}` }));
  const count = (flood.idle + flood.slow).toLocaleString('en-US');
  return [
    ratio('p50', 50),
    ratio('p99', 99),
    ...of(`with ${count} idle and slow connections`, flooded),
    ...of('quiet in the same run', quiet),
  ];
}

async function takeTurn(program: BenchProgram, http: string, turnMs: number): Promise<Turn> {
  const { output } = program.child;
  await wait(SETTLE_MS);
  const formerCpuMs = await program.cpuMs();
  const fromMs = Date.now();
  const prober = startProber(http);
  await wait(turnMs);
  // A slow machine takes longer until there is something to count.
  while (plannedIn({ fromMs, untilMs: Date.now() }, findLatenesses(output.lines)).length === 0) {
    if (output.hasEnded) throw new Error(`the program has ended: ${output.stderr}`);
    await wait(TAIL_MS);
  }
  const untilMs = Date.now();
  const cpuMs = (await program.cpuMs()) - formerCpuMs;
  const probes = await prober.stop();
  const { rssBytes } = await program.memory();
  return { fromMs, untilMs, cpuMs, rssBytes, probes };
}

function plannedIn(
  { fromMs, untilMs }: Pick<Turn, 'fromMs' | 'untilMs'>,
  latenesses: readonly Lateness[],
): readonly Lateness[] {
  return latenesses.filter(({ plannedAtMs }) => plannedAtMs >= fromMs && plannedAtMs < untilMs);
}

function cpuPercent({ cpuMs, fromMs, untilMs }: Turn): number {
  return (100 * cpuMs) / (untilMs - fromMs);
}

function describeProbes(turns: readonly Turn[]): readonly Figure[] {
  const probes = turns.flatMap((turn) => turn.probes);
  const took = probes.map(({ tookMs }) => tookMs);
  return [
    {
      metric: 'Probes that were not answered',
      value: probes.filter(({ isAnswered }) => !isAnswered).length,
      unit: `of ${probes.length}`,
      target: 0,
    },
    { metric: 'Probe p50', value: percentile(took, 50), unit: 'ms' },
    { metric: 'Probe max', value: percentile(took, 100), unit: 'ms' },
  ];
}

function describeFlood(turns: readonly FloodTurn[]): string {
  const floods = turns.map(({ flood }) => flood);
  const sum = (name: 'opened' | 'lost') => floods.reduce((all, flood) => all + flood[name], 0);
  return (
    `Turns of one run. Lateness counts from the earliest tick that may take a refresh. In all floods ` +
    `${sum('opened')} connections were opened, ${sum('lost')} of them anew after the server had closed them; ` +
    `${Math.min(...floods.map(({ size }) => size))} or more were open to the callers at the end of each.`
  );
}
