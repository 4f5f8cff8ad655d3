import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { optionsOfSeed, run } from './runs.ts';

const SEEDS = 100;

/** One test for each short seed that is chosen: two files share them, so that they run on two cores. */
export function testSeeds(title: string, isChosen: (seed: number) => boolean): void {
  suite(title, () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      if (!isChosen(seed)) continue;
      test(`seed ${seed} breaks none`, async () => {
        const { text } = await run(optionsOfSeed(seed));
        if (text !== undefined) assert.fail(text);
      });
    }
  });
}
