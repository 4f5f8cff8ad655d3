import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { Disturbances } from './disturbances.ts';
import { MUTATIONS } from './mutation-list.ts';
import { mutate, tryMutation } from './mutations.ts';
import { optionsOfSeed } from './runs.ts';
import { simulate } from './simulation.ts';

suite('The simulation', () => {
  test('runs a seed twice to the same last event', async () => {
    const first = await simulate(optionsOfSeed(8));
    const second = await simulate(optionsOfSeed(8));
    assert.ok(first.happened > 1000);
    assert.equal(first.fingerprint, second.fingerprint);
    assert.notEqual(first.fingerprint, (await simulate(optionsOfSeed(11))).fingerprint);
  });

  test('puts the real clocks back', async () => {
    const { Date: RealDate, setTimeout: realTimeout } = globalThis;
    await simulate({ ...optionsOfSeed(1), hours: 0.5 });
    assert.equal(globalThis.Date, RealDate);
    assert.equal(globalThis.setTimeout, realTimeout);
  });

  test('knows mutations that still fit the sources', () => {
    for (const mutation of MUTATIONS) {
      const source = readFileSync(new URL(`../../src/${mutation.file}`, import.meta.url), 'utf8');
      assert.notEqual(mutate(source, mutation), source, mutation.name);
    }
  });

  test('says so when a mutation no longer fits', () => {
    const [mutation] = MUTATIONS;
    assert.ok(mutation !== undefined);
    assert.throws(() => mutate('nothing of the kind', mutation), /has 0 times/);
  });

  for (const name of [
    'publish before persist',
    'restart fetches',
    'pending token dropped',
    'incomplete list is believed',
    'any report is believed',
  ]) {
    test(`finds a deliberate bug: ${name}`, async () => {
      const mutation = MUTATIONS.find((each) => each.name === name);
      assert.ok(mutation !== undefined);
      const { promise } = await tryMutation(mutation);
      assert.ok(promise !== undefined, 'not found');
    });
  }
});

suite('Excuses', () => {
  const disturbances = new Disturbances();
  disturbances.add({ fromMs: 100, toMs: 200, token: undefined, why: 'the store' });
  disturbances.add({ fromMs: 150, toMs: 300, token: 'a', why: 'its provider' });

  test('leave the time between disturbances of a token, and how long ago the last one was', () => {
    assert.deepEqual(disturbances.quietStretches('a', 0, 400), [
      { fromMs: 0, toMs: 100, disturbedUntilMs: Number.NEGATIVE_INFINITY },
      { fromMs: 300, toMs: 400, disturbedUntilMs: 300 },
    ]);
  });

  test('hold for the token that was disturbed alone', () => {
    assert.deepEqual(disturbances.quietStretches('b', 250, 400), [
      { fromMs: 250, toMs: 400, disturbedUntilMs: 200 },
    ]);
  });
});
