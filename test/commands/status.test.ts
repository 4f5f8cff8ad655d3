import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';

const statusesSchema = z.array(
  z.strictObject({
    token: z.string(),
    secret: z.string(),
    state: z.enum(['live', 'absent', 'unreadable']),
    detail: z.string().optional(),
    expiresAt: z.iso.datetime().optional(),
    refreshAt: z.iso.datetime().optional(),
    lifeLeftSeconds: z.number().optional(),
    ageSeconds: z.number().optional(),
    generation: z.number().optional(),
  }),
);

async function status(world: ProgramWorld) {
  const { code, stdout, stderr } = await runInProcess([
    'status',
    '--json',
    '--config',
    world.sandbox.configPath,
  ]);
  assert.equal(stderr, '');
  return { code, statuses: statusesSchema.parse(JSON.parse(stdout)) };
}

describe('status', () => {
  it('tells from the secrets alone how each token is, and ends with 0 when all are live', async () => {
    await using world = await startProgramWorld();
    await runInProcess(['run', '--once', '--config', world.sandbox.configPath]);
    const { code, statuses } = await status(world);
    assert.equal(code, 0);
    assert.deepEqual(
      statuses.map(({ token, secret, state, generation }) => [token, secret, state, generation]),
      SANDBOX_TOKENS.map(({ token }) => [token, `sandbox/${token}`, 'live', 1]),
    );
    const pivot = statuses.find(({ token }) => token === 'pivot');
    assert.ok(pivot?.lifeLeftSeconds !== undefined && pivot.ageSeconds !== undefined);
    assert.ok(pivot.lifeLeftSeconds <= 900 && pivot.ageSeconds >= 0);
    assert.equal(pivot.lifeLeftSeconds + pivot.ageSeconds, 899, '900 s, each part rounded down');
    assert.ok(Date.parse(pivot.refreshAt ?? '') < Date.parse(pivot.expiresAt ?? ''));
  });

  it('ends with 1 when a token is absent, and says why', async () => {
    await using world = await startProgramWorld();
    await runInProcess(['refresh', 'pik', '--config', world.sandbox.configPath]);
    const { code, statuses } = await status(world);
    assert.equal(code, 1);
    assert.deepEqual(
      statuses.slice(0, 2).map(({ token, state, detail }) => ({ token, state, detail })),
      [
        { token: 'pik', state: 'live', detail: undefined },
        { token: 'pivot-b2b', state: 'absent', detail: 'no value yet' },
      ],
    );
  });

  it('ends with 1 when the store refuses, with the code', async () => {
    await using world = await startProgramWorld();
    world.addFault('store:denied');
    const { code, statuses } = await status(world);
    assert.equal(code, 1);
    assert.equal(statuses[0]?.state, 'unreadable');
    assert.match(statuses[0].detail ?? '', /^store-denied: /);
  });

  it('makes a table for people', async () => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('two.yaml', { only: ['pik', 'pivot'] });
    await runInProcess(['refresh', 'pik', '--config', config]);
    const { stdout } = await runInProcess(['status', '--config', config]);
    const [header, pik, pivot, why] = stdout.split('\n');
    assert.match(header ?? '', /^TOKEN +SECRET +STATE +LIFE LEFT +AGE +GENERATION +NEXT REFRESH$/);
    assert.match(pik ?? '', /^pik +sandbox\/pik +live +29m \d\ds +\d+s +1 +(?:20\S+ )?\d\d:\d\d:\d\d UTC$/);
    assert.match(pivot ?? '', /^pivot +sandbox\/pivot +absent +- +- +- +-$/);
    assert.equal(why, 'pivot is absent: no value yet');
  });

  it('says below the table why tokens are not live, once for all of one reason', async () => {
    await using world = await startProgramWorld();
    const { stdout } = await runInProcess(['status', '--config', world.sandbox.configPath]);
    const lines = stdout.trimEnd().split('\n');
    const rows = lines.slice(1, -1);
    assert.ok(rows.length > 5);
    for (const row of rows) assert.match(row, /^\S+ +\S+ +absent +- +- +- +-$/);
    const rest = rows.length - 5;
    assert.match(
      lines.at(-1) ?? '',
      new RegExp(`^(?:\\S+, ){4}\\S+ and ${rest} more are absent: no value yet$`),
    );
  });
});
