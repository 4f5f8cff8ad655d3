/**
 * The daemon itself over one full cadence in time-lapse: how late refreshes are, and what each of them asks of the
 * provider and the store. Shows real processes over real HTTP at a real rate (1,000 tokens of a minute are more
 * refreshes a second than 10,000 of 15 minutes); does not show the memory and the ticks of 10,000.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { BenchProgram } from './bench-program.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld, countOperations, type WorldCounts } from './bench-world.ts';
import type { Figure } from './figure.ts';
import { seedLapse, TAIL_MS } from './lapse-world.ts';
import { findLatenesses } from './lateness.ts';
import { percentile } from './statistics.ts';

const MOST_TICKS = 1;

const scheduleSchema = z.object({ tickMs: z.number() });

const WRITES = ['PutSecretValue', 'UpdateSecretVersionStage'];

export async function measureTimeLapse({ lapse }: BenchScale): Promise<readonly Figure[]> {
  await using world = await BenchWorld.start(lapse.speed);
  const { configPath, lifetimeMs, cadenceMs, leadMs } = await seedLapse(world, lapse);
  await using program = await BenchProgram.start(world, configPath);
  // The restore's reads; on a slow machine the first refreshes are under way.
  const before = await world.counts();
  const formerCpuMs = await program.cpuMs();
  await wait(leadMs + cadenceMs + TAIL_MS);
  const cpuMs = (await program.cpuMs()) - formerCpuMs;
  // It finishes what is in flight: every request then has its refresh.
  await program[Symbol.asyncDispose]();
  const after = await world.counts();

  const { output } = program.child;
  const refreshes = output.linesOf('token-refreshed').length;
  const failures = output.linesOf('refresh-failed').length;
  if (refreshes < lapse.tokens || failures > 0)
    throw new Error(`${refreshes} refreshes of ${lapse.tokens} tokens, ${failures} failed`);
  const { tickMs } = scheduleSchema.parse(output.linesOf('schedule-derived').at(-1));
  const latenesses = findLatenesses(output.lines).map(({ latenessMs }) => latenessMs / tickMs);
  const where = `${lapse.tokens.toLocaleString('en-US')} tokens of ${lifetimeMs / 1000} s, real processes`;
  const late = (label: string, percent: number): Figure => ({
    metric: `Lateness ${label}, ${where}`,
    value: percentile(latenesses, percent),
    unit: `ticks of ${tickMs / 1000} s`,
  });
  return [
    late('p50', 50),
    late('p99', 99),
    { ...late('max', 100), target: MOST_TICKS },
    {
      metric: 'Provider requests per refresh',
      value: after.providerRequests / refreshes,
      unit: 'requests',
      target: 1,
    },
    {
      metric: 'Store writes per refresh, label move included',
      value: countOperations(after, ...WRITES) / refreshes,
      unit: 'writes',
      target: 2,
    },
    {
      metric: 'All other store calls per refresh',
      value: (countOthers(after) - countOthers(before)) / refreshes,
      unit: 'calls',
      note: 'Once per process and secret it is looked up whose a secret is, before it is written for the first time.',
    },
    {
      metric: `CPU per refresh at ${Math.round(refreshes / (cadenceMs / 1000))} refreshes/s, with RSA`,
      value: cpuMs / refreshes,
      unit: 'ms',
    },
  ];
}

function countOthers(counts: WorldCounts): number {
  return countOperations(counts) - countOperations(counts, ...WRITES);
}
