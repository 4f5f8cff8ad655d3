/** CPU of a daemon with nothing to do: its ticks, its watch over the clock. */
import { setTimeout as wait } from 'node:timers/promises';
import { BenchProgram } from './bench-program.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld } from './bench-world.ts';
import type { Figure } from './figure.ts';

const MOST_PERCENT = 0.5;
/** What a start leaves behind (the compiler, connections) is over by then. */
const SETTLE_MS = 3000;

/** One token of five presets, five customers of another. */
export const TEN_TOKENS = {
  providers: { pik: 1, 'pivot-b2b': 1, pivot: 1, apimw: 1, paysecurez: 1 },
  customers: 5,
} as const;

export async function measureIdleCost({ idleMs }: BenchScale): Promise<readonly Figure[]> {
  await using world = await BenchWorld.start();
  await using program = await BenchProgram.start(world, await world.writeConfiguration(TEN_TOKENS));
  await program.child.output.untilLines('token-refreshed', 10);
  await wait(Math.min(SETTLE_MS, idleMs));
  const formerCpuMs = await program.cpuMs();
  const startedAtMs = performance.now();
  await wait(idleMs);
  const wallMs = performance.now() - startedAtMs;
  const cpuMs = (await program.cpuMs()) - formerCpuMs;
  return [
    {
      metric: 'CPU with 10 tokens and nothing due',
      value: (100 * cpuMs) / wallMs,
      unit: '% of a core',
      target: MOST_PERCENT,
    },
  ];
}
