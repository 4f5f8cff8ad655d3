import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { runInProcess } from '../support/program-terminal.ts';

const EXAMPLE = ['--config', 'config/example.yaml'];

const plansSchema = z.array(
  z.strictObject({
    token: z.string(),
    provider: z.string(),
    kind: z.string(),
    customer: z.string().optional(),
    discoveredBy: z.string().optional(),
    secret: z.string(),
    place: z.literal('aws-secrets-manager'),
    stateSecret: z.string().optional(),
    lifetimeSeconds: z.number(),
    refreshEverySeconds: z.number(),
    stretchedFromSeconds: z.number().optional(),
    marginSeconds: z.number(),
    cron: z.string(),
    tickSeconds: z.number(),
    nextTicks: z.array(z.iso.datetime()).length(3),
    outageToleratedSeconds: z.number(),
    writesPerDay: z.number(),
    versionBudget: z.union([z.number(), z.literal('none')]),
    budgetNote: z.string().optional(),
    stalenessAllowedSeconds: z.number(),
  }),
);

async function planExample(path = 'config/example.yaml') {
  const { code, stdout, stderr } = await runInProcess(['plan', '--json', '--config', path]);
  assert.deepEqual([code, stderr], [0, '']);
  return plansSchema.parse(JSON.parse(stdout));
}

describe('plan', () => {
  it('shows lifetime, cadence, margin, cron expression and tick of every token of the example', async () => {
    const rows = (await planExample()).map((each) => [
      each.token,
      each.lifetimeSeconds,
      each.refreshEverySeconds,
      each.marginSeconds,
      each.cron,
      each.tickSeconds,
    ]);
    assert.deepEqual(rows, [
      ['pik', 1800, 1680, 120, '3-59/30 * * * * *', 30],
      ['pivot-b2b', 900, 840, 60, '7-59/15 * * * * *', 15],
      ['pivot-b2b2c/ayu', 900, 840, 60, '6-59/15 * * * * *', 15],
      ['pivot-b2b2c/budi', 900, 840, 60, '6-59/15 * * * * *', 15],
      ['pivot', 900, 840, 60, '14-59/15 * * * * *', 15],
      ['apimw', 3600, 3360, 240, '59 * * * * *', 60],
      ['paysecurez', 1800, 1680, 120, '28-59/30 * * * * *', 30],
      ['orders', 3600, 3360, 240, '20 * * * * *', 60],
      ['warehouse', 3600, 3360, 240, '36 * * * * *', 60],
    ]);
  });

  it('shows where tokens are published, how often that writes and what it tolerates', async () => {
    const plans = await planExample();
    const rows = plans.map((each) => [
      each.secret,
      each.stateSecret,
      each.writesPerDay,
      each.versionBudget,
      each.outageToleratedSeconds,
      each.stalenessAllowedSeconds,
    ]);
    assert.deepEqual(rows, [
      ['payments/pik', undefined, 51.4, 144, 105, 90],
      ['payments/pivot-b2b', undefined, 102.9, 144, 52.5, 30],
      ['payments/pivot-b2b2c/ayu', 'token-refresher/state/payments/pivot-b2b2c/ayu', 102.9, 144, 52.5, 30],
      ['partners/budi/pivot-token', 'token-refresher/state/budi', 102.9, 144, 52.5, 30],
      ['payments/pivot', undefined, 102.9, 144, 52.5, 30],
      ['payments/apimw', undefined, 25.7, 144, 210, 210],
      ['payments/paysecurez', undefined, 51.4, 144, 105, 90],
      ['tokens/orders', undefined, 25.7, 144, 210, 210],
      ['tokens/warehouse', undefined, 25.7, 144, 210, 210],
    ]);
    assert.deepEqual(
      plans.filter(({ budgetNote }) => budgetNote !== undefined).map(({ token }) => token),
      ['pivot-b2b', 'pivot-b2b2c/ayu', 'pivot-b2b2c/budi', 'pivot'],
    );
  });

  it('shows the next ticks, a tick apart and all to come', async () => {
    const beforeMs = Date.now();
    for (const { token, nextTicks, tickSeconds } of await planExample()) {
      const [first = 0, second, third] = nextTicks.map((text) => Date.parse(text));
      assert.ok(first > beforeMs - 1000, token);
      assert.deepEqual([second, third], [first + tickSeconds * 1000, first + 2 * tickSeconds * 1000], token);
    }
  });

  it('shows the pace that a tight version budget comes to, and what it was', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'plan-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'tight.yaml');
    const example = await readFile('config/example.yaml', 'utf8');
    await writeFile(path, example.replace('versionBudget: 144 #', 'versionBudget: 100 #'));
    const pivot = (await planExample(path)).find(({ token }) => token === 'pivot');
    assert.ok(pivot !== undefined);
    assert.deepEqual(
      [pivot.refreshEverySeconds, pivot.stretchedFromSeconds, pivot.writesPerDay, pivot.versionBudget],
      [870, 840, 99.3, 100],
    );
    assert.deepEqual([pivot.marginSeconds, pivot.tickSeconds, pivot.outageToleratedSeconds], [30, 6, 27]);
    assert.match(pivot.budgetNote ?? '', /it is put off by up to 30s, to every 14m 30s, which writes 99\.3$/);
  });

  it('needs no credentials and makes a table for people', async () => {
    const { code, stdout, stderr } = await runInProcess(['plan', ...EXAMPLE]);
    assert.deepEqual([code, stderr], [0, '']);
    const lines = stdout.split('\n');
    assert.match(
      lines[0] ?? '',
      /^TOKEN +SECRET +LIFETIME +EVERY +MARGIN +CRON \(UTC\) +TICK +WRITES\/DAY +STALENESS$/,
    );
    assert.match(
      stdout,
      /^pivot +payments\/pivot +15m +14m +1m +14-59\/15 \* \* \* \* \* +15s +102\.9 of 144 +<= 30s$/m,
    );
    assert.match(
      stdout,
      /^note: pivot: a refresh every 14m writes 102\.9 versions a day into one secret, 71 % of /m,
    );
  });
});
