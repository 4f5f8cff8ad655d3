import { testSeeds } from './seed-tests.ts';

testSeeds('The promises of seeds-odd.test.ts: with even seeds', (seed) => seed % 2 === 0);
