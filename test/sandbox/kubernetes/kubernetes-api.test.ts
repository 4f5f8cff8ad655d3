import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { NAMESPACES, SECRETS } from '../../../src/sandbox/kubernetes/api-resources.ts';
import { objectAt, objectsAt, textAt, valueAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { ACCOUNT, ClusterBench, NAMESPACE } from '../../support/kubernetes-bench.ts';

const SECRETS_PATH = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const PIK_PATH = `${SECRETS_PATH}/pik`;
const USER = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (changes: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pik', namespace: NAMESPACE, ...metadata },
  ...changes,
});

let bench: ClusterBench;
beforeEach(() => {
  bench = new ClusterBench();
});

/** Status, reason and message of a refusal. */
function refusalOf(answer: { readonly status: number; readonly body: JsonObject }): readonly unknown[] {
  const { status, body } = answer;
  assert.deepEqual([body['kind'], body['status'], body['code']], ['Status', 'Failure', status]);
  return [status, body['reason'], body['message']];
}

describe('Secrets', () => {
  it('are created with what the server adds, and read back', () => {
    const { status, body } = bench.send(
      'POST',
      SECRETS_PATH,
      secret({ stringData: { a: 'é' }, data: { b: 'eA==' } }),
    );
    assert.equal(status, 201);
    assert.deepEqual(body['data'], { a: base64('é'), b: 'eA==' });
    assert.equal(body['stringData'], undefined);
    assert.equal(body['type'], 'Opaque');
    const { uid, creationTimestamp, resourceVersion, managedFields } = objectAt(body, 'metadata');
    assert.match(String(uid), /^[0-9a-f-]{36}$/);
    assert.match(String(creationTimestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(String(resourceVersion), /^\d+$/);
    assert.deepEqual(managedFields, [
      {
        manager: 'test',
        operation: 'Update',
        apiVersion: 'v1',
        time: creationTimestamp,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} }, 'f:type': {} },
      },
    ]);
    assert.deepEqual(bench.send('GET', PIK_PATH), { status: 200, body });
  });

  it('know who wrote which field last', () => {
    bench.putSecret('pik', { data: { a: 'eA==', b: 'eA==' } });
    bench.send('PUT', PIK_PATH, secret({ data: { a: 'eQ==', b: 'eA==' } }));
    const managers = objectsAt(bench.secret('pik'), 'metadata', 'managedFields');
    assert.deepEqual(
      managers.map((entry) => [entry['manager'], entry['fieldsV1']]),
      [
        ['kubectl', { 'f:data': { '.': {}, 'f:b': {} }, 'f:type': {} }],
        ['test', { 'f:data': { 'f:a': {} } }],
      ],
    );
  });

  it('are replaced over the version that was read, and over no other', () => {
    const before = bench.putSecret('pik');
    const { resourceVersion, uid } = objectAt(before, 'metadata');
    const changed = bench.send('PUT', PIK_PATH, secret({ data: { a: 'eA==' } }, { resourceVersion, uid }));
    assert.equal(changed.status, 200);
    assert.equal(textAt(changed.body, 'metadata', 'uid'), uid);
    assert.notEqual(textAt(changed.body, 'metadata', 'resourceVersion'), resourceVersion);
    const late = bench.send('PUT', PIK_PATH, secret({ data: { a: 'eQ==' } }, { resourceVersion }));
    assert.deepEqual(refusalOf(late), [
      409,
      'Conflict',
      'Operation cannot be fulfilled on secrets "pik": the object has been modified; please apply your changes to the ' +
        'latest version and try again',
    ]);
    const other = bench.send('PUT', PIK_PATH, secret({}, { uid: 'another' }));
    assert.equal(other.status, 409);
    assert.match(String(other.body['message']), /Precondition failed: UID in precondition: another/);
    assert.deepEqual(valueAt(bench.secret('pik'), 'data'), { a: 'eA==' });
  });

  it('that are gone conflict with a write that names the uid, and are not found by others', () => {
    const gone = bench.send('PUT', PIK_PATH, secret({}, { uid: 'former', resourceVersion: '7' }));
    assert.deepEqual(refusalOf(gone).slice(0, 2), [409, 'Conflict']);
    assert.match(String(gone.body['message']), /UID in precondition: former, UID in object meta: $/);
    assert.equal(bench.send('PUT', PIK_PATH, secret({}, { resourceVersion: '7' })).status, 404);
  });

  it('lose fields that no Secret has, and keep a key without bytes', () => {
    const sent = secret({ data: { a: null, b: 'YR==' }, spec: {} }, { colour: 'red' });
    const { body } = bench.send('POST', SECRETS_PATH, sent);
    assert.deepEqual(body['data'], { a: '', b: 'YQ==' });
    assert.deepEqual([body['spec'], valueAt(body, 'metadata', 'colour')], [undefined, undefined]);
  });

  it('keep their version when nothing changes', () => {
    const before = bench.putSecret('pik', { data: { a: 'eA==', b: 'eQ==' } });
    const same = bench.send('PUT', PIK_PATH, secret({ type: 'Opaque', data: { b: 'eQ==', a: 'eA==' } }));
    assert.equal(
      textAt(same.body, 'metadata', 'resourceVersion'),
      textAt(before, 'metadata', 'resourceVersion'),
    );
  });

  it('are not created twice, nor in a dry run', () => {
    const rehearsed = bench.send('POST', `${SECRETS_PATH}?dryRun=All`, secret());
    assert.equal(rehearsed.status, 201);
    assert.equal(valueAt(rehearsed.body, 'metadata', 'resourceVersion'), undefined, 'nothing is kept');
    assert.equal(bench.send('POST', `${SECRETS_PATH}?dryRun=Some`, secret()).status, 422);
    assert.equal(bench.secret('pik'), undefined);
    bench.send('POST', SECRETS_PATH, secret());
    assert.deepEqual(refusalOf(bench.send('POST', SECRETS_PATH, secret())), [
      409,
      'AlreadyExists',
      'secrets "pik" already exists',
    ]);
  });

  it('that are immutable cannot be changed, but deleted', () => {
    bench.putSecret('pik', { immutable: true, data: { a: 'eA==' } });
    const changed = bench.send('PUT', PIK_PATH, secret({ immutable: true, data: { a: 'eQ==' } }));
    assert.deepEqual(refusalOf(changed), [
      422,
      'Invalid',
      'Secret "pik" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    ]);
    assert.equal(bench.send('PUT', PIK_PATH, secret({ data: { a: 'eA==' } })).status, 422);
    assert.equal(bench.send('DELETE', PIK_PATH).status, 200);
    assert.equal(bench.secret('pik'), undefined);
  });

  it('hold 1 MiB, decoded', () => {
    const text = (bytes: number): string => Buffer.alloc(bytes, 'x').toString('base64');
    assert.equal(bench.send('POST', SECRETS_PATH, secret({ data: { a: text(1_048_576) } })).status, 201);
    const more = bench.send('PUT', PIK_PATH, secret({ data: { a: text(1_048_576), b: text(1) } }));
    assert.deepEqual(refusalOf(more), [
      422,
      'Invalid',
      'Secret "pik" is invalid: data: Too long: may not be more than 1048576 bytes',
    ]);
  });

  for (const [what, sent, status, message] of [
    ['another name than the path', secret({}, { name: 'other' }), 400, /does not match the name on the URL/],
    [
      'another namespace',
      secret({}, { namespace: 'other' }),
      400,
      /namespace of the object \(other\) does not match/,
    ],
    ['data that are no base64', secret({ data: { a: '???' } }), 400, /illegal base64 data/],
    [
      'another type',
      secret({ type: 'kubernetes.io/tls' }),
      422,
      /type: Invalid value: "kubernetes.io\/tls": field is immutable/,
    ],
    ['a key that is no name of a file', secret({ data: { 'a b': '' } }), 422, /data\[a b\]: Invalid value/],
    [
      'a label that is none',
      secret({}, { labels: { a: 'b c' } }),
      422,
      /metadata.labels: Invalid value: "b c"/,
    ],
    [
      'too many annotations',
      secret({}, { annotations: { a: 'x'.repeat(262_144) } }),
      422,
      /metadata.annotations: Too long/,
    ],
    ['another kind', { ...secret(), kind: 'Lease' }, 400, /must be of type Secret/],
    ['another version of the API', { ...secret(), apiVersion: 'v2' }, 400, /apiVersion/],
    ['a label that is no text', secret({}, { labels: { a: 1 } }), 400, /Secret.metadata.labels.a$/],
    ['data that are no map', secret({ data: 'x' }), 400, /Secret.data$/],
    ['a key that leaves its folder', secret({ data: { '..x': '' } }), 422, /must not start with '..'/],
    [
      'a finalizer of nobody',
      secret({}, { finalizers: ['x'] }),
      422,
      /metadata.finalizers\[0\]: Invalid value/,
    ],
    ['no object', 'null', 400, /unrecognized/],
  ] as const) {
    it(`are not replaced by ${what}`, () => {
      bench.putSecret('pik');
      const answer = bench.send('PUT', PIK_PATH, sent);
      assert.equal(refusalOf(answer)[0], status);
      assert.match(String(answer.body['message']), message);
      assert.equal(valueAt(bench.secret('pik'), 'data'), undefined);
    });
  }

  for (const [name, status] of [
    ['a.b-1', 201],
    ['Pik', 422],
    ['', 422],
    ['x'.repeat(254), 422],
  ] as const) {
    it(`with the name "${name.slice(0, 10)}" (${name.length}) are answered ${status}`, () => {
      assert.equal(bench.send('POST', SECRETS_PATH, secret({}, { name })).status, status);
    });
  }

  it('are not created where the namespace is missing or being deleted', () => {
    const missing = bench.send(
      'POST',
      '/api/v1/namespaces/other/secrets',
      secret({}, { namespace: 'other' }),
    );
    assert.deepEqual(refusalOf(missing), [404, 'NotFound', 'namespaces "other" not found']);
    bench.putSecret('old');
    bench.send('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    assert.equal(textAt(bench.api.find(NAMESPACES, '', NAMESPACE), 'status', 'phase'), 'Terminating');
    const ending = bench.send('POST', SECRETS_PATH, secret());
    assert.deepEqual(refusalOf(ending), [
      403,
      'Forbidden',
      `secrets "pik" is forbidden: unable to create new content in namespace ${NAMESPACE} because it is being terminated`,
    ]);
    assert.equal(textAt(objectsAt(ending.body, 'details', 'causes')[0], 'reason'), 'NamespaceTerminating');
    assert.equal(bench.send('PUT', `${SECRETS_PATH}/old`, secret({}, { name: 'old' })).status, 200);
  });

  it('with a finalizer are there until it is gone', () => {
    bench.putSecret('pik', { metadata: { finalizers: ['example.org/hold'] } });
    bench.send('DELETE', PIK_PATH);
    assert.notEqual(textAt(bench.secret('pik'), 'metadata', 'deletionTimestamp'), '');
    assert.match(
      String(bench.send('POST', SECRETS_PATH, secret()).body['message']),
      /^object is being deleted: /,
    );
    const more = secret({}, { finalizers: ['example.org/hold', 'example.org/more'] });
    assert.equal(bench.send('PUT', PIK_PATH, more).status, 422);
    bench.send('PUT', PIK_PATH, secret());
    assert.equal(bench.secret('pik'), undefined);
  });

  it('are listed by label and in pages, until the version of the list is gone', () => {
    for (const name of ['a', 'b', 'c']) bench.putSecret(name, { metadata: { labels: { ours: 'yes' } } });
    bench.putSecret('theirs');
    const page = bench.send('GET', `${SECRETS_PATH}?labelSelector=ours%3Dyes&limit=2`);
    const names = (list: JsonObject): readonly string[] =>
      objectsAt(list, 'items').map((item) => textAt(item, 'metadata', 'name'));
    assert.deepEqual(names(page.body), ['a', 'b']);
    for (const [selector, found] of [
      ['ours', 3],
      ['!ours', 1],
      ['ours!=yes', 1],
      ['ours in (yes, no)', 3],
      ['ours notin (yes),ours', 0],
    ] as const) {
      const { body } = bench.send('GET', `${SECRETS_PATH}?labelSelector=${encodeURIComponent(selector)}`);
      assert.equal(names(body).length, found, selector);
    }
    assert.equal(bench.send('GET', `${SECRETS_PATH}?labelSelector=a%20b`).status, 400);
    assert.equal(bench.send('GET', `${SECRETS_PATH}?fieldSelector=metadata.uid%3Da`).status, 400);
    const next = `${SECRETS_PATH}?labelSelector=ours%3Dyes&limit=2&continue=${textAt(page.body, 'metadata', 'continue')}`;
    assert.deepEqual(names(bench.send('GET', next).body), ['c']);
    bench.api.compact();
    assert.deepEqual(refusalOf(bench.send('GET', next)).slice(0, 2), [410, 'Expired']);
  });
});

describe('rights', () => {
  const get = (path: string) => bench.send('GET', path, undefined, { token: bench.token });

  for (const [what, authorization] of [
    ['no token', undefined],
    ['an unknown token', 'Bearer other'],
    ['another scheme', 'Basic dTpw'],
  ] as const) {
    it(`are none for ${what}`, () => {
      const answer = bench.api.handle({ method: 'GET', path: PIK_PATH, authorization, body: '' });
      assert.deepEqual(refusalOf(answer), [401, 'Unauthorized', 'Unauthorized']);
    });
  }

  it('end with the token, its account and its time', () => {
    bench.grant([{ verbs: ['get'] }]);
    const expiresAtMs = bench.clock.now() + 1000;
    const short = bench.api.issueToken({ namespace: NAMESPACE, name: ACCOUNT, expiresAtMs });
    const foreign = bench.api.issueToken({ namespace: NAMESPACE, name: ACCOUNT, audiences: ['vault'] });
    const status = (token = bench.token): number => bench.send('GET', PIK_PATH, {}, { token }).status;
    assert.deepEqual([status(), status(short), status(foreign)], [404, 404, 401]);
    bench.clock.jumpWallTime(1000);
    assert.equal(status(short), 401);
    bench.send('DELETE', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${ACCOUNT}`);
    assert.equal(status(), 401);
  });

  it('are those of the roles: names limit everything but create and list', () => {
    bench.putSecret('pik');
    bench.putSecret('other');
    bench.grant([
      { verbs: ['get', 'update', 'list'], resourceNames: ['pik'] },
      { verbs: ['create'], resourceNames: ['new'] },
    ]);
    assert.equal(get(PIK_PATH).status, 200);
    assert.deepEqual(refusalOf(get(`${SECRETS_PATH}/other`)), [
      403,
      'Forbidden',
      `secrets "other" is forbidden: User "${USER}" cannot get resource "secrets" in API group "" in the namespace "${NAMESPACE}"`,
    ]);
    assert.equal(get(`${SECRETS_PATH}?fieldSelector=metadata.name%3Dpik`).status, 200);
    assert.equal(get(SECRETS_PATH).status, 403);
    assert.equal(get(`${SECRETS_PATH}?watch=true`).status, 403);
    const created = bench.send('POST', SECRETS_PATH, secret({}, { name: 'new' }), { token: bench.token });
    assert.deepEqual(refusalOf(created), [
      403,
      'Forbidden',
      `secrets is forbidden: User "${USER}" cannot create resource "secrets" in API group "" in the namespace "${NAMESPACE}"`,
    ]);
    assert.equal(get('/api/v1/namespaces/other/secrets/pik').status, 403);
  });

  for (const [what, subject, roleKind, bindingKind, expected] of [
    ['a group', { kind: 'Group', name: `system:serviceaccounts:${NAMESPACE}` }, 'Role', 'RoleBinding', 200],
    ['a user', { kind: 'User', name: USER }, 'ClusterRole', 'RoleBinding', 200],
    [
      'an account of the cluster',
      { kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE },
      'ClusterRole',
      'ClusterRoleBinding',
      200,
    ],
    [
      'an account of another namespace',
      { kind: 'ServiceAccount', name: ACCOUNT, namespace: 'other' },
      'Role',
      'RoleBinding',
      403,
    ],
  ] as const) {
    it(`come by a ${bindingKind} of a ${roleKind} to ${what}: ${expected}`, () => {
      bench.putSecret('pik');
      const apiVersion = 'rbac.authorization.k8s.io/v1';
      const metadata = { name: 'r', namespace: roleKind === 'Role' ? NAMESPACE : '' };
      bench.api.put({
        apiVersion,
        kind: roleKind,
        metadata,
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      });
      const home = bindingKind === 'RoleBinding' ? NAMESPACE : '';
      const roleRef = { kind: roleKind, name: 'r' };
      bench.api.put({
        apiVersion,
        kind: bindingKind,
        metadata: { name: 'b', namespace: home },
        roleRef,
        subjects: [subject],
      });
      assert.equal(get(PIK_PATH).status, expected);
    });
  }
});

describe('reviews', () => {
  const review = (group: string, plural: string, spec: JsonObject, token = bench.admin) =>
    bench.send('POST', `/apis/${group}/v1/${plural}`, { spec }, { token });
  const reviewToken = (spec: JsonObject) => review('authentication.k8s.io', 'tokenreviews', spec);

  it('tell whose a token is, for the audience that it was issued for', () => {
    const token = bench.api.issueToken({
      namespace: NAMESPACE,
      name: 'reader',
      audiences: ['token-refresher', 'vault'],
    });
    const { status, body } = reviewToken({ token: token.reveal(), audiences: ['token-refresher', 'other'] });
    assert.equal(status, 201);
    const { user, ...rest } = objectAt(body, 'status');
    assert.deepEqual(rest, { authenticated: true, audiences: ['token-refresher'] });
    assert.equal(textAt(user, 'username'), `system:serviceaccount:${NAMESPACE}:reader`);
    const wrong = objectAt(reviewToken({ token: token.reveal(), audiences: ['other'] }).body, 'status');
    assert.equal(wrong['authenticated'], undefined);
    assert.match(
      String(wrong['error']),
      /token audiences \["token-refresher" "vault"\] is invalid for the target audiences \["other"\]/,
    );
    assert.equal(objectAt(reviewToken({ token: token.reveal() }).body, 'status')['authenticated'], undefined);
    assert.equal(valueAt(reviewToken({ token: 'unknown' }).body, 'status', 'error'), 'invalid bearer token');
  });

  it('need a role, and a token to be reviewed', () => {
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    assert.equal(bench.send('POST', path, { spec: {} }, { token: bench.token }).status, 403);
    assert.equal(reviewToken({}).status, 400);
    assert.equal(bench.send('GET', path).status, 405);
  });

  for (const [name, allowed] of [
    ['pik', true],
    ['other', false],
  ] as const) {
    it(`say whether an account may get ${name}`, () => {
      bench.grant([{ verbs: ['get'], resourceNames: ['pik'] }]);
      const resourceAttributes = { verb: 'get', resource: 'secrets', namespace: NAMESPACE, name };
      const theirs = review('authorization.k8s.io', 'subjectaccessreviews', {
        user: USER,
        resourceAttributes,
      });
      const own = review(
        'authorization.k8s.io',
        'selfsubjectaccessreviews',
        { resourceAttributes },
        bench.token,
      );
      assert.equal(valueAt(theirs.body, 'status', 'allowed'), allowed);
      assert.equal(valueAt(own.body, 'status', 'allowed'), allowed);
    });
  }
});

describe('Leases', () => {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
  const lease = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
    metadata: { name: 'l', namespace: NAMESPACE, ...metadata },
    spec,
  });

  it('allow no update without a version', () => {
    assert.equal(bench.send('POST', path, lease({ holderIdentity: 'a' })).status, 201);
    const blind = bench.send('PUT', `${path}/l`, lease({ holderIdentity: 'b' }));
    assert.deepEqual(refusalOf(blind).slice(0, 2), [422, 'Invalid']);
    assert.match(
      String(blind.body['message']),
      /metadata.resourceVersion: Invalid value: 0x0: must be specified/,
    );
  });

  it('are created by an update that names no uid', () => {
    const sent = lease({ holderIdentity: 'a' }, { resourceVersion: '7' });
    assert.equal(
      bench.send('PUT', `${path}/l`, { ...sent, metadata: { ...objectAt(sent, 'metadata'), uid: 'u' } })
        .status,
      409,
    );
    assert.equal(bench.send('PUT', `${path}/l`, sent).status, 201);
  });

  for (const [what, spec, status] of [
    ['a holder that is no text', { holderIdentity: 7 }, 400],
    ['a count beyond 32 bits', { leaseTransitions: 2_147_483_648 }, 400],
    ['a time without microseconds', { renewTime: '2026-01-01T00:00:00Z' }, 400],
    ['a duration of 0', { leaseDurationSeconds: 0 }, 422],
  ] as const) {
    it(`refuse ${what}`, () => {
      assert.equal(bench.send('POST', path, lease(spec)).status, status);
    });
  }
});

describe('roles', () => {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;
  const metadata = { name: 'r', namespace: NAMESPACE };
  const rule = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };

  for (const field of ['apiGroups', 'resources', 'verbs'] as const) {
    it(`say ${field}`, () => {
      const answer = bench.send('POST', `${path}/roles`, {
        metadata,
        rules: [rule, { ...rule, [field]: [] }],
      });
      assert.equal(refusalOf(answer)[0], 422);
      assert.match(String(answer.body['message']), new RegExp(`rules\\[1\\].${field}: Required value`));
    });
  }

  it('stay with their binding', () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
    assert.equal(bench.send('POST', `${path}/rolebindings`, { metadata, roleRef }).status, 201);
    const moved = { metadata, roleRef: { ...roleRef, name: 'other' } };
    assert.match(
      String(bench.send('PUT', `${path}/rolebindings/r`, moved).body['message']),
      /cannot change roleRef/,
    );
  });
});

it('paths that are none, and methods that are not allowed', () => {
  assert.deepEqual(refusalOf(bench.send('GET', '/api/v1/namespaces/payments/pods/x'))[0], 404);
  assert.equal(bench.send('POST', PIK_PATH, secret()).status, 405);
  assert.equal(bench.send('OPTIONS', PIK_PATH).status, 405);
  assert.equal(
    bench.send('PATCH', PIK_PATH, {}, { contentType: 'application/apply-patch+yaml' }).status,
    404,
  );
  bench.putSecret('pik');
  assert.equal(
    bench.send('PATCH', PIK_PATH, {}, { contentType: 'application/apply-patch+yaml' }).status,
    415,
  );
});

it('does not grow without end', () => {
  const big = (name: string) =>
    bench.send(
      'POST',
      SECRETS_PATH,
      secret({ data: { a: Buffer.alloc(1_000_000).toString('base64') } }, { name }),
    );
  const statuses = Array.from({ length: 60 }, (_, index) => big(`s${index}`).status);
  assert.ok(statuses.includes(201) && statuses.at(-1) === 500, statuses.join());
  bench.send('DELETE', `${SECRETS_PATH}/s0`);
  assert.equal(big('again').status, 201);
  assert.ok(bench.api.list(SECRETS, NAMESPACE).length < 60);
});
