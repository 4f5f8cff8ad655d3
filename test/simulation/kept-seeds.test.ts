import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KEPT_SEEDS } from './kept-seeds.ts';
import { run } from './runs.ts';

suite('What the simulation once found stays fixed', () => {
  for (const { options, found } of KEPT_SEEDS) {
    test(`seed ${options.seed}: ${found}`, async () => {
      const { text } = await run(options);
      if (text !== undefined) assert.fail(text);
    });
  }
});
