import type { TestContext } from 'node:test';
import type { SecretText } from '../../src/core/secret-text.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
import { SECRETS } from '../../src/sandbox/kubernetes/api-resources.ts';
import { objectAt, textAt, textsAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { type ApiAnswer, KubernetesApi } from '../../src/sandbox/kubernetes/kubernetes-api.ts';
import {
  type KubernetesServer,
  startKubernetesServer,
} from '../../src/sandbox/kubernetes/kubernetes-server.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { createSeededRandom } from './seeded-random.ts';

export const NAMESPACE = 'payments';
export const ACCOUNT = 'token-refresher';

export interface RoleRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The cluster without a network, with one namespace, an administrator and an account that has no rights. */
export class ClusterBench {
  readonly clock = new FakeClock();
  readonly api: KubernetesApi;
  readonly admin: SecretText;
  readonly token: SecretText;
  /** Namespace and name of each Secret that was created or changed, in order. */
  readonly writes: string[] = [];

  constructor() {
    this.api = new KubernetesApi({
      clock: this.clock,
      random: createSeededRandom(1),
      onChange: ({ type, resource, object }) => {
        if (resource === SECRETS && type !== 'DELETED')
          this.writes.push(
            `${textAt(object, 'metadata', 'namespace')}/${textAt(object, 'metadata', 'name')}`,
          );
      },
    });
    this.api.createNamespace(NAMESPACE);
    this.admin = this.api.identities.issueAdmin();
    this.token = this.api.issueToken({ namespace: NAMESPACE, name: ACCOUNT });
  }

  /** Replaces what the account may do; rules are about Secrets unless they say otherwise. */
  grant(rules: readonly RoleRule[], namespace: string = NAMESPACE): void {
    const about = { apiGroups: [''], resources: ['secrets'] };
    const account = { namespace: NAMESPACE, name: ACCOUNT };
    this.api.grantRole(
      account,
      rules.map((rule) => ({ ...about, ...rule })),
      namespace,
    );
  }

  /** A request of the administrator, unless another token is given. */
  send(
    method: string,
    path: string,
    body?: JsonObject | string,
    { token = this.admin, ...more }: { readonly token?: SecretText; readonly contentType?: string } = {},
  ): ApiAnswer {
    return this.api.handle({
      method,
      path,
      authorization: `Bearer ${token.reveal()}`,
      userAgent: 'test/1',
      body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
      ...more,
    });
  }

  secret(name: string, namespace: string = NAMESPACE): JsonObject | undefined {
    return this.api.find(SECRETS, namespace, name);
  }

  /** What a pod that mounts the Secret finds; `undefined` when there is none. */
  secretData(name: string, namespace: string = NAMESPACE): Readonly<Record<string, string>> | undefined {
    const secret = this.secret(name, namespace);
    return (
      secret &&
      Object.fromEntries(
        Object.entries(textsAt(secret, 'data')).map(([key, text]) => [
          key,
          Buffer.from(text, 'base64').toString('utf8'),
        ]),
      )
    );
  }

  /** Somebody with kubectl. */
  putSecret(name: string, changes: JsonObject = {}, namespace: string = NAMESPACE): JsonObject {
    const { metadata, ...rest } = changes;
    return this.api.put({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      metadata: { name, namespace, ...objectAt(metadata) },
      ...rest,
    });
  }
}

export interface RunningCluster extends ClusterBench {
  readonly server: KubernetesServer;
  /** What has arrived, in order, as method and path. */
  readonly requests: readonly string[];
  /** Resolves as soon as the next request has arrived. */
  nextRequest(): Promise<void>;
  /** Resolves when no connection is open any more. */
  untilUnconnected(): Promise<void>;
}

/** {@link ClusterBench} on a free port, closed when the test ends. */
export async function startCluster(
  t: TestContext,
  options: { readonly tls?: { readonly key: string; readonly cert: string } } = {},
): Promise<RunningCluster> {
  const bench = new ClusterBench();
  const requests: string[] = [];
  let wake: (() => void) | undefined;
  const server = await startKubernetesServer({
    api: bench.api,
    clock: bench.clock,
    ...options,
    onRequest: ({ method, path }) => {
      requests.push(`${method} ${path}`);
      wake?.();
    },
  });
  t.after(() => server.stop());
  const nextRequest = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const untilUnconnected = async (): Promise<void> => {
    while (server.openConnections() > 0) await settle();
  };
  return Object.assign(bench, { server, requests, nextRequest, untilUnconnected });
}
