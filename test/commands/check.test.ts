import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

const resultSchema = z.strictObject({
  config: z.string(),
  tokens: z.number(),
  warnings: z.array(z.string()),
  findings: z.array(
    z.strictObject({
      token: z.string(),
      aspect: z.enum(['credentials', 'provider', 'secret', 'state secret', 'discovery', 'routing key']),
      ok: z.boolean(),
      code: z.string().optional(),
      message: z.string().optional(),
    }),
  ),
});

async function checkLive(world: ProgramWorld) {
  const args = ['check', '--live', '--json', '--config', world.sandbox.configPath];
  const { code, stdout, stderr } = await runInProcess(args);
  assert.equal(stderr, '');
  const { findings } = resultSchema.parse(JSON.parse(stdout));
  return {
    code,
    findings,
    failed: findings.filter(({ ok }) => !ok).map((each) => [each.token, each.aspect, each.code]),
  };
}

describe('check', () => {
  it('says that a configuration is good without touching anything', async () => {
    await using world = await startProgramWorld();
    const { configPath } = world.sandbox;
    const { code, stdout, stderr } = await runInProcess(['check', '--config', configPath]);
    assert.deepEqual([code, stdout, stderr], [0, `${configPath}: good, 7 tokens\n`, '']);
    assert.equal(world.sandbox.store.requests.size, 0);
    assert.equal(world.sandbox.upstreams.requests.total('pik'), 0);
  });

  it('says that a routing key cannot be one, and does not show it', async () => {
    await using world = await startProgramWorld();
    const sinks = [
      { kind: 'pagerduty', routingKey: { env: 'PD_KEY' } },
      { kind: 'pagerduty', name: 'elsewhere', routingKey: { awsSecret: 'pagerduty', key: 'k' } },
    ];
    const config = await world.copyConfig('pagerduty.yaml', {
      only: ['pik'],
      set: { alerts: { name: 'here', sinks } },
    });
    const args = ['check', '--config', config];
    const wrong = await runInProcess(args, { env: { PD_KEY: 'n0t-a-key-but-s3cret' } });
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stdout,
      /\nFAIL {2}pagerduty: routing key: credentials-rejected: .*is not 32 letters and digits/,
    );
    assert.ok(!wrong.stdout.includes('s3cret'));
    const right = await runInProcess(args, { env: { PD_KEY: 'R0UT1NGK3Y0123456789ABCDEF012345' } });
    assert.deepEqual([right.code, right.stdout], [0, `${config}: good, 1 token\n`]);
  });

  it('shows a version budget that is nearly used', async () => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('budget.yaml', {
      only: ['pivot'],
      setProviders: { versionBudget: 144 },
    });
    const { code, stdout } = await runInProcess(['check', '--config', config]);
    assert.equal(code, 0);
    assert.match(stdout, /: good, 1 token\nnote: .*102\.9 versions a day.*\n$/);
  });

  it('refuses a configuration whose environment variables are not set', async () => {
    const { code, stderr } = await runInProcess(['check', '--config', 'config/example.yaml']);
    assert.equal(code, 2);
    for (const name of ['PIK_APP_ID', 'PIK_APP_SECRET', 'PIVOT_CLIENT_ID', 'PIVOT_MERCHANT_ID'])
      assert.ok(stderr.includes(name), `${name} in ${stderr}`);
  });
});

describe('check --live', () => {
  it('tries credentials, providers and secrets, ends with 0 and writes nothing', async () => {
    await using world = await startProgramWorld();
    const { code, findings, failed } = await checkLive(world);
    assert.deepEqual([code, failed], [0, []]);
    const aspectsOf = (name: string) =>
      findings.filter(({ token }) => token === name).map(({ aspect }) => aspect);
    assert.deepEqual(aspectsOf('pivot'), ['credentials', 'provider', 'secret']);
    assert.deepEqual(aspectsOf('pivot-b2b2c/ayu'), ['credentials', 'secret', 'state secret']);

    const { store, upstreams } = world.sandbox;
    const reading = new Set<string>(['DescribeSecret', 'GetSecretValue']);
    assert.deepEqual(
      [...store.requests.keys()].filter((operation) => !reading.has(operation)),
      [],
    );
    assert.equal(upstreams.requests.total('pivot'), 1);
    assert.equal(upstreams.requests.total('pivot-b2b2c'), 0, 'no refresh token is spent');
  });

  it('ends with 1 and the code when a provider rejects the credentials', async () => {
    await using world = await startProgramWorld();
    world.addFault('pivot:wrong-credentials');
    const { code, failed } = await checkLive(world);
    assert.deepEqual([code, failed], [1, [['pivot', 'provider', 'credentials-rejected']]]);
    const text = await runInProcess(['check', '--live', '--config', world.sandbox.configPath]);
    assert.match(text.stdout, /^ok {4}pik: provider\n/m);
    assert.match(text.stdout, /^FAIL {2}pivot: provider: credentials-rejected: POST http/m);
  });

  it('ends with 1 when a credential cannot be read, and then does not ask the provider', async () => {
    await using world = await startProgramWorld();
    await rm(join(dirname(world.sandbox.configPath), 'credentials/pivot/merchantSecret'));
    const { code, failed, findings } = await checkLive(world);
    assert.deepEqual([code, failed], [1, [['pivot', 'credentials', 'credentials-rejected']]]);
    const finding = findings.find(({ ok }) => !ok);
    assert.match(finding?.message ?? '', /^credential merchantSecret: file \S+ cannot be read \(ENOENT\)$/);
    assert.equal(world.sandbox.upstreams.requests.total('pivot'), 0);
  });

  it('ends with 1 when a secret, or a state secret, cannot be read', async () => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('b2b2c.yaml', { only: ['pivot-b2b2c'] });
    await runInProcess(['run', '--once', '--config', config]);
    world.addFault('store:kms');
    const { stdout } = await runInProcess(['check', '--live', '--json', '--config', config]);
    const { findings } = resultSchema.parse(JSON.parse(stdout));
    assert.deepEqual(
      findings
        .filter(({ token }) => token === 'pivot-b2b2c/ayu')
        .map(({ aspect, ok, code }) => [aspect, ok, code]),
      [
        ['credentials', true, undefined],
        ['secret', false, 'store-denied'],
        ['state secret', false, 'store-denied'],
      ],
    );
  });
});
