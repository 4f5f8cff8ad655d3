import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import { serializeDocument } from '../../../src/core/token/document.ts';
import { assessStored } from '../../../src/core/token/replacement.ts';
import { objectAt, textsAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import type { KubernetesFault } from '../../../src/sandbox/kubernetes/kubernetes-fault.ts';
import { ACCOUNT, NAMESPACE } from '../../support/kubernetes-bench.ts';
import { STORE_TIMEOUT_MS, startKubernetesStore } from '../../support/kubernetes-store.ts';
import { expectCurrent, expectFailure, expectOk, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never, SECRET } from '../../support/store-write.ts';
import { buildDocument } from '../../support/token-builder.ts';

const OWN_LABEL = { 'app.kubernetes.io/managed-by': 'token-refresher' };
const READ = { methods: ['GET'] };
const WRITE = { methods: ['PUT', 'POST'] };

describe('a Secret', () => {
  it('has the document, and what readers of files need, under keys of their own', async (t) => {
    const bench = await startKubernetesStore(t);
    const text = serializeDocument(buildDocument({ accessToken: new SecretText('canary-é') }));
    await publishOk(bench.store, buildWrite('one', undefined, { text }));
    assert.deepEqual(bench.secretData('pik'), {
      'token.json': text.reveal(),
      authorization: 'Bearer canary-é',
      access_token: 'canary-é',
      expires_at: '2026-11-21T12:15:00.000Z',
    });
    const secret = bench.secret('pik');
    assert.equal(secret?.['type'], 'Opaque');
    assert.deepEqual(textsAt(secret, 'metadata', 'labels'), OWN_LABEL);
  });

  it('has one key for what is no document of a token', async (t) => {
    const bench = await startKubernetesStore(t);
    await publishOk(bench.store, buildWrite('state', undefined));
    assert.deepEqual(Object.keys(bench.secretData('pik') ?? {}), ['state.json']);
  });

  it('is created with labels and annotations as configured, beside our own', async (t) => {
    const bench = await startKubernetesStore(t);
    const store = bench.createStore({
      labels: { team: 'payments' },
      annotations: { 'example.com/a': 'b c' },
    });
    await publishOk(store, buildWrite('one', undefined));
    const stored = bench.secret('pik');
    assert.deepEqual(textsAt(stored, 'metadata', 'labels'), { team: 'payments', ...OWN_LABEL });
    assert.equal(textsAt(stored, 'metadata', 'annotations')['example.com/a'], 'b c');
  });

  it('without a namespace in its name is in that of the store, and else where the name says', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.api.createNamespace('shops');
    bench.grant([{ verbs: ['get', 'create', 'update'] }], 'shops');
    await publishOk(bench.store, buildWrite('one', undefined, { secretName: 'pik' }));
    await publishOk(bench.store, buildWrite('two', undefined, { secretName: 'shops/pik' }));
    assert.notDeepEqual(bench.secretData('pik'), bench.secretData('pik', 'shops'));
    await expectCurrent(bench.store, 'one', await publishOk(bench.store, buildWrite('one', undefined)));
  });

  it('keeps what others have put beside ours', async (t) => {
    const bench = await startKubernetesStore(t);
    const metadata = { labels: { ...OWN_LABEL, team: 'x' }, annotations: { note: 'y' } };
    bench.putSecret('pik', { metadata, data: { theirs: 'eA==' } });
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    await publishOk(bench.store, buildWrite('two', one));
    assert.equal(bench.secretData('pik')?.['theirs'], 'x');
    assert.equal(textsAt(bench.secret('pik'), 'metadata', 'labels')['team'], 'x');
    assert.equal(textsAt(bench.secret('pik'), 'metadata', 'annotations')['note'], 'y');
  });

  it('holds no value while it is empty, and gets its first one', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.grant([{ verbs: ['get', 'update'], resourceNames: ['pik'] }]);
    bench.putSecret('pik', { metadata: { labels: OWN_LABEL } });
    const store = bench.createStore({ createSecrets: false });
    assert.equal(expectOk(await store.read(SECRET, never)), undefined);
    expectOk(await store.verifyWritable(SECRET, never));
    await publishOk(store, buildWrite('one', undefined));
  });
});

