import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { PIVOT } from '../support/configuration-text.ts';
import { NAMESPACE, startCluster } from '../support/kubernetes-bench.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { makePipe } from '../support/named-pipe.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';

const resultSchema = z.strictObject({
  config: z.string(),
  tokens: z.number(),
  problems: z.array(z.never()),
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
  it('names a chain whose newest refresh token was left in the former authority', async (t) => {
    await using world = await startProgramWorld();
    const cluster = await startCluster(t);
    await cluster.clock.advance(Date.now() - cluster.clock.now());
    cluster.grant([{ verbs: ['get', 'create', 'update'] }]);
    const folder = dirname(world.sandbox.configPath);
    await writeFile(join(folder, 'api-token'), cluster.token.reveal());
    const { endpoint } = world.sandbox.store;
    const stores = {
      aws: { kind: 'aws-secrets-manager', region: 'ap-southeast-3', endpoint, createSecrets: true },
      cluster: {
        kind: 'kubernetes-secret',
        namespace: NAMESPACE,
        createSecrets: true,
        apiServer: { url: cluster.server.url, tokenFile: 'api-token' },
      },
    };
    const run = async (command: readonly string[], to: string, mirror: string) => {
      const config = await world.copyConfig('places.yaml', {
        only: ['oauth2'],
        set: { store: undefined, stores, publish: { to, mirrors: [mirror] } },
        setProviders: { secret: 'oauth2-token' },
      });
      return runInProcess([...command, '--config', config]);
    };
    const check = (to: string, mirror: string) => run(['check', '--live'], to, mirror);
    for (const [former, next, message] of [
      [
        'aws',
        'cluster',
        'token-refresher/state/oauth2-token there holds a newer refresh token than oauth2-token-state in cluster',
      ],
      [
        'cluster',
        'aws',
        'oauth2-token-state there holds a newer refresh token than token-refresher/state/oauth2-token in aws',
      ],
    ] as const) {
      const refreshed = await run(['refresh', 'oauth2'], former, next);
      assert.equal(refreshed.code, 0, refreshed.stderr);
      const before = await check(former, next);
      assert.equal(before.code, 0, before.stdout);
      const after = await check(next, former);
      assert.equal(after.code, 1);
      const failed = after.stdout.split('\n').filter((line) => line.startsWith('FAIL'));
      assert.deepEqual(failed, [
        `FAIL  oauth2: state secret ${former}: ${message}: stop the daemon, copy it, then start the daemon`,
      ]);
      // As a person copies it, after the first round.
      const versions = world.sandbox.secretsManager.versions('token-refresher/state/oauth2-token');
      const state = versions.find(({ labels }) => labels.includes('AWSCURRENT'))?.value.reveal() ?? '';
      const labels = { 'app.kubernetes.io/managed-by': 'token-refresher' };
      const data = { 'state.json': Buffer.from(state).toString('base64') };
      if (former === 'aws') cluster.putSecret('oauth2-token-state', { metadata: { labels }, data });
    }
    // What cannot be read may well be newer.
    cluster.grant([]);
    const denied = await check('cluster', 'aws');
    assert.equal(denied.code, 1);
    assert.doesNotMatch(denied.stdout, /newer refresh token/);
  });

  it('says that a configuration is good without touching anything', async () => {
    await using world = await startProgramWorld();
    const { configPath } = world.sandbox;
    const { code, stdout, stderr } = await runInProcess(['check', '--config', configPath]);
    assert.deepEqual(
      [code, stdout, stderr],
      [0, `${configPath}: good, ${SANDBOX_TOKENS.length} tokens\n`, ''],
    );
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

describe('check, of files that credentials are read from', () => {
  it('notes each that this machine has not, or that cannot be read, at its place, and ends with 0', async (t) => {
    const folder = await createPrivateFolder(t);
    const config = join(folder, 'app.yaml');
    await mkdir(join(folder, 'folder'));
    makePipe(join(folder, 'pipe'));
    await writeFile(join(folder, 'empty'), '\n');
    await writeFile(join(folder, 'good'), 'merchant\n');
    await writeFile(
      config,
      `providers:
  - name: pivot
    kind: pivot
    credentials: { merchantId: { file: good }, merchantSecret: { file: folder } }
    secret: payments/pivot
  - name: again
    kind: pivot
    credentials: { merchantId: { file: good }, merchantSecret: { file: missing } }
    secret: payments/again
store: { region: eu-west-1 }
alerts:
  name: here
  sinks:
    - { kind: slack, url: { file: pipe } }
    - { kind: pagerduty, routingKey: { file: missing } }
  heartbeat: { url: { file: empty } }
`,
    );
    const notes = [
      `${config}:4:72 providers[0].credentials.merchantSecret.file: file ${folder}/folder is a folder: name a file in it`,
      `${config}:8:72 providers[1].credentials.merchantSecret.file: file ${folder}/missing is not on this machine: create ` +
        'it or correct the path, unless it is mounted where token-refresher runs (named in 1 other place too)',
      `${config}:14:35 alerts.sinks[0].url.file: file ${folder}/pipe is no regular file but a pipe, a device or a ` +
        'socket, which is never read: name a regular file',
      `${config}:16:29 alerts.heartbeat.url.file: file ${folder}/empty is empty; it has to hold the credential as text, ` +
        'and nothing else',
    ];
    const aboutFiles = (lines: readonly string[]) => lines.filter((line) => line.includes('.file: '));
    const text = await runInProcess(['check', '--config', config]);
    assert.deepEqual([text.code, text.stderr], [0, '']);
    assert.deepEqual(
      aboutFiles(text.stdout.split('\n')),
      notes.map((note) => `note: ${note}`),
    );
    const json = await runInProcess(['check', '--json', '--config', config]);
    const { problems, warnings, findings } = resultSchema.parse(JSON.parse(json.stdout));
    assert.deepEqual([json.code, problems, aboutFiles(warnings), findings], [0, [], notes, []]);
  });

  it('shows the first hundred of many, and all of them as JSON', async (t) => {
    const config = join(await createPrivateFolder(t), 'app.yaml');
    const customers = Array.from(
      { length: 250 },
      (_, index) => `      - { name: c${index}, bindingId: { file: customers/${index} } }\n`,
    ).join('');
    await writeFile(
      config,
      `providers:
  - name: b2b2c
    kind: pivot-b2b2c
    grant: authorization_code
    credentials: { clientId: { env: ID }, privateKey: { env: KEY } }
    secret: payments/{customer}
    customers:
${customers}store: { region: eu-west-1 }
`,
    );
    const env = { ID: 'i', KEY: 'k' };
    const { code, stdout } = await runInProcess(['check', '--config', config], { env });
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual([code, lines.length], [0, 102]);
    assert.match(lines[1] ?? '', /^note: .*app\.yaml:2:5 providers\[0\]: /, 'of the configuration itself');
    assert.match(
      lines[100] ?? '',
      /^note: .*app\.yaml:106:\d+ providers\[0\]\.customers\[98\]\.bindingId\.file: /,
    );
    assert.equal(lines[101], '… and 151 more notes, which --json shows');
    const json = await runInProcess(['check', '--json', '--config', config], { env });
    assert.equal(resultSchema.parse(JSON.parse(json.stdout)).warnings.length, 251);
  });

  it('plan does not look at them', async (t) => {
    const config = join(await createPrivateFolder(t), 'app.yaml');
    await writeFile(config, PIVOT.replace('env: MERCHANT_ID', 'file: missing'));
    const { code, stdout, stderr } = await runInProcess(['plan', '--config', config]);
    assert.equal(code, 0);
    assert.doesNotMatch(`${stdout}${stderr}`, /missing/);
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

  it('looks at providers side by side, so that one that does not answer delays no other', async () => {
    await using world = await startProgramWorld();
    const asked = new Map<string, ServerResponse>();
    // Nobody is answered until both have been asked.
    await using server = await startLoopbackServer((request, response) => {
      asked.set(request.url ?? '', response);
      if (asked.size === 2) for (const each of asked.values()) each.writeHead(503).end();
    });
    const config = await world.copyConfig('two.yaml', {
      only: ['pik', 'pivot'],
      setProvider: {
        pik: { baseUrl: `${server.url}/pik`, timeout: '60s' },
        pivot: { baseUrl: `${server.url}/pivot`, timeout: '60s' },
      },
    });
    const { stdout } = await runInProcess(['check', '--live', '--json', '--config', config]);
    const { findings } = resultSchema.parse(JSON.parse(stdout));
    assert.deepEqual(
      findings.map(({ token, aspect }) => [token, aspect]),
      ['pik', 'pivot'].flatMap((name) => ['credentials', 'provider', 'secret'].map((each) => [name, each])),
      'in the order of the configuration',
    );
    for (const { message } of findings.filter(({ aspect }) => aspect === 'provider'))
      assert.match(message ?? '', /503/);
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
