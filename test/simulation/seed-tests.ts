import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Runner } from './runner.ts';
import { optionsOfSeed } from './runs.ts';
import type { SimulationOptions } from './scenario.ts';

const SEEDS = 100;

/** One test for each short seed that is chosen: two files share them, so that they run on two cores. */
export function testSeeds(title: string, isChosen: (seed: number) => boolean): void {
  const seeds = Array.from({ length: SEEDS }, (_, nth) => nth + 1).filter(isChosen);
  testRuns(
    title,
    seeds.map((seed) => ({ name: `seed ${seed} breaks none`, options: optionsOfSeed(seed) })),
  );
}

/** One test for each run. */
export function testRuns(
  title: string,
  runs: readonly { readonly name: string; readonly options: SimulationOptions }[],
): void {
  suite(title, () => {
    let runner: Runner;
    before(() => {
      runner = new Runner();
    });
    after(() => runner[Symbol.asyncDispose]());

    for (const { name, options } of runs) {
      test(name, async () => {
        const { text } = await runner.run(options);
        if (text !== undefined) assert.fail(text);
      });
    }
  });
}
