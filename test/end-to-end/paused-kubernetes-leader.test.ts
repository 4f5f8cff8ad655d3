/** Two replicas as real processes on Secrets of Kubernetes: the leader stands still over its write, and goes on late. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { OWNER_LABEL } from '../../src/adapters/kubernetes-secret/secret-object.ts';
import { startKubernetesServer } from '../../src/sandbox/kubernetes/kubernetes-server.ts';
import { listenOnLoopback } from '../../src/sandbox/listen.ts';
import { settle } from '../support/fake-clock.ts';
import { ClusterBench, NAMESPACE } from '../support/kubernetes-bench.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { ProgramProcess } from '../support/program-process.ts';

const SECRET = 'acme';
const HELD_MS = 1_000;
const REPLICAS = ['one', 'two'] as const;
type Replica = (typeof REPLICAS)[number];

/** Hands out a token that says whose call it was: each replica has a client id of its own. */
async function startProvider(t: TestContext) {
  const callers: Replica[] = [];
  const server = createServer((request, response) => {
    const [, credentials = ''] = (request.headers.authorization ?? '').split(' ');
    const [clientId] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
    const caller = REPLICAS.find((name) => name === clientId) ?? 'one';
    callers.push(caller);
    response.setHeader('content-type', 'application/json');
    const token = { access_token: `${caller}-${callers.length}`, token_type: 'Bearer', expires_in: 3600 };
    response.end(JSON.stringify(token));
  });
  const port = await listenOnLoopback(server);
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { callers, tokenUrl: `http://127.0.0.1:${port}/token` };
}

/** The API server: the next write of the Secret waits there until time is moved. */
async function startHoldingCluster(t: TestContext) {
  const cluster = new ClusterBench();
  cluster.grant([
    { verbs: ['get', 'update'], resources: ['secrets'] },
    {
      verbs: ['get', 'create', 'update', 'patch'],
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
    },
  ]);
  // Of a former run: what is written to it names a resourceVersion.
  cluster.putSecret(SECRET, { metadata: { labels: { [OWNER_LABEL]: 'token-refresher' } } });
  const held = Promise.withResolvers<void>();
  const answers: string[] = [];
  const server = await startKubernetesServer({
    api: cluster.api,
    clock: cluster.clock,
    onRequest: ({ method, path }) => {
      if (method === 'PUT' && path.includes('/secrets/')) held.resolve();
    },
    onAnswer: ({ method, path }, status) => {
      if (method === 'PUT' && path.includes('/secrets/')) answers.push(String(status));
    },
  });
  t.after(() => server.stop());
  server.setFaults([
    { kind: 'latency', delayMs: HELD_MS, methods: ['PUT'], resources: ['secrets'], times: 1 },
  ]);
  return { cluster, server, answers, held: held.promise };
}

describe('two processes on Secrets of Kubernetes', { timeout: 600_000 }, () => {
  it('Never worse: the late write of a leader that stood still is refused', async (t) => {
    const { cluster, server, answers, held } = await startHoldingCluster(t);
    const { callers, tokenUrl } = await startProvider(t);
    const folder = await createPrivateFolder(t);
    await writeFile(join(folder, 'token'), cluster.token.reveal());
    const apiServer = `{ url: "${server.url}", tokenFile: token }`;
    const config = join(folder, 'config.yaml');
    await writeFile(
      config,
      `store: { kind: kubernetes-secret, namespace: ${NAMESPACE}, timeout: 60s, apiServer: ${apiServer} }
coordination: { kind: kubernetes, namespace: ${NAMESPACE}, leaseDuration: 9s, renewDeadline: 6s, retryPeriod: 1s, apiServer: ${apiServer} }
http: { port: 0 }
providers:
  - name: acme
    kind: oauth2
    tokenUrl: ${tokenUrl}
    lifetime: 1h
    credentials: { clientId: { env: CLIENT_ID }, clientSecret: { env: CLIENT_SECRET } }
    secret: ${SECRET}
`,
    );
    await using stack = new AsyncDisposableStack();
    const start = (name: Replica): ProgramProcess =>
      stack.use(
        new ProgramProcess(['run', '--config', config], {
          signal: t.signal,
          env: { CLIENT_ID: name, CLIENT_SECRET: 'secret', HOSTNAME: name, POD_NAME: name },
        }),
      );
    const replicas = { one: start('one'), two: start('two') };

    await held;
    // Whoever has fetched last is the one that writes.
    const paused = callers.at(-1) ?? 'one';
    const awake: Replica = paused === 'one' ? 'two' : 'one';
    replicas[paused].send('SIGSTOP');
    await replicas[awake].output.untilLines('token-refreshed', 1);
    const published = cluster.secretData(SECRET);
    assert.match(published?.['access_token'] ?? '', new RegExp(`^${awake}-`));
    assert.deepEqual(answers, ['200'], 'the write of the one that stands still is on its way');

    await cluster.clock.advance(HELD_MS);
    while (answers.length < 2) await settle();
    assert.deepEqual(answers, ['200', '409']);
    replicas[paused].send('SIGCONT');
    await replicas[paused].output.untilLines('leadership-lost', 1);
    assert.deepEqual(cluster.secretData(SECRET), published);
    assert.equal(replicas[paused].output.linesOf('token-refreshed').length, 0);
  });
});
