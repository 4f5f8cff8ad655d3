/** What the API server lets the daemon do with Secrets under each rendering: everything is tried, and exactly this succeeds. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { HELM_SKIP, renderChart } from '../support/helm.ts';
import { KUBECTL_SKIP, render, renderOverlay } from '../support/kubectl.ts';
import { ClusterBench } from '../support/kubernetes-bench.ts';
import { startKubernetesStore } from '../support/kubernetes-store.ts';
import type { Manifest } from '../support/manifest.ts';

/** The daemon's, the readers', that of discovered customers, and one that is none of its business. */
const NAMESPACES = ['token-refresher', 'payments', 'shop', 'other'] as const;
/** In each namespace; the last is not there yet. */
const NAMES = ['pivot-token', 'pivot-token-state', 'database-password', 'new-token'] as const;
/** Whether there is a chain, the chart cannot know. */
const WITH_STATE = ['pivot-token', 'pivot-token-state'];
const DAEMON = { namespace: 'token-refresher', name: 'token-refresher' };

/** Method, and the path behind that of the namespace's Secrets, by verb. */
const ATTEMPTS: Readonly<Record<string, readonly [method: string, path: (name: string) => string]>> = {
  get: ['GET', (name) => `/${name}`],
  list: ['GET', () => ''],
  'list of one': ['GET', (name) => `?fieldSelector=metadata.name%3D${name}`],
  watch: ['GET', () => '?watch=1'],
  create: ['POST', () => '?dryRun=All'],
  update: ['PUT', (name) => `/${name}?dryRun=All`],
  patch: ['PATCH', (name) => `/${name}?dryRun=All`],
  delete: ['DELETE', (name) => `/${name}?dryRun=All`],
  deletecollection: ['DELETE', () => '?dryRun=All'],
};
/** Whose answer is not about a name. */
const WITHOUT_NAME = ['list', 'watch', 'create', 'deletecollection'];

function startCluster(manifests: readonly Manifest[]): ClusterBench {
  const cluster = new ClusterBench();
  for (const name of NAMESPACES) {
    cluster.api.createNamespace(name);
    for (const secret of NAMES.slice(0, -1)) cluster.putSecret(secret, {}, name);
  }
  putRoles(cluster, manifests);
  return cluster;
}

function putRoles(cluster: ClusterBench, manifests: readonly Manifest[]): void {
  for (const manifest of manifests) {
    const object: unknown = manifest;
    if (isJsonObject(object) && /^(?:Cluster)?Role(?:Binding)?$/.test(manifest.kind)) cluster.api.put(object);
  }
}

/** Every verb on every Secret of every namespace, as the daemon. @returns what was not refused */
function tryAll(manifests: readonly Manifest[]): readonly string[] {
  const cluster = startCluster(manifests);
  const token = cluster.api.issueToken(DAEMON);
  const isAllowed = (method: string, path: string, body: JsonObject): boolean => {
    const { status } = cluster.send(method, path, body, {
      token,
      ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
    });
    assert.notEqual(status, 401);
    return status !== 403;
  };
  const allowed = NAMESPACES.flatMap((namespace) =>
    Object.entries(ATTEMPTS).flatMap(([verb, [method, pathOf]]) =>
      (WITHOUT_NAME.includes(verb) ? ['*'] : NAMES).flatMap((name) => {
        const path = `/api/v1/namespaces/${namespace}/secrets${pathOf(name)}`;
        const body = { metadata: { name: name === '*' ? 'new-token' : name } };
        return isAllowed(method, path, body) ? [`${verb} ${namespace}/${name}`] : [];
      }),
    ),
  );
  for (const verb of ['', '?watch=1'])
    if (isAllowed('GET', `/api/v1/secrets${verb}`, {})) allowed.push(`list all${verb}`);
  return allowed;
}

const PROVIDER = {
  name: 'pivot',
  kind: 'apimw',
  credentials: { apiKey: { env: 'A' }, apiSecret: { env: 'B' } },
  secret: 'pivot-token',
};
const DISCOVERED = {
  ...PROVIDER,
  name: 'shops',
  secret: 'shop/{customer}',
  customers: { discover: { tag: 'app=shop' } },
  places: { to: 'aws', mirrors: ['shops'] },
};
const byHelm = (config: JsonObject): readonly Manifest[] =>
  renderChart({
    values: {
      config: { coordination: { kind: 'kubernetes' }, providers: [PROVIDER], ...config },
      networkPolicy: { rejectionsFrom: [{ podSelector: {} }] },
    },
  });
const POD_PLACE = { kind: 'kubernetes-secret' };

const getAndUpdate = (namespace: string, names: readonly string[] = ['pivot-token']): readonly string[] =>
  ['get', 'update'].flatMap((verb) => names.map((name) => `${verb} ${namespace}/${name}`));

