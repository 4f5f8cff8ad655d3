/** What the commands that look at the world say about the Lease. */
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { LEASE_NAMESPACE, type LeaseRule, SERVICE_ACCOUNT_TOKEN } from '../support/lease-api.ts';
import { type LeaseApiServer, startLeaseApiServer } from '../support/lease-api-server.ts';
import { type ProgramRun, runInProcess, startInProcess } from '../support/program-terminal.ts';
import { startProgramWorld } from '../support/program-world.ts';

interface Scene {
  readonly leases: LeaseApiServer;
  /** The configuration's. */
  readonly folder: string;
  /** Runs a command with a configuration of one provider whose replicas agree by the lease. */
  readonly run: (...args: readonly string[]) => ReturnType<typeof runInProcess>;
  readonly start: (...args: readonly string[]) => ProgramRun;
}

async function setUp(
  t: TestContext,
  {
    token = SERVICE_ACCOUNT_TOKEN,
    namespace = LEASE_NAMESPACE,
    more = '',
    // An answer is waited for so long: it is not to be missed on a busy machine.
    timing = 'leaseDuration: 30s, renewDeadline: 20s',
  }: { token?: string; namespace?: string; more?: string; timing?: string } = {},
): Promise<Scene> {
  const world = await startProgramWorld();
  t.after(() => world[Symbol.asyncDispose]());
  const leases = await startLeaseApiServer(t);
  const config = await world.copyConfig('lease.yaml', { only: ['pik'] });
  await writeFile(join(dirname(config), 'token'), token);
  await appendFile(
    config,
    `\ncoordination: { kind: kubernetes, namespace: ${namespace}, ${timing}, retryPeriod: 100ms, apiServer: { url: "${leases.url}", tokenFile: token } }\n${more}`,
  );
  const complete = (args: readonly string[]): readonly string[] => [...args, '--config', config];
  return {
    leases,
    folder: dirname(config),
    run: (...args) => runInProcess(complete(args)),
    start: (...args) => startInProcess(complete(args)),
  };
}

const all = ['get', 'update', 'create'] as const;

describe('check --live', () => {
  it('reads the lease and rehearses the write, which leaves nothing behind', async (t) => {
    const { leases, run } = await setUp(t);
    const { code, stdout } = await run('check', '--live');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok {4}coordination: lease$/m);
    assert.equal(leases.api.spec(), undefined);
    leases.api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15 });
    const before = leases.api.metadata();
    assert.equal((await run('check', '--live')).code, 0);
    assert.deepEqual(leases.api.metadata(), before);
  });

  it('asks whether tokens of readers can be reviewed, with a Role and without', async (t) => {
    const more =
      'rejections: { port: 8081, audience: token-refresher, allow: [{ serviceAccount: payments/checkout, tokens: ["*"] }] }\n';
    const { leases, run } = await setUp(t, { more });
    const denied = await run('check', '--live');
    assert.equal(denied.code, 1, denied.stdout);
    assert.match(
      denied.stdout,
      /^FAIL {2}rejections: token reviews: .*403 .*must be allowed to create tokenreviews/m,
    );
    leases.api.put({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'token-refresher' },
      rules: [
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: all },
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      ],
    });
    const { code, stdout } = await run('check', '--live');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok {4}rejections: token reviews$/m);
  });

  it('reads the bearer token of readers', async (t) => {
    const more = 'rejections: { port: 8081, bearer: { file: reports } }\n';
    const { folder, run } = await setUp(t, { more });
    const missing = await run('check', '--live');
    assert.equal(missing.code, 1, missing.stdout);
    assert.match(
      missing.stdout,
      /^FAIL {2}rejections: credentials: credentials-rejected: credential bearer: file .* cannot be read \(ENOENT\)$/m,
    );
    await writeFile(join(folder, 'reports'), 'secret-of-readers');
    const { code, stdout } = await run('check', '--live');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok {4}rejections: credentials$/m);
  });

  const without = (verb: string): readonly LeaseRule[] => [{ verbs: all.filter((each) => each !== verb) }];
  for (const { what, options, rules, message } of [
    {
      what: 'a token that is not accepted',
      options: { token: 'expired' },
      message: /401 to get .*: the service account's token is not accepted/,
    },
    {
      what: 'a Role without get',
      rules: without('get'),
      message: /403 to get .*\(Forbidden\): the role must allow get of leases/,
    },
    {
      what: 'a Role without create',
      rules: without('create'),
      message: /403 to create .*: the role must allow create of leases/,
    },
    {
      what: 'a namespace that is none of its own',
      options: { namespace: 'paymnets' },
      message: /404 to create .*\(NotFound\): the namespace does not exist/,
    },
  ] as const satisfies readonly {
    what: string;
    options?: { token?: string; namespace?: string };
    rules?: readonly LeaseRule[];
    message: RegExp;
  }[]) {
    it(`ends with 1 because of ${what}`, async (t) => {
      const { leases, run } = await setUp(t, options);
      if (rules !== undefined) leases.api.grant(...rules);
      const { code, stdout } = await run('check', '--live');
      assert.equal(code, 1);
      assert.match(stdout, /^FAIL {2}coordination: lease: the API server answered/m);
      assert.match(stdout, message);
    });
  }

  it('ends with 1 because of a Role without update, once there is a lease', async (t) => {
    const { leases, run } = await setUp(t);
    leases.api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15 });
    leases.api.grant(...without('update'));
    const { code, stdout } = await run('check', '--live', '--json');
    assert.equal(code, 1);
    assert.match(stdout, /"token":"coordination","aspect":"lease","ok":false,"message":"[^"]*403 to update/);
  });
});

describe('run', () => {
  it('is not ready while it could not lead, and says what the Role lacks; ready once the Role is right', async (t) => {
    const { leases, start } = await setUp(t);
    leases.api.grant();
    await using daemon = start('run');
    const { http } = (await daemon.output.untilLines('program-started', 1))[0] ?? {};
    const read = async (): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${String(http)}/readyz`);
      return { status: answer.status, text: await answer.text() };
    };
    await daemon.output.untilLines('coordination-failed', 1);
    const before = await read();
    assert.equal(before.status, 503);
    assert.match(before.text, /403 to get .*the role must allow get of leases/);
    leases.api.grant({ verbs: all });
    await daemon.output.untilLines('leadership-acquired', 1);
    assert.equal((await read()).status, 200);
  });
});

/** Each waits as long as a replica may take to come to lead: at the same time. */
describe('a lease that cannot be read', { concurrency: true }, () => {
  for (const command of [
    ['run', '--once'],
    ['refresh', 'pik'],
  ] as const) {
    it(`${command.join(' ')} ends with 1 when the lease cannot be read: nobody may be there to keep the tokens fresh`, async (t) => {
      const timing = 'leaseDuration: 4s, renewDeadline: 3s';
      const { run } = await setUp(t, { token: 'expired', timing });
      const { code, stderr } = await run(...command);
      assert.equal(code, 1);
      assert.match(stderr, /nothing was refreshed: the API server answered 401/);
      assert.doesNotMatch(stderr, /another process/);
    });
  }
});

describe('status', () => {
  it('says who leads, and that it keeps other tokens', async (t) => {
    const { leases, run } = await setUp(t);
    assert.match((await run('status')).stdout, /^lease token-refresher: nobody leads$/m);
    leases.api.edit({ holderIdentity: 'pod-x_1', leaseDurationSeconds: 15 });
    assert.match((await run('status')).stdout, /^lease token-refresher: pod-x_1 leads$/m);
    leases.api.grant();
    assert.match((await run('status')).stdout, /^lease token-refresher: the API server answered 403/m);
  });
});
