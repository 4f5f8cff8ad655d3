import type { SimulationOptions } from './scenario.ts';

/** A run that has found something; what it found is fixed, and this keeps it so. */
export interface KeptSeed {
  readonly options: SimulationOptions;
  readonly found: string;
}

const usual = { profile: 'usual' } as const;

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    options: { ...usual, seed: 19, replicas: 2, tokens: 6, hours: 1 },
    found:
      'an answer without a token wiped out that a former process, killed in flight, had presented the refresh token',
  },
  {
    options: { ...usual, seed: 25, replicas: 2, tokens: 6, hours: 2 },
    found:
      'a refresh whose store had to be read first took its early tick for too early, and came a whole tick late',
  },
  {
    options: { ...usual, seed: 26, replicas: 3, tokens: 6, hours: 2 },
    found: 'a clock set back made a leader that read its own document again refresh it ten minutes late',
  },
  {
    options: { profile: 'customers', seed: 33, replicas: 1, tokens: 4, hours: 1 },
    found: 'a wrong check: the token of a customer who was given up is none of ours, and may expire unheard',
  },
  {
    options: { ...usual, seed: 47, replicas: 3, tokens: 6, hours: 1.5 },
    found:
      'after a clock was set back, newer tokens seemed to die earlier than the published one, and were declined',
  },
  {
    options: { profile: 'customers', seed: 51, replicas: 1, tokens: 6, hours: 1 },
    found: 'a wrong check: a customer taken in again is judged by the clock of now, as after a restart',
  },
  {
    options: { ...usual, seed: 55, replicas: 2, tokens: 6, hours: 1.5 },
    found: 'a token with a shorter life was declined, and the next one asked for only when readers had none',
  },
  {
    options: { ...usual, seed: 69, replicas: 1, tokens: 6, hours: 1.5 },
    found: 'a wrong check: what a process was about to journal when it was killed is lost, as documented',
  },
  {
    options: { profile: 'customers', seed: 105, replicas: 1, tokens: 4, hours: 1 },
    found: 'a wrong check: what could not be published to the last goes with the customer, as with a restart',
  },
  {
    options: { profile: 'customers', seed: 214, replicas: 2, tokens: 5, hours: 1 },
    found: 'rejected credentials were tried again at once by a leader that had lost its lease and led again',
  },
  {
    options: { ...usual, seed: 265, replicas: 2, tokens: 4, hours: 1 },
    found:
      'a wrong check: a failure that came and went between two looks kept its alert open for good reason',
  },
  {
    options: { ...usual, seed: 612, replicas: 1, tokens: 3, hours: 1 },
    found:
      'the margin of a token whose successor was declined was that of its refresh token, which died earlier',
  },
  {
    options: { ...usual, seed: 1085, replicas: 3, tokens: 4, hours: 1 },
    found:
      'a wrong check: a journal entry that was superseded before the next call of the store had been there',
  },
  {
    options: { ...usual, seed: 1278, replicas: 1, tokens: 5, hours: 1 },
    found: 'a wrong check: what a clock ahead of its time had written did not count when the refresh began',
  },
  {
    options: { profile: 'customers', seed: 3046, replicas: 1, tokens: 3, hours: 3 },
    found: 'minInterval was counted from before its record: a pause in between shortened it',
  },
  {
    options: { ...usual, seed: 555, replicas: 1, tokens: 6, hours: 1 },
    found: 'processes that were killed in a row each asked about a refresh token that had been refused',
  },
  {
    options: { ...usual, seed: 3489, replicas: 2, tokens: 3, hours: 2 },
    found: 'a wrong check: an old version that was put back had been written by a clock ahead of its time',
  },
  {
    options: { profile: 'readers', seed: 54, replicas: 3, tokens: 5, hours: 1 },
    found: 'a first token that was published while a mirror read its authority was copied with the next one',
  },
];
