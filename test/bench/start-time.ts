/** From the start of the process to ready, against loading what the daemon is made of, in turns. */
import { BenchChild } from './bench-child.ts';
import { BenchProgram } from './bench-program.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld } from './bench-world.ts';
import type { Figure } from './figure.ts';
import { TEN_TOKENS } from './idle-cost.ts';
import { medianAndNoise } from './statistics.ts';

const TARGET_RATIO = 1.7;

export async function measureStartTime({ startRounds }: BenchScale): Promise<readonly Figure[]> {
  await using world = await BenchWorld.start();
  const configPath = await world.writeConfiguration(TEN_TOKENS);
  const ready: number[] = [];
  const imports: number[] = [];
  // The first start publishes the tokens and fills the file cache: it is not counted.
  for (let round = 0; round <= startRounds; round += 1) {
    const program = await BenchProgram.start(world, configPath);
    if (round === 0) await program.child.output.untilLines('token-refreshed', 10);
    await program[Symbol.asyncDispose]();
    const importsMs = await timeImports();
    if (round === 0) continue;
    ready.push(program.startToReadyMs);
    imports.push(importsMs);
  }
  const ratios = ready.map((each, round) => each / (imports[round] ?? Number.NaN));
  return [
    { metric: 'Start to ready / bare imports', ...medianAndNoise(ratios), unit: 'x', target: TARGET_RATIO },
    { metric: 'Start to ready with 10 tokens', ...medianAndNoise(ready), unit: 'ms' },
  ];
}

async function timeImports(): Promise<number> {
  const startedAtMs = performance.now();
  await using child = new BenchChild({ args: ['test/bench/bare-imports.js'] });
  const code = await child.untilExit();
  if (code !== 0) throw new Error(`the imports ended with ${code}: ${child.output.stderr}`);
  return performance.now() - startedAtMs;
}
