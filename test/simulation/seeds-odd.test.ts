import { testSeeds } from './seed-tests.ts';

/** As the README names them; each has a file in `promises/`, the stopping is checked where a pod is stopped. */
const PROMISES = [
  'Fresh',
  'Never worse',
  'One at a time',
  'No chain is lost by us',
  'Nobody is locked out',
  'Not ours, not touched',
  'Loud',
  'Quick to stop, safe to kill',
  'The version quota is never hit by surprise',
  'Wrong clocks are seen',
];

testSeeds(`${PROMISES.join(', ')}: with odd seeds`, (seed) => seed % 2 === 1);
