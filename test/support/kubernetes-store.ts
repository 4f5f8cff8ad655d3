import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import { ApiClient } from '../../src/adapters/kubernetes/api-client.ts';
import {
  KubernetesSecretStore,
  type StoreOptions,
} from '../../src/adapters/kubernetes-secret/kubernetes-secret-store.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { TokenStore } from '../../src/core/ports.ts';
import { FakeClock } from './fake-clock.ts';
import { NAMESPACE, type RunningCluster, startCluster } from './kubernetes-bench.ts';
import { createPrivateFolder } from './private-folder.ts';

export const STORE_TIMEOUT_MS = 10_000;

export interface KubernetesStoreBench extends RunningCluster {
  /** The store's clock, for its deadlines; that of the API server is `clock`. */
  readonly storeClock: FakeClock;
  /** Creates Secrets; nothing to adopt, no labels. */
  readonly store: TokenStore;
  readonly tokenFile: string;
  /** Another store over the same Secrets, with a client of its own. */
  createStore(changes?: Partial<StoreOptions>): TokenStore;
}

/** The adapter over real HTTP against the API server of the tests, as an account that may do what a Role allows. */
export async function startKubernetesStore(t: TestContext): Promise<KubernetesStoreBench> {
  const cluster = await startCluster(t);
  cluster.grant([{ verbs: ['get', 'create', 'update'] }]);
  const storeClock = new FakeClock();
  const tokenFile = join(await createPrivateFolder(t), 'token');
  await writeFile(tokenFile, `${cluster.token.reveal()}\n`);
  const createStore = (changes: Partial<StoreOptions> = {}): TokenStore => {
    const api = new ApiClient({
      apiServer: { url: cluster.server.url, caFile: undefined, tokenFile },
      namespace: { name: NAMESPACE },
      clock: storeClock,
      // Of real time: a deadline that a test lets pass is the call's, not a file's.
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
      ...changes,
    });
  };
  return Object.assign(cluster, { storeClock, tokenFile, store: createStore(), createStore });
}
