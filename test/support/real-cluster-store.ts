import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import { ApiClient } from '../../src/adapters/kubernetes/api-client.ts';
import { KubernetesSecretStore } from '../../src/adapters/kubernetes-secret/kubernetes-secret-store.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { TokenStore } from '../../src/core/ports.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { listenOnLoopback } from '../../src/sandbox/listen.ts';
import { FakeClock } from './fake-clock.ts';
import { ACCOUNT, NAMESPACE } from './kubernetes-bench.ts';
import { STORE_TIMEOUT_MS } from './kubernetes-store.ts';
import { createPrivateFolder } from './private-folder.ts';
import { type RealCluster, useRealCluster } from './real-cluster.ts';
import type { StoreBench } from './store-bench.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** The adapter against a real API server, as an account that may do what a Role allows, through {@link startProxy}. */
export async function startRealStore(t: TestContext): Promise<StoreBench> {
  const cluster = await useRealCluster();
  await prepareNamespace(cluster);
  const proxy = await startProxy(t, cluster);
  const storeClock = new FakeClock();
  const tokenFile = join(await createPrivateFolder(t), 'token');
  await writeFile(tokenFile, (await cluster.issueToken(NAMESPACE, ACCOUNT)).reveal());
  const createStore = (): TokenStore => {
    const api = new ApiClient({
      apiServer: { url: proxy.url, caFile: undefined, tokenFile },
      namespace: { name: NAMESPACE },
      clock: storeClock,
      files: new FileLanes(createSystemClock()),
    });
    t.after(() => api.close());
    return new KubernetesSecretStore({
      api,
      clock: storeClock,
      timeoutMs: STORE_TIMEOUT_MS,
      createSecrets: true,
      adopt: new Set(),
      labels: {},
      annotations: {},
      section: 'store',
    });
  };
  return {
    store: createStore(),
    rival: createStore(),
    countVersions: (secretName) => proxy.writes.filter((written) => written === secretName).length,
    loseAnswer: (method) => proxy.loseAnswer(method),
    pausePublish: () => proxy.holdNext('PUT'),
    fallSilent: () => proxy.fallSilent(),
    passDeadline: async () => {
      await proxy.silenced();
      await storeClock.advance(STORE_TIMEOUT_MS);
    },
    recover: () => proxy.recover(),
  };
}

/** One namespace without Secrets, where the account may get, create and update them. */
async function prepareNamespace({ apply }: RealCluster): Promise<void> {
  const named = { metadata: { name: NAMESPACE } };
  await apply('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', ...named });
  const metadata = { name: ACCOUNT };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create', 'update'] }];
  await apply('POST', `${RBAC}/namespaces/${NAMESPACE}/roles`, { apiVersion, kind: 'Role', metadata, rules });
  await apply('POST', `${RBAC}/namespaces/${NAMESPACE}/rolebindings`, {
    apiVersion,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
  });
  await apply('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets`);
}

interface Proxy {
  readonly url: string;
  /** Namespace and name of each Secret that was created or changed, in order. */
  readonly writes: readonly string[];
  /** The next request of that method is carried out, and its answer does not arrive. */
  loseAnswer(method: string): void;
  /** Stops the next request of that method before it reaches the server. */
  holdNext(method: string): { reached(): Promise<void>; goOn(): Promise<void> };
  fallSilent(): void;
  /** Resolves when a request has come to nothing since {@link Proxy.fallSilent}. */
  silenced(): Promise<void>;
  recover(): void;
}

/** What can go wrong on the way to a server that itself does as it likes. */
async function startProxy(t: TestContext, cluster: RealCluster): Promise<Proxy> {
  const writes: string[] = [];
  let lost: string | undefined;
  let held:
    | {
        readonly method: string;
        readonly reach: () => void;
        readonly release: Promise<void>;
        readonly done: () => void;
      }
    | undefined;
  let silence: PromiseWithResolvers<void> | undefined;

  const server = createServer(async (request, response) => {
    const { method = '', url: path = '' } = request;
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    if (silence !== undefined) return silence.resolve();
    const hold = held?.method === method ? held : undefined;
    if (hold !== undefined) {
      held = undefined;
      hold.reach();
      await hold.release;
    }
    const isLost = lost === method;
    if (isLost) lost = undefined;
    const headers = Object.fromEntries(
      ['authorization', 'content-type', 'user-agent', 'accept'].flatMap((name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? [[name, value]] : [];
      }),
    );
    const answer = await cluster.exchange({ method, path, headers, body: body === '' ? undefined : body });
    if (answer.status < 300 && (method === 'POST' || method === 'PUT') && !path.includes('dryRun')) {
      const written = parseJson(body);
      writes.push(`${textAt(written, 'metadata', 'namespace')}/${textAt(written, 'metadata', 'name')}`);
    }
    hold?.done();
    if (isLost) return request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(answer.body));
  });
  const port = await listenOnLoopback(server);
  t.after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  return {
    url: `http://127.0.0.1:${port}`,
    writes,
    loseAnswer: (method) => {
      lost = method;
    },
    holdNext: (method) => {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const done = Promise.withResolvers<void>();
      held = { method, reach: reached.resolve, release: released.promise, done: done.resolve };
      return {
        reached: () => reached.promise,
        goOn: () => {
          released.resolve();
          return done.promise;
        },
      };
    },
    fallSilent: () => {
      silence = Promise.withResolvers<void>();
    },
    silenced: async () => silence?.promise,
    recover: () => {
      silence = undefined;
    },
  };
}
