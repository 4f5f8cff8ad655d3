/** The sandbox's API server answers as the real one does, where there is a real one to compare it with. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { objectAt, objectsAt, textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { ACCOUNT, ClusterBench, NAMESPACE } from '../../support/kubernetes-bench.ts';
import { REAL_CLUSTER_SKIP, type RealCluster, useRealCluster } from '../../support/real-cluster.ts';

const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
const ROLES = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const OTHER_UID = '00000000-0000-4000-8000-000000000000';
const AUDIENCE = 'token-refresher';

interface Step {
  readonly method: string;
  readonly path: string;
  /** `RV` and `UID` stand for those that the last answer had. */
  readonly body?: JsonObject | string;
  readonly as?: 'admin' | 'account' | 'foreign' | 'unknown';
  readonly contentType?: string;
  /** Versions of Kubernetes word it in other ways. */
  readonly isWordedFreely?: true;
  /** It is there for what comes after it. */
  readonly isNotCompared?: true;
}

let cluster: RealCluster;
let bench: ClusterBench;
let tokens: Readonly<Record<string, { readonly real: string; readonly ours: string }>>;
let seen: { real: JsonObject; ours: JsonObject };

const get = (path: string, more: Partial<Step> = {}): Step => ({ method: 'GET', path, ...more });
const post = (path: string, body: JsonObject | string, more: Partial<Step> = {}): Step => ({
  method: 'POST',
  path,
  body,
  ...more,
});
const put = (path: string, body: JsonObject, more: Partial<Step> = {}): Step => ({
  method: 'PUT',
  path,
  body,
  ...more,
});
const remove = (path: string, body?: JsonObject): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
});

const free = { isWordedFreely: true } as const;
const secret = (name: string, more: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, ...metadata },
  ...more,
});
const lease = (name: string, spec: unknown, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, ...metadata },
  spec,
});
const rbac = (kind: string, name: string, more: JsonObject): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: { name },
  ...more,
});
const rule = (more: JsonObject): JsonObject => ({ apiGroups: [''], resources: ['secrets'], ...more });
const binding = (name: string, role = name): JsonObject =>
  rbac('RoleBinding', name, {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
  });
const review = (token: string, audiences?: readonly string[]): Step =>
  post(REVIEWS, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: `TOKEN:${token}`, ...(audiences === undefined ? {} : { audiences }) },
  });

async function sendBoth(step: Step): Promise<readonly [real: unknown, ours: unknown]> {
  const { method, path, body, as = 'admin', contentType = 'application/json', isNotCompared } = step;
  const text = typeof body === 'string' ? body : body && JSON.stringify(body);
  const fill = (side: 'real' | 'ours'): string | undefined =>
    text
      ?.replaceAll('"RV"', JSON.stringify(textAt(seen[side], 'metadata', 'resourceVersion')))
      .replaceAll('"UID"', JSON.stringify(textAt(seen[side], 'metadata', 'uid')))
      .replace(/TOKEN:(\w+)/g, (_, name: string) => tokens[name]?.[side] ?? name);
  const authorization = (side: 'real' | 'ours'): string => `Bearer ${tokens[as]?.[side] ?? as}`;
  const headers = {
    authorization: authorization('real'),
    'user-agent': 'test/1',
    'content-type': contentType,
  };
  const real = await cluster.exchange({ method, path, headers, body: fill('real') });
  const ours = bench.api.handle({
    method,
    path,
    authorization: authorization('ours'),
    userAgent: 'test/1',
    contentType,
    body: fill('ours') ?? '',
  });
  seen = { real: real.body, ours: ours.body };
  return isNotCompared === true ? [real.status, ours.status] : [normalize(step, real), normalize(step, ours)];
}

/** What no two servers have in common is replaced, what they have learnt or lost since 1.20 left out. */
function normalize(
  step: Step,
  { status, body }: { readonly status: number; readonly body: JsonObject },
): unknown {
  const { metadata, spec, ...rest } = body;
  const { creationTimestamp, managedFields, ...kept } = objectAt(metadata);
  const { message, ...others } = rest;
  const details = objectAt(others, 'details');
  // Some rules are looked at more than once, which only the list of causes shows.
  const causes = [...new Set(objectsAt(details, 'causes').map((cause) => JSON.stringify(cause)))];
  const isReview = step.path === REVIEWS;
  const text = JSON.stringify({
    status,
    ...others,
    details: step.isWordedFreely === true ? undefined : { ...details, causes },
    ...(step.isWordedFreely === true ? {} : { message }),
    spec: isReview ? undefined : spec,
    metadata: isReview ? {} : { ...kept, isDated: creationTimestamp !== undefined, managedFields },
  });
  return JSON.parse(
    text
      .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'uid')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'time')
      .replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"version"'),
  );
}