describe('a change by somebody else', () => {
  it('of a label is no other version, also between the look and the write', async (t) => {
    const bench = await startKubernetesStore(t);
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    const edit = (edited: string): void => {
      const secret = bench.secret('pik');
      const { name, namespace, annotations } = objectAt(secret, 'metadata');
      bench.api.put({
        ...secret,
        metadata: { name, namespace, annotations, labels: { ...OWN_LABEL, edited } },
      });
    };
    edit('yes');
    await expectCurrent(bench.store, 'one', one);
    bench.server.setFaults([{ kind: 'latency', delayMs: 1000, methods: ['PUT'], times: 1 }]);
    const writing = bench.store.publish(buildWrite('two', one), never);
    await bench.clock.untilSleeping();
    edit('again');
    await bench.clock.advance(1000);
    const { version } = expectOk(await writing);
    await expectCurrent(bench.createStore(), 'two', version);
    assert.equal(textsAt(bench.secret('pik'), 'metadata', 'labels')['edited'], 'again');
  });

  it('of a single field makes the token none that readers can use, until it is published again', async (t) => {
    const bench = await startKubernetesStore(t);
    const document = buildDocument({ accessToken: new SecretText('canary') });
    await publishOk(bench.store, buildWrite('one', undefined, { text: serializeDocument(document) }));
    const stored = bench.secret('pik');
    bench.api.put({ ...stored, data: { ...objectAt(stored, 'data'), access_token: 'eHg=' } });
    const identity = {
      token: 'pik',
      provider: document.provider,
      customer: undefined,
      kind: 'pik',
      secret: SECRET,
    };
    const read = expectOk(await bench.store.read(SECRET, never));
    const found = assessStored(read, identity, document.issuedAtMs);
    assert.ok(found.kind === 'absent');
    assert.equal(found.why, 'holds a key access_token that is not of its token.json');
    await publishOk(bench.store, buildWrite('two', found.version, { text: serializeDocument(document) }));
    const healed = expectOk(await bench.store.read(SECRET, never));
    assert.equal(assessStored(healed, identity, document.issuedAtMs).kind, 'live');
  });

  for (const [what, change, expected] of [
    [
      'the content',
      { data: { 'state.json': 'eHg=' } },
      /^what was written to Secret payments\/pik is not what it holds/,
    ],
    ['the annotations', {}, undefined],
  ] as const)
    it(`of ${what}, on the way of a write, is ${expected === undefined ? 'none that matters' : 'reported'}`, async (t) => {
      const bench = await startKubernetesStore(t);
      const one = await publishOk(bench.store, buildWrite('one', undefined));
      const secret = bench.secret('pik');
      const annotations = {};
      const write = buildWrite('two', one);
      const data = { 'state.json': Buffer.from(write.text.reveal()).toString('base64') };
      const text = JSON.stringify({
        ...secret,
        data,
        metadata: { ...objectAt(secret, 'metadata'), annotations },
        ...change,
      });
      bench.server.setFaults([{ kind: 'body', text, methods: ['PUT'], times: 1 }]);
      const written = await bench.store.publish(write, never);
      if (expected === undefined) assert.match(expectOk(written).version, /^edited\//);
      else assert.match(expectFailure(written, 'store-denied', 'backoff').message, expected);
    });

  it('is how a state secret comes here from another store: it is taken up, and goes on', async (t) => {
    const bench = await startKubernetesStore(t);
    const data = { 'state.json': Buffer.from('{"generation":3}').toString('base64') };
    bench.putSecret('pik-state', { metadata: { labels: OWN_LABEL }, data });
    const copied = expectOk(await bench.store.read('payments/pik-state', never));
    assert.equal(copied?.text.reveal(), '{"generation":3}');
    const next = buildWrite('four', copied.version, { secretName: 'payments/pik-state' });
    await publishOk(bench.store, next);
    assert.deepEqual(Object.keys(bench.secretData('pik-state') ?? {}), ['state.json']);
  });

  it('of the content is another version, which a write that does not know it cannot replace', async (t) => {
    const bench = await startKubernetesStore(t);
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    const data = { 'state.json': Buffer.from('other').toString('base64') };
    bench.api.put({ ...bench.secret('pik'), data });
    const edited = expectOk(await bench.store.read(SECRET, never));
    assert.equal(edited?.text.reveal(), 'other');
    assert.notEqual(edited.version, one);
    expectFailure(await bench.store.publish(buildWrite('two', one), never), 'store-conflict', 'soon');
    const two = await publishOk(bench.store, buildWrite('two', edited.version));
    await expectCurrent(bench.store, 'two', two);
  });

  it('that goes on for ever is given up', async (t) => {
    const bench = await startKubernetesStore(t);
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    bench.server.setFaults([{ kind: 'status', status: 409, methods: ['PUT'] }]);
    expectFailure(await bench.store.publish(buildWrite('two', one), never), 'store-conflict', 'soon');
    assert.equal(bench.requests.filter((request) => request.startsWith('PUT')).length, 5);
  });

  it('that deletes the Secret between the look and the write leads to a new one', async (t) => {
    const bench = await startKubernetesStore(t);
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    bench.server.setFaults([{ kind: 'latency', delayMs: 1000, methods: ['PUT'], times: 1 }]);
    const writing = bench.store.publish(buildWrite('two', one), never);
    await bench.clock.untilSleeping();
    bench.send('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets/pik`);
    await bench.clock.advance(1000);
    expectOk(await writing);
  });
});

describe('Not ours, not touched: a Secret', () => {
  for (const [what, changes, code, message] of [
    [
      'without our label',
      {},
      'store-not-ours',
      /has no label app.kubernetes.io\/managed-by, so it is not ours and stays untouched/,
    ],
    [
      "with somebody else's label",
      { metadata: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } } },
      'store-not-ours',
      /has the label app.kubernetes.io\/managed-by=Helm/,
    ],
    [
      'of another type',
      { metadata: { labels: OWN_LABEL }, type: 'kubernetes.io/basic-auth' },
      'store-not-ours',
      /not Opaque/,
    ],
    [
      'that is immutable',
      { metadata: { labels: OWN_LABEL }, immutable: true },
      'store-denied',
      /is immutable, so Kubernetes refuses every change: delete it/,
    ],
  ] as const) {
    it(`${what} is not written`, async (t) => {
      const bench = await startKubernetesStore(t);
      const before = bench.putSecret('pik', { data: { password: 'eA==' }, ...changes });
      for (const result of [
        await bench.store.publish(buildWrite('one', undefined), never),
        await bench.store.verifyWritable(SECRET, never),
      ]) {
        assert.match(expectFailure(result, code, 'backoff').message, message);
      }
      assert.deepEqual(bench.secret('pik'), before);
      assert.ok(bench.requests.every((request) => request.startsWith('GET')));
    });
  }

  it('that is being deleted is not written', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.putSecret('pik', { metadata: { labels: OWN_LABEL, finalizers: ['example.org/hold'] } });
    bench.send('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets/pik`);
    const refused = await bench.store.publish(buildWrite('one', undefined), never);
    assert.match(expectFailure(refused, 'store-deleting', 'backoff').message, /metadata.finalizers/);
  });

  it('named under adopt is written, and ours from then on', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.putSecret('pik', { data: { password: 'eA==' } });
    const store = bench.createStore({ adopt: new Set([SECRET]) });
    expectOk(await store.verifyWritable(SECRET, never));
    assert.equal(
      textsAt(bench.secret('pik'), 'metadata', 'labels')['app.kubernetes.io/managed-by'],
      undefined,
    );
    const one = await publishOk(store, buildWrite('one', undefined));
    await publishOk(bench.store, buildWrite('two', one));
    assert.equal(bench.secretData('pik')?.['password'], 'x');
  });

  it('that does not exist is not created unless that is wanted', async (t) => {
    const bench = await startKubernetesStore(t);
    const store = bench.createStore({ createSecrets: false });
    for (const result of [
      await store.publish(buildWrite('one', undefined), never),
      await store.verifyWritable(SECRET, never),
    ]) {
      const { message } = expectFailure(result, 'store-missing', 'backoff');
      assert.match(
        message,
        /Secret payments\/pik does not exist: create it .*or set store.createSecrets: true/,
      );
    }
  });

  it('is never listed or watched, nor is any but the one that is meant', async (t) => {
    const bench = await startKubernetesStore(t);
    const one = await publishOk(bench.store, buildWrite('one', undefined));
    await publishOk(bench.store, buildWrite('two', one));
    await bench.store.readMany([SECRET, 'payments/other'], never);
    await bench.store.verifyWritable(SECRET, never);
    const path = `/api/v1/namespaces/${NAMESPACE}/secrets`;
    assert.deepEqual(
      new Set(bench.requests),
      new Set([
        `GET ${path}/pik`,
        `GET ${path}/other`,
        `POST ${path}`,
        `PUT ${path}/pik`,
        `PUT ${path}/pik?dryRun=All`,
      ]),
    );
  });
});

