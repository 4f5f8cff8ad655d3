import { KEPT_SEEDS } from './kept-seeds.ts';
import { testRuns } from './seed-tests.ts';

testRuns(
  'What the simulation once found stays fixed',
  KEPT_SEEDS.map(({ options, found }) => ({ name: `seed ${options.seed}: ${found}`, options })),
);