const TOPICS: Readonly<Record<string, readonly Step[]>> = {
  'Secrets that are created, read and replaced': [
    get(`${SECRETS}/a`),
    post(
      SECRETS,
      secret('a', { type: 'Opaque', data: { k: 'dg==' } }, { labels: { x: 'y' }, annotations: { a: 'b' } }),
    ),
    get(`${SECRETS}/a`),
    put(
      `${SECRETS}/a?dryRun=All`,
      secret('a', { data: { k: 'dw==' } }, { resourceVersion: 'RV', uid: 'UID' }),
    ),
    get(`${SECRETS}/a`),
    put(`${SECRETS}/a`, secret('a', { data: { k: 'dw==' } }, { resourceVersion: 'RV', uid: 'UID' })),
    put(`${SECRETS}/a`, secret('a', { data: { k: 'dw==' }, type: 'Opaque' })),
    post(SECRETS, secret('a')),
    post(`${SECRETS}?dryRun=All`, secret('a')),
    post(`${SECRETS}?dryRun=All`, secret('dry', { data: { k: 'dg==' } })),
    get(`${SECRETS}/dry`),
  ],
  'conflicts, and Secrets that are gone': [
    post(SECRETS, secret('c', { data: { k: 'dg==' } })),
    put(`${SECRETS}/c`, secret('c', {}, { resourceVersion: '1', uid: 'UID' })),
    put(`${SECRETS}/c`, secret('c', {}, { uid: OTHER_UID })),
    put(`${SECRETS}/c`, secret('c', {}, { resourceVersion: '1', uid: OTHER_UID })),
    put(`${SECRETS}/gone`, secret('gone', {}, { resourceVersion: '1', uid: OTHER_UID })),
    put(`${SECRETS}/gone`, secret('gone', {}, { resourceVersion: '1' })),
    put(`${SECRETS}/gone`, secret('gone')),
    remove(`${SECRETS}/c`, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: OTHER_UID } }),
    remove(`${SECRETS}/c?dryRun=All`),
    remove(`${SECRETS}/c`),
    remove(`${SECRETS}/c`),
  ],
  'what a Secret may hold': [
    post(SECRETS, secret('d', { data: { k: 'YR==', l: null, m: 'Y\nQ==' }, stringData: { l: 'é', n: '' } })),
    put(`${SECRETS}/d`, secret('d', { data: {}, colour: 'red' }, { colour: 'red' })),
    put(`${SECRETS}/d`, secret('d', { data: { k: 'YQ' } }), free),
    put(`${SECRETS}/d`, secret('d', { data: { k: '_-8=' } }), free),
    put(`${SECRETS}/d`, secret('d', { data: { k: 7 } }), free),
    put(`${SECRETS}/d`, secret('d', { data: 'x' }), free),
    put(`${SECRETS}/d`, secret('d', { stringData: { k: 1 } }), free),
    put(`${SECRETS}/d`, secret('d', { immutable: 'yes' }), free),
    put(`${SECRETS}/d`, secret('d', {}, { labels: { a: 1 } }), free),
    put(`${SECRETS}/d`, secret('d', {}, { annotations: { a: true } }), free),
    put(`${SECRETS}/d`, secret('d', { type: 'other' })),
    ...['bad key!', '..', '..x', 'k'.repeat(254)].map((key) =>
      put(`${SECRETS}/d`, secret('d', { data: { [key]: '' } })),
    ),
    ...['bad key', 'a/b/c', 'UP.case/x', 'x'.repeat(64), '/x', 'p/', ''].map((key) =>
      put(`${SECRETS}/d`, secret('d', {}, { labels: { [key]: 'v' } })),
    ),
    ...['bad value!', 'v'.repeat(64), '-v'].map((value) =>
      put(`${SECRETS}/d`, secret('d', {}, { labels: { x: value } })),
    ),
    put(`${SECRETS}/d`, secret('d', {}, { annotations: { 'UP.case/Name': '-' } })),
    put(`${SECRETS}/d`, secret('d', { data: { k: Buffer.alloc(1_048_577).toString('base64') } }), free),
    put(`${SECRETS}/d`, secret('d', {}, { annotations: { k: 'x'.repeat(262_144) } }), free),
    ...['Bad_Name', 'a'.repeat(254), ''].map((name) => post(SECRETS, secret(name))),
  ],
  'bodies that are none, and objects of elsewhere': [
    ...['{bad', '', '[]', '"x"'].map((body) => post(SECRETS, body, free)),
    post(SECRETS, '{}'),
    post(SECRETS, secret('e', { apiVersion: 'v2' }), free),
    post(SECRETS, secret('e', { kind: 'ConfigMap' }), free),
    post(SECRETS, secret('e', { metadata: 'x' }), free),
    post(SECRETS, secret('e', { metadata: { name: 7 } }), free),
    post(SECRETS, secret('e'), { contentType: 'text/plain' }),
    post(SECRETS, secret('e'), { contentType: 'application/json; charset=utf-8' }),
    put(`${SECRETS}/e`, secret('other')),
    put(`${SECRETS}/e`, secret('')),
    put(`${SECRETS}/e`, secret('e', {}, { namespace: 'other' })),
    post(SECRETS, secret('e', {}, { namespace: 'other' })),
    post(`${SECRETS}/e`, secret('e')),
    post('/api/v1/secrets', secret('e')),
    put(SECRETS, secret('e')),
    post('/api/v1/namespaces/none/secrets', secret('e')),
    get('/api/v1/namespaces/none/secrets/e'),
    post(`${SECRETS}?dryRun=Some`, secret('f')),
    get(`/api/v1/namespaces/${NAMESPACE}/nothing`),
    get(`${SECRETS}/e/status`),
  ],
  'immutable Secrets': [
    post(SECRETS, secret('im', { immutable: true, data: { a: 'MQ==' } })),
    put(`${SECRETS}/im`, secret('im', { immutable: true, data: { a: 'Mg==' } })),
    put(`${SECRETS}/im`, secret('im', { data: { a: 'MQ==' } })),
    put(`${SECRETS}/im`, secret('im', { data: { a: 'Mg==' } })),
    put(`${SECRETS}/im`, secret('im', { immutable: true, data: { a: 'MQ==' } }, { labels: { l: '1' } })),
    remove(`${SECRETS}/im`),
  ],
  'objects that finalizers hold back': [
    post(SECRETS, secret('fin', { data: { a: 'MQ==' } }, { finalizers: ['example.com/x'] })),
    post(SECRETS, secret('fin2', {}, { finalizers: ['x'] })),
    remove(`${SECRETS}/fin`),
    get(`${SECRETS}/fin`),
    put(`${SECRETS}/fin`, secret('fin', { data: { a: 'Mg==' } }, { finalizers: ['example.com/x'] })),
    put(`${SECRETS}/fin`, secret('fin', {}, { finalizers: ['example.com/x', 'example.com/y'] })),
    post(SECRETS, secret('fin')),
    put(`${SECRETS}/fin`, secret('fin', { data: { a: 'Mg==' } })),
    get(`${SECRETS}/fin`),
  ],
  'rights by names': [
    get(`${SECRETS}/r`, { as: 'account' }),
    get(SECRETS, { as: 'account' }),
    get('/api/v1/secrets', { as: 'account' }),
    get('/api/v1/namespaces', { as: 'account' }),
    get(`/api/v1/namespaces/${NAMESPACE}`, { as: 'account' }),
    get('/api/v1/namespaces/none/secrets/r', { as: 'account' }),
    post(
      `${ROLES}/roles`,
      rbac('Role', 'names', { rules: [rule({ verbs: ['get', 'update'], resourceNames: ['r'] })] }),
    ),
    post(`${ROLES}/rolebindings`, binding('names')),
    post(
      `${ROLES}/roles`,
      rbac('Role', 'create', { rules: [rule({ verbs: ['create'], resourceNames: ['new'] })] }),
    ),
    post(`${ROLES}/rolebindings`, binding('create')),
    post(SECRETS, secret('r', { data: { k: 'dg==' } })),
    get(`${SECRETS}/r`, { as: 'account' }),
    get(`${SECRETS}/other`, { as: 'account' }),
    put(`${SECRETS}/r`, secret('r', { data: { k: 'dw==' } }), { as: 'account' }),
    put(`${SECRETS}/r?dryRun=All`, secret('r', { data: { k: 'eA==' } }), { as: 'account' }),
    put(`${SECRETS}/other`, secret('other'), { as: 'account' }),
    post(SECRETS, secret('new'), { as: 'account' }),
    post(`${SECRETS}?dryRun=All`, secret('new'), { as: 'account' }),
    get(`${SECRETS}?fieldSelector=metadata.name%3Dr`, { as: 'account' }),
    { ...remove(`${SECRETS}/r`), as: 'account' },
    get(`${SECRETS}/r`, { as: 'foreign' }),
    get(`${SECRETS}/r`, { as: 'unknown' }),
  ],
  'roles and bindings that are none': [
    ...['verbs', 'apiGroups', 'resources'].map((field) =>
      post(`${ROLES}/roles`, rbac('Role', 'odd', { rules: [rule({ verbs: ['get'], [field]: [] })] })),
    ),
    post(`${ROLES}/roles`, rbac('Role', 'Odd:Name', { rules: [rule({ verbs: ['get'] })] })),
    put(`${ROLES}/rolebindings/names`, binding('names', 'create'), free),
  ],
  'reviews of tokens': [
    review('account'),
    review('account', [AUDIENCE]),
    review('foreign', [AUDIENCE]),
    review('foreign', [AUDIENCE, 'another', 'third']),
    review('foreign'),
    review('foreign', []),
    review('nonsense', [AUDIENCE]),
    post(REVIEWS, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {} }),
    post(
      REVIEWS,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'x' } },
      { as: 'account' },
    ),
    get(REVIEWS),
    get(`${REVIEWS}/x`),
  ],
  Leases: [
    get(`${LEASES}/l`),
    post(`${LEASES}?dryRun=All`, lease('l', {})),
    post(
      LEASES,
      lease('l', {
        holderIdentity: 'a',
        leaseDurationSeconds: 15,
        acquireTime: '2026-11-21T12:00:00.000001Z',
        renewTime: '2026-11-21T12:00:00.000001Z',
        leaseTransitions: 0,
      }),
    ),
    post(LEASES, lease('l', {})),
    put(`${LEASES}/l`, lease('l', { holderIdentity: 'b' }, { resourceVersion: '1' })),
    put(`${LEASES}/l`, lease('l', { holderIdentity: 'b' })),
    get(`${LEASES}/l`),
    put(`${LEASES}/l?dryRun=All`, lease('l', { holderIdentity: 'b' }, { resourceVersion: 'RV' })),
    ...[
      { holderIdentity: 7 },
      { renewTime: '2026-11-21T12:00:00Z' },
      { leaseDurationSeconds: 1.5 },
      { leaseDurationSeconds: '15' },
      { leaseTransitions: 2_147_483_648 },
      { leaseTransitions: -1 },
    ].flatMap((spec) => [
      get(`${LEASES}/l`),
      put(`${LEASES}/l`, lease('l', spec, { resourceVersion: 'RV' }), free),
    ]),
    get(`${LEASES}/l`),
    put(`${LEASES}/l`, lease('l', { leaseDurationSeconds: 0 }, { resourceVersion: 'RV' })),
    get(`${LEASES}/l`),
    put(`${LEASES}/l`, lease('l', { holderIdentity: '', colour: 'red' }, { resourceVersion: 'RV' })),
    put(`${LEASES}/l`, lease('l', null, { resourceVersion: 'RV' })),
    put(`${LEASES}/gone`, lease('gone', {}, { resourceVersion: '5', uid: OTHER_UID })),
    put(`${LEASES}/gone`, lease('gone', {}, { resourceVersion: '5' })),
    get(`${LEASES}/gone`),
    put(`${LEASES}/gone`, lease('gone', {})),
    put(`${LEASES}/blind`, lease('blind', {})),
  ],
  'a namespace that is being deleted': [
    post(SECRETS, secret('stay', { data: { a: 'MQ==' } })),
    { ...remove(`/api/v1/namespaces/${NAMESPACE}`), isNotCompared: true },
    post(SECRETS, secret('late')),
    post(`${SECRETS}?dryRun=All`, secret('late')),
    post(SECRETS, secret('stay')),
    put(`${SECRETS}/stay`, secret('stay', { data: { a: 'Mg==' } })),
    get(`${SECRETS}/stay`),
    post(LEASES, lease('late', {})),
  ],
};

describe('the API server of the sandbox', { skip: REAL_CLUSTER_SKIP }, () => {
  before(async () => {
    cluster = await useRealCluster();
    bench = new ClusterBench();
    seen = { real: {}, ours: {} };
    await cluster.apply('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE },
    });
    const issue = async (audiences: readonly string[] | undefined) => {
      const given = audiences === undefined ? {} : { audiences };
      return {
        real: (await cluster.issueToken(NAMESPACE, ACCOUNT, given)).reveal(),
        ours: bench.api.issueToken({ namespace: NAMESPACE, name: ACCOUNT, ...given }).reveal(),
      };
    };
    tokens = {
      admin: { real: cluster.admin.reveal(), ours: bench.admin.reveal() },
      account: await issue(undefined),
      foreign: await issue([AUDIENCE, 'another']),
    };
  });

  for (const [topic, steps] of Object.entries(TOPICS)) {
    it(`answers as the real one: ${topic}`, async () => {
      for (const [index, step] of steps.entries()) {
        const [real, ours] = await sendBoth(step);
        const body = JSON.stringify(step.body ?? '').slice(0, 200);
        assert.deepEqual(ours, real, `${index}: ${step.method} ${step.path} ${body}`);
      }
    });
  }
});