describe('a failure', () => {
  for (const [verb, rules, message] of [
    [
      'get',
      [],
      /403 \(Forbidden\) to get of Secret payments\/pik: a Role in namespace payments must allow get of secrets with pik among its resourceNames/,
    ],
    ['update', [{ verbs: ['get'] }], /must allow update of secrets with pik among its resourceNames/],
    [
      'create',
      [{ verbs: ['get', 'update'] }, { verbs: ['create'], resourceNames: ['pik'] }],
      /must allow create of secrets \(without resourceNames, .*or create the Secret beforehand/,
    ],
  ] as const) {
    it(`names the rule that is missing for ${verb}, before anything is written too`, async (t) => {
      const bench = await startKubernetesStore(t);
      if (verb === 'update') bench.putSecret('pik', { metadata: { labels: OWN_LABEL } });
      bench.grant(rules);
      for (const result of [
        await bench.store.verifyWritable(SECRET, never),
        await bench.store.publish(buildWrite('one', undefined), never),
      ]) {
        assert.match(expectFailure(result, 'store-denied', 'backoff').message, message);
      }
    });
  }

  for (const [what, fault, code, retry, message] of [
    [
      'a refused token',
      { kind: 'status', status: 401, ...READ },
      'store-denied',
      'backoff',
      /token is not accepted, check the account/,
    ],
    [
      'an admission webhook',
      { kind: 'status', status: 403, ...WRITE },
      'store-denied',
      'backoff',
      /an admission webhook refuses it/,
    ],
    [
      'an object that is too large',
      { kind: 'status', status: 413, ...WRITE },
      'store-denied',
      'needs-human',
      /413 \(RequestEntityTooLarge\).*too large/,
    ],
    [
      'an invalid object',
      { kind: 'status', status: 422, ...WRITE },
      'store-denied',
      'needs-human',
      /422 \(Invalid\)/,
    ],
    [
      'an API server that fails',
      { kind: 'status', status: 500, ...WRITE },
      'store-unavailable',
      'backoff',
      /500 \(InternalError\)/,
    ],
    [
      'a write that takes too long',
      { kind: 'status', status: 504, ...WRITE },
      'store-unavailable',
      'backoff',
      /504 \(Timeout\)/,
    ],
    [
      'something else in between',
      { kind: 'body', text: '<html>canary', ...READ },
      'store-unavailable',
      'backoff',
      /is no Secret: check store.apiServer/,
    ],
    [
      'a connection that breaks',
      { kind: 'reset', ...WRITE },
      'store-unavailable',
      'backoff',
      /did not answer/,
    ],
  ] as const satisfies readonly (readonly [string, KubernetesFault, string, string, RegExp])[]) {
    it(`by ${what} says what to do`, async (t) => {
      const bench = await startKubernetesStore(t);
      bench.server.setFaults([fault]);
      const failure = expectFailure(
        await bench.store.publish(buildWrite('one', undefined), never),
        code,
        retry,
      );
      assert.match(failure.message, message);
      assert.doesNotMatch(failure.message, /canary/);
    });
  }

  it('by what others keep in the Secret concerns that one alone, and says so', async (t) => {
    const bench = await startKubernetesStore(t);
    const data = { theirs: Buffer.alloc(1_048_000).toString('base64') };
    bench.putSecret('pik', { metadata: { labels: OWN_LABEL }, data });
    for (const result of [
      await bench.store.read(SECRET, never),
      await bench.store.publish(buildWrite('one', undefined), never),
    ])
      assert.match(
        expectFailure(result, 'store-denied', 'backoff').message,
        /^Secret payments\/pik holds too much beside the token: take out what others keep in it, or use another Secret$/,
      );
  });

  for (const [status, askedSeconds, retryAfterMs] of [
    [429, 7, 7_000],
    [429, 86_400, 300_000],
    [503, 86_400, 300_000],
  ] as const) {
    it(`by ${status} and Retry-After ${askedSeconds} waits ${retryAfterMs / 1000} s: readers need a token`, async (t) => {
      const bench = await startKubernetesStore(t);
      bench.server.setFaults([{ kind: 'status', status, retryAfterSeconds: askedSeconds }]);
      const failure = expectFailure(
        await bench.store.publish(buildWrite('one', undefined), never),
        'store-unavailable',
        'backoff',
      );
      assert.deepEqual([failure.isThrottled ?? false, failure.retryAfterMs], [status === 429, retryAfterMs]);
    });
  }

  it('by a namespace that is missing or being deleted says so', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.grant([{ verbs: ['get', 'create', 'update'] }], 'other');
    const missing = await bench.store.publish(
      buildWrite('one', undefined, { secretName: 'other/pik' }),
      never,
    );
    assert.match(
      expectFailure(missing, 'store-missing', 'backoff').message,
      /namespace other does not exist: create it/,
    );
    bench.send('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    const ending = await bench.store.publish(buildWrite('one', undefined), never);
    assert.match(
      expectFailure(ending, 'store-deleting', 'backoff').message,
      /the namespace is being deleted/,
    );
  });

  it('by a document that no Secret takes comes before any call', async (t) => {
    const bench = await startKubernetesStore(t);
    const text = new SecretText('x'.repeat(bench.store.maxSecretBytes + 1));
    const refused = await bench.store.publish(buildWrite('one', undefined, { text }), never);
    assert.match(expectFailure(refused, 'store-denied', 'needs-human').message, /131073 bytes/);
    assert.deepEqual(bench.requests, []);
  });
});

describe('the client', () => {
  it('reads its token once more when the API server refuses it, because Kubernetes may just have replaced it', async (t) => {
    const bench = await startKubernetesStore(t);
    await publishOk(bench.store, buildWrite('one', undefined));
    bench.api.identities.revokeAll();
    const replaced = bench.api.issueToken({ namespace: NAMESPACE, name: ACCOUNT });
    bench.server.setFaults([{ kind: 'latency', delayMs: 1000, times: 1 }]);
    const reading = bench.store.read(SECRET, never);
    await bench.clock.untilSleeping();
    await writeFile(bench.tokenFile, replaced.reveal());
    await bench.clock.advance(1000);
    expectOk(await reading);
    bench.api.identities.revokeAll();
    const before = bench.requests.length;
    expectFailure(await bench.store.read(SECRET, never), 'store-denied', 'backoff');
    assert.equal(bench.requests.length, before + 1);
  });

  it('frees its connection at the deadline', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.server.setFaults([{ kind: 'hang' }]);
    const arrived = bench.nextRequest();
    const reading = bench.store.read(SECRET, never);
    await arrived;
    await bench.storeClock.advance(STORE_TIMEOUT_MS);
    const failure = expectFailure(await reading, 'store-unavailable', 'backoff');
    assert.match(failure.message, /gave no answer in time/);
    await bench.untilUnconnected();
  });

  it('asks for at most 16 Secrets at one time', async (t) => {
    const bench = await startKubernetesStore(t);
    bench.server.setFaults([{ kind: 'latency', delayMs: 1000 }]);
    const names = Array.from({ length: 40 }, (_, index) => `payments/s${index}`);
    const reading = bench.store.readMany(names, never);
    for (const waiting of [16, 16, 8]) {
      await bench.clock.untilSleeping(() => bench.clock.pendingDelaysMs.length === waiting);
      await bench.clock.advance(1000);
    }
    assert.equal((await reading).size, 40);
  });
});