describe('the daemon and Secrets', { skip: HELM_SKIP === false ? KUBECTL_SKIP : HELM_SKIP }, () => {
  const overlay =
    (...components: readonly string[]) =>
    async (t: TestContext) =>
      (await renderOverlay(t, components, { namespace: 'token-refresher' })).manifests;

  for (const [what, rendered, expected] of [
    ['kustomize: overlays/example', () => render('k8s/overlays/example').manifests, []],
    [
      'kustomize: components/kubernetes-secrets',
      overlay('kubernetes-secrets'),
      getAndUpdate('token-refresher'),
    ],
    [
      'kustomize: components/kubernetes-secrets-create',
      overlay('kubernetes-secrets-create'),
      ['create token-refresher/*'],
    ],
    [
      'kustomize: components/kubernetes-secrets-any-name',
      overlay('kubernetes-secrets-any-name'),
      getAndUpdate('token-refresher', NAMES),
    ],
    [
      'kustomize: overlays/reader-namespace',
      () => render('k8s/overlays/reader-namespace').manifests,
      getAndUpdate('payments'),
    ],
    ['kustomize: components/rejections', overlay('rejections'), []],
    ['Helm: Secrets Manager', () => byHelm({}), []],
    ['Helm: a place', () => byHelm({ store: POD_PLACE }), getAndUpdate('token-refresher', WITH_STATE)],
    [
      'Helm: a place in another namespace, where Secrets are made',
      () => byHelm({ store: { ...POD_PLACE, namespace: 'payments', createSecrets: true } }),
      [
        'get payments/pivot-token',
        'get payments/pivot-token-state',
        'create payments/*',
        'update payments/pivot-token',
        'update payments/pivot-token-state',
      ],
    ],
    [
      'Helm: a mirror in the namespace of the readers, and discovered customers in one of their own',
      () =>
        byHelm({
          stores: {
            aws: { kind: 'aws-secrets-manager' },
            pods: { ...POD_PLACE, namespace: 'payments' },
            shops: { ...POD_PLACE, namespace: 'shop' },
          },
          publish: { to: 'aws', mirrors: ['pods'] },
          providers: [PROVIDER, DISCOVERED],
        }),
      [...getAndUpdate('payments'), ...getAndUpdate('shop', NAMES)],
    ],
    [
      'Helm: reports of refused tokens',
      () => byHelm({ rejections: { allow: [{ serviceAccount: 'payments/billing', tokens: ['pivot'] }] } }),
      [],
    ],
  ] as const) {
    it(`may do exactly this: ${what}`, async (t) => {
      assert.deepEqual(tryAll(await rendered(t)), expected);
    });
  }

  it('publish with the rendered Role what is theirs, make what is new, and are told what is missing', async (t) => {
    const cluster = await startKubernetesStore(t);
    for (const name of ['token-refresher', 'other']) cluster.api.createNamespace(name);
    putRoles(cluster, byHelm({ store: { ...POD_PLACE, namespace: 'payments', createSecrets: true } }));
    await writeFile(cluster.tokenFile, cluster.api.issueToken(DAEMON).reveal());
    const publish = async (secretName: string, expectedVersion?: string) => {
      const requestToken = `${secretName}-${expectedVersion ?? 'first'}`;
      const text = new SecretText('{"made":"up"}');
      return cluster.store.publish({ secretName, text, requestToken, expectedVersion }, t.signal);
    };
    for (const secretName of ['pivot-token', 'pivot-token-state']) {
      const made = await publish(secretName);
      assert.ok(made.ok, JSON.stringify(made));
      const replaced = await publish(secretName, made.value.version);
      assert.ok(replaced.ok, JSON.stringify(replaced));
    }
    for (const secretName of ['token-refresher/pivot-token', 'other/pivot-token', 'database-password']) {
      const refused = await publish(secretName);
      assert.ok(!refused.ok);
      assert.equal(refused.failure.code, 'store-denied');
      assert.match(refused.failure.message, /get/);
    }
    assert.deepEqual([...new Set(cluster.writes)], ['payments/pivot-token', 'payments/pivot-token-state']);
  });

  it('ask whose a token is where readers report, and nothing else about anybody', async (t) => {
    for (const [manifests, isAllowed] of [
      [await overlay('rejections')(t), true],
      [byHelm({ rejections: { allow: [{ serviceAccount: 'payments/billing', tokens: ['pivot'] }] } }), true],
      [byHelm({ rejections: { bearer: { env: 'REPORTS' } } }), false],
      [render('k8s/overlays/example').manifests, false],
    ] as const) {
      const cluster = startCluster(manifests);
      const token = cluster.api.issueToken(DAEMON);
      const reader = cluster.api.issueToken({
        namespace: 'payments',
        name: 'billing',
        audiences: ['token-refresher'],
      });
      const review = (group: string, plural: string, spec: JsonObject) =>
        cluster.send('POST', `/apis/${group}/v1/${plural}`, { spec }, { token });
      const asked = review('authentication.k8s.io', 'tokenreviews', {
        token: reader.reveal(),
        audiences: ['token-refresher'],
      });
      assert.equal(asked.status, isAllowed ? 201 : 403);
      const { status } = review('authorization.k8s.io', 'subjectaccessreviews', {
        user: 'system:serviceaccount:payments:billing',
        resourceAttributes: { verb: 'get', resource: 'secrets' },
      });
      assert.equal(status, 403);
    }
  });

  it('are tried well: an administrator may do all of it', () => {
    const rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    const metadata = { name: 'all', labels: {} };
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const admin: readonly Manifest[] = [
      { apiVersion, kind: 'ClusterRole', metadata, rules: [rule] },
      {
        apiVersion,
        kind: 'ClusterRoleBinding',
        metadata,
        roleRef: { kind: 'ClusterRole', name: 'all' },
        subjects: [{ kind: 'ServiceAccount', ...DAEMON }],
      },
    ];
    const named = Object.keys(ATTEMPTS).length - WITHOUT_NAME.length;
    const perNamespace = named * NAMES.length + WITHOUT_NAME.length;
    assert.equal(tryAll(admin).length, NAMESPACES.length * perNamespace + 2);
  });
});
