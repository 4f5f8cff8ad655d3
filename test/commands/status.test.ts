import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { NAMESPACE, startCluster } from '../support/kubernetes-bench.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';

const fields = {
  secret: z.string(),
  state: z.enum(['live', 'expired', 'absent', 'unreadable']),
  detail: z.string().optional(),
  expiresAt: z.iso.datetime().optional(),
  refreshAt: z.iso.datetime().optional(),
  lifeLeftSeconds: z.number().optional(),
  ageSeconds: z.number().optional(),
  generation: z.number().optional(),
};
const statusSchema = z.strictObject({ token: z.string(), ...fields });
const statusesSchema = z.array(statusSchema);
const copySchema = z.strictObject({ ...fields, place: z.string(), isBehind: z.boolean().optional() });
const mirroredSchema = z.array(statusSchema.extend({ place: z.string(), mirrors: z.array(copySchema) }));

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
    const { stdout } = await runInProcess(['status', '--config', world.sandbox.configPath]);
    const [why, ...others] = stdout
      .trimEnd()
      .split('\n')
      .slice(1 + statuses.length);
    assert.match(why ?? '', /^pik, .* and \d+ more are unreadable: store-denied: /, 'of all providers alike');
    assert.deepEqual(others, []);
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

  it('tells what has expired from what was never there, and says since when', async () => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('two.yaml', { only: ['pik', 'pivot'] });
    await runInProcess(['run', '--once', '--config', config]);
    const client = new SecretsManagerClient({
      endpoint: world.sandbox.store.endpoint,
      region: 'ap-southeast-3',
      credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    });
    for (const SecretId of ['sandbox/pik', 'sandbox/pivot']) {
      const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId }));
      const document = z.looseObject({}).parse(JSON.parse(SecretString));
      Object.assign(document, {
        issued_at: '2020-11-21T12:00:00.000Z',
        refresh_at: '2020-11-21T12:14:00.000Z',
        expires_at: '2020-11-21T12:15:00.000Z',
      });
      await client.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(document) }));
    }
    client.destroy();
    const { code, stdout } = await runInProcess(['status', '--config', config]);
    const [, pik, pivot, why] = stdout.split('\n');
    assert.equal(code, 1);
    assert.match(pik ?? '', /^pik +sandbox\/pik +expired +0s +\d+d \d+h +1 +-$/);
    assert.match(pivot ?? '', /^pivot +sandbox\/pivot +expired +0s /);
    assert.match(why ?? '', /^pik, pivot are expired, the first 2020-11-21 12:15:00 UTC, \d+d \d+h ago$/);
  });

  it('compares the copies of mirrors, and ends with 1 when readers of one go without', async (t) => {
    await using world = await startProgramWorld();
    const cluster = await startCluster(t);
    await cluster.clock.advance(Date.now() - cluster.clock.now());
    const store = {
      kind: 'aws-secrets-manager',
      region: 'ap-southeast-3',
      endpoint: world.sandbox.store.endpoint,
    };
    const tokenFile = join(dirname(world.sandbox.configPath), 'api-token');
    await writeFile(tokenFile, cluster.token.reveal());
    cluster.grant([{ verbs: ['get', 'create', 'update'] }]);
    const config = await world.copyConfig('mirrored.yaml', {
      only: ['pik', 'pivot'],
      set: {
        store: undefined,
        stores: {
          aws: { ...store, createSecrets: true },
          cluster: {
            kind: 'kubernetes-secret',
            namespace: NAMESPACE,
            apiServer: { url: cluster.server.url, tokenFile },
          },
        },
        publish: { to: 'aws', mirrors: ['cluster'] },
      },
    });
    const look = async () => {
      const { code, stdout } = await runInProcess(['status', '--json', '--config', config]);
      return { code, statuses: mirroredSchema.parse(JSON.parse(stdout)) };
    };
    /** As a mirror has it: what the authority has now. */
    const copy = (name: string): void => {
      const versions = world.sandbox.secretsManager.versions(`sandbox/${name}`);
      const text = versions.find(({ labels }) => labels.includes('AWSCURRENT'))?.value.reveal() ?? '';
      cluster.putSecret(`sandbox-${name}`, { data: { 'token.json': Buffer.from(text).toString('base64') } });
    };
    for (const name of ['pik', 'pivot']) await runInProcess(['refresh', name, '--config', config]);
    copy('pik');
    const first = await look();
    assert.equal(first.code, 1);
    assert.deepEqual(
      first.statuses.map(({ place, state, mirrors }) => [
        place,
        state,
        mirrors.map((each) => [each.place, each.secret, each.state, each.isBehind]),
      ]),
      [
        ['aws', 'live', [['cluster', 'sandbox-pik', 'live', false]]],
        ['aws', 'live', [['cluster', 'sandbox-pivot', 'absent', true]]],
      ],
    );
    copy('pivot');
    await runInProcess(['refresh', 'pik', '--config', config]);
    const behind = await look();
    assert.equal(behind.code, 0, 'the copy is good until it expires');
    assert.deepEqual(
      behind.statuses.map(({ mirrors: [each] }) => [each?.state, each?.generation, each?.isBehind]),
      [
        ['live', 1, true],
        ['live', 1, false],
      ],
    );
    const { stdout } = await runInProcess(['status', '--config', config]);
    assert.match(
      stdout,
      /\nmirror cluster: 1 of 2 copies up to date\nmirror cluster: pik is behind: readers there are fine until (?:20\S+ )?\d\d:\d\d:\d\d UTC, in \d+m \d\ds\n$/,
    );
    cluster.grant([]);
    const denied = await runInProcess(['status', '--config', config]);
    assert.equal(denied.code, 1);
    assert.match(
      denied.stdout,
      /\nmirror cluster: 0 of 2 copies up to date\nmirror cluster: pik, pivot are unreadable: store-denied: [^\n]+\n$/,
    );
  });
});
