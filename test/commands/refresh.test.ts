import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

const outcomesSchema = z.array(
  z.strictObject({
    token: z.string(),
    secret: z.string(),
    outcome: z.enum(['refreshed', 'unchanged', 'fresh', 'failed']),
    code: z.string().optional(),
    message: z.string().optional(),
    expiresAt: z.iso.datetime().optional(),
    generation: z.number().optional(),
  }),
);

async function refresh(world: ProgramWorld, name: string) {
  const args = ['refresh', name, '--json', '--config', world.sandbox.configPath];
  const { code, stdout } = await runInProcess(args);
  return { code, outcomes: outcomesSchema.parse(JSON.parse(stdout)) };
}

describe('refresh', () => {
  it('publishes a new token although the old one is fresh, and the generation rises by one', async () => {
    await using world = await startProgramWorld();
    for (const generation of [1, 2, 3]) {
      const { code, outcomes } = await refresh(world, 'pivot');
      assert.equal(code, 0);
      const [{ expiresAt = '', ...rest } = {}] = outcomes;
      assert.deepEqual(rest, { token: 'pivot', secret: 'sandbox/pivot', outcome: 'refreshed', generation });
      assert.ok(Date.parse(expiresAt) > Date.now());
    }
    assert.equal(world.sandbox.upstreams.requests.total('pivot'), 3);
  });

  it('refreshes one customer, or all customers of a provider', async () => {
    await using world = await startProgramWorld();
    for (const [name, tokens] of [
      ['pivot-b2b2c/budi', ['pivot-b2b2c/budi']],
      ['pivot-b2b2c', ['pivot-b2b2c/ayu', 'pivot-b2b2c/budi']],
    ] as const) {
      const { code, outcomes } = await refresh(world, name);
      assert.equal(code, 0);
      assert.deepEqual(
        outcomes.map(({ token }) => token),
        tokens,
      );
    }
    assert.equal(world.sandbox.upstreams.requests.total('pivot-b2b2c'), 3);
  });

  it('ends with 2 for a name that is neither token nor provider, and says which there are', async () => {
    await using world = await startProgramWorld();
    const { code, stdout, stderr } = await runInProcess([
      'refresh',
      'pivto',
      '--config',
      world.sandbox.configPath,
    ]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.equal(
      stderr,
      'no token or provider "pivto"; there are pik, pivot-b2b, pivot-b2b2c/ayu, pivot-b2b2c/budi, pivot, apimw, paysecurez, oauth2, http\n',
    );
    assert.equal(world.sandbox.store.requests.size, 0);
  });

  it('ends with 1 and the code when the provider refuses; the old token stays', async () => {
    await using world = await startProgramWorld();
    await refresh(world, 'pivot');
    world.addFault('pivot:wrong-credentials');
    const { code, outcomes } = await refresh(world, 'pivot');
    assert.equal(code, 1);
    assert.deepEqual(
      outcomes.map((each) => [each.outcome, each.code, each.generation]),
      [['failed', 'credentials-rejected', 1]],
    );
    assert.equal(world.sandbox.secretsManager.versions('sandbox/pivot').length, 1);
  });

  it('tells people how it went, and what happens on the way on standard error', async () => {
    await using world = await startProgramWorld();
    const args = ['refresh', 'pivot', '--config', world.sandbox.configPath];
    const good = await runInProcess(args);
    assert.match(
      good.stdout,
      /^pivot: refreshed; token expires (?:20\d\d-\d\d-\d\d )?\d\d:\d\d:\d\d UTC, in 1\dm \d\ds\n$/,
    );
    assert.equal(good.stderr, '');

    world.addFault('pivot:same-token');
    const same = await runInProcess(args);
    assert.equal(same.code, 0);
    assert.equal(same.stdout, 'pivot: the provider handed out no newer token\n');

    world.addFault('pivot:400');
    const bad = await runInProcess(args);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^pivot: failed: request-rejected: POST [^\n]+\n$/);
    assert.match(bad.stderr, /"event":"refresh-failed","token":"pivot"/);
  });

  it('says who brings the new token to the mirrors of its provider', async () => {
    await using world = await startProgramWorld();
    const { endpoint } = world.sandbox.store;
    const place = { kind: 'aws-secrets-manager', endpoint, createSecrets: true };
    const config = await world.copyConfig('mirrored.yaml', {
      only: ['pivot', 'pik'],
      set: {
        store: undefined,
        stores: {
          here: { ...place, region: 'ap-southeast-3' },
          there: { ...place, region: 'ap-southeast-1' },
        },
        publish: { to: 'here', mirrors: ['there'] },
      },
      setProvider: { pik: { places: { to: 'here' } } },
    });
    const note = 'note: pivot: the daemon brings this to there when it starts, or with its next refresh\n';
    for (const [name, said] of [
      ['pivot', note],
      ['pik', ''],
    ] as const) {
      const { code, stderr } = await runInProcess(['refresh', name, '--json', '--config', config]);
      assert.deepEqual([code, stderr], [0, said]);
    }
  });
});
