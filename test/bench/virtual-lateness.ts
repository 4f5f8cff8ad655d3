/**
 * How late refreshes are with all tokens over a full cadence, on a virtual clock, after a cold start with an empty store.
 * Shows that the scheduler, the gate and the spread keep up with them; does not show whether a process has the CPU for
 * it: `time-lapse.ts` does.
 */
import { z } from 'zod';
import { BenchChild } from './bench-child.ts';
import type { BenchScale } from './bench-scale.ts';
import type { Figure } from './figure.ts';
import { percentile } from './statistics.ts';

const MOST_TICKS = 1;

const lapseSchema = z.object({
  tickMs: z.number().positive(),
  firstCycleMs: z.number(),
  latenessesMs: z.array(z.number()),
  leastLifeLeftMs: z.number(),
  failures: z.literal(0),
});

/** The program's default, and what 10,000 tokens ask for: 12 refreshes a second, all of them once at the start. */
const CONCURRENCIES = [undefined, 16] as const;

const NOTE =
  'From an empty store; provider calls take 200 ms and store calls 30 ms there. Lateness is that of refreshes planned after ' +
  'the first cycle: while it lasts, tokens that nobody can read yet go first.';

export async function measureVirtualLateness(scale: BenchScale): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const concurrency of CONCURRENCIES) figures.push(...(await lapse(scale, concurrency)));
  return figures;
}

async function lapse(
  { virtualTokens }: BenchScale,
  concurrency: number | undefined,
): Promise<readonly Figure[]> {
  await using child = new BenchChild({ args: ['test/bench/virtual-child.ts'] });
  const input = { tokens: virtualTokens, concurrency };
  const lapsed = await child.ask('lapse', lapseSchema, input);
  const { tickMs, firstCycleMs, latenessesMs, leastLifeLeftMs } = lapsed;
  const setting = concurrency === undefined ? 'default concurrency' : `concurrency ${concurrency}`;
  const where = `${virtualTokens.toLocaleString('en-US')} tokens of 900 s, virtual clock, ${setting}`;
  const late = (label: string, percent: number): Figure => ({
    metric: `Lateness ${label}, ${where}`,
    value: percentile(latenessesMs, percent) / tickMs,
    unit: `ticks of ${tickMs / 1000} s`,
  });
  return [
    late('p50', 50),
    late('p99', 99),
    { ...late('max', 100), target: MOST_TICKS },
    { metric: `Least life left when replaced, ${where}`, value: leastLifeLeftMs / 1000, unit: 's' },
    { metric: `First cycle, ${where}`, value: firstCycleMs / 1000, unit: 's', note: NOTE },
  ];
}
