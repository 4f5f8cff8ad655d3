import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import type { TokenStore } from '../../../src/core/ports.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { DAY_MS, requestToken } from '../../support/emulated-secrets-manager.ts';
import { startEmulatedStore } from '../../support/emulated-store.ts';
import { expectCurrent, expectFailure, expectOk, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never, SECRET, textOf } from '../../support/store-write.ts';

const OURS = [{ Key: 'managed-by', Value: 'token-refresher' }];

describe('a first publish', () => {
  it('creates the secret with tags, key, description and value in one call', async (t) => {
    const { sandbox, createStore, requests } = await startEmulatedStore(t);
    const store = createStore({ kmsKeyId: 'alias/payments', tags: { team: 'payments' } });
    await publishOk(store, buildWrite('one', undefined));
    assert.deepEqual(requests, ['DescribeSecret', 'CreateSecret']);
    const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    assert.deepEqual(described.Tags, [{ Key: 'team', Value: 'payments' }, ...OURS]);
    assert.equal(described.KmsKeyId, 'alias/payments');
    assert.equal(described.Description, 'Access token, kept fresh by token-refresher');
    assert.deepEqual(described.VersionIdsToStages, { [requestToken('one')]: ['AWSCURRENT'] });
  });

  it('leaves the key to AWS when none is configured', async (t) => {
    const { sandbox, store } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('one', undefined));
    const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    assert.equal(described.KmsKeyId, undefined);
    assert.deepEqual(described.Tags, OURS);
  });

  it('creates nothing when it must not', async (t) => {
    const { createStore, requests } = await startEmulatedStore(t);
    const store = createStore({ createSecrets: false });
    const message =
      `secret ${SECRET} does not exist in this account and region: create it (tagged managed-by=token-refresher), ` +
      'or set store.createSecrets: true';
    const failure = { code: 'store-missing', retry: 'needs-human', message };
    assert.deepEqual(await store.publish(buildWrite('one', undefined), never), { ok: false, failure });
    assert.deepEqual(await store.verifyWritable(SECRET, never), { ok: false, failure });
    assert.deepEqual(await store.read(SECRET, never), { ok: true, value: undefined });
    assert.deepEqual(requests, ['DescribeSecret', 'DescribeSecret', 'GetSecretValue']);
  });

  it('gives a secret that was created without a value its first one', async (t) => {
    const { sandbox, createStore, requests } = await startEmulatedStore(t);
    await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, Tags: OURS }));
    requests.length = 0;
    const store = createStore({ createSecrets: false });
    assert.deepEqual(await store.read(SECRET, never), { ok: true, value: undefined });
    const version = await publishOk(store, buildWrite('one', undefined));
    assert.deepEqual(requests, ['GetSecretValue', 'DescribeSecret', 'PutSecretValue', 'GetSecretValue']);
    await expectCurrent(store, 'one', version);
    await publishOk(store, buildWrite('two', version));
  });

  it('is won by one of two writers when the secret has no value yet', async (t) => {
    const { sandbox, createStore } = await startEmulatedStore(t);
    await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, Tags: OURS }));
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((label) => createStore().publish(buildWrite(label, undefined), never)),
    );
    assert.notEqual(ours?.ok, theirs?.ok);
    const winner = ours?.ok === true ? 'ours' : 'theirs';
    await expectCurrent(createStore(), winner, requestToken(winner));
  });
});

describe('a later publish', () => {
  it('costs one put and one move of the label, whose ownership was checked once', async (t) => {
    const { store, requests } = await startEmulatedStore(t);
    let version = await publishOk(store, buildWrite('one', undefined));
    for (const label of ['two', 'three', 'four']) {
      requests.length = 0;
      version = await publishOk(store, buildWrite(label, version));
      assert.deepEqual(requests, ['PutSecretValue', 'UpdateSecretVersionStage']);
    }
  });

  it('checks the ownership once more after a restart', async (t) => {
    const { store, createStore, requests } = await startEmulatedStore(t);
    const one = await publishOk(store, buildWrite('one', undefined));
    requests.length = 0;
    await publishOk(createStore(), buildWrite('two', one));
    assert.deepEqual(requests, ['DescribeSecret', 'PutSecretValue', 'UpdateSecretVersionStage']);
  });

  it('leaves the labels as a reader of AWSPREVIOUS expects them, and ours on one version', async (t) => {
    const { store, sandbox } = await startEmulatedStore(t);
    const one = await publishOk(store, buildWrite('one', undefined));
    const two = await publishOk(store, buildWrite('two', one));
    const three = await publishOk(store, buildWrite('three', two));
    assert.deepEqual(
      sandbox.engine.versions(SECRET).map(({ versionId, labels }) => [versionId, labels]),
      [
        [one, []],
        [two, ['AWSPREVIOUS']],
        [three, ['AWSCURRENT', 'TOKEN_REFRESHER_NEXT']],
      ],
    );
  });

  it('is refused over a version that has aged out, and spends one version on all attempts', async (t) => {
    const { store, sandbox } = await startEmulatedStore(t, { versionWall: 200 });
    const one = await publishOk(store, buildWrite('one', undefined));
    for (let count = 0; count < 101; count += 1) {
      const token = requestToken(`outside-${count}`);
      const put = { SecretId: SECRET, ClientRequestToken: token, SecretString: textOf('outside') };
      sandbox.engine.execute('PutSecretValue', put);
    }
    await sandbox.clock.advance(DAY_MS + 1);
    const before = sandbox.engine.versions(SECRET);
    assert.equal(
      before.some(({ versionId }) => versionId === one),
      false,
    );
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expectFailure(await store.publish(buildWrite('two', one), never), 'store-conflict', 'soon');
    }
    await expectCurrent(store, 'outside', requestToken('outside-100'));
    const added = sandbox.engine
      .versions(SECRET)
      .filter(({ versionId }) => versionId === requestToken('two'));
    assert.equal(added.length, 1);
    const two = await publishOk(store, buildWrite('two', requestToken('outside-100')));
    await expectCurrent(store, 'two', two);
  });

  it('is refused before any call when the document is too large', async (t) => {
    const { store, requests } = await startEmulatedStore(t);
    for (const [text, sizeBytes] of [
      ['x'.repeat(65_537), 65_537],
      ['é'.repeat(32_769), 65_538],
    ] as const) {
      const write = buildWrite('one', undefined, { text: new SecretText(text) });
      assert.deepEqual(await store.publish(write, never), {
        ok: false,
        failure: {
          code: 'store-denied',
          retry: 'needs-human',
          message: `the document for ${SECRET} has ${sizeBytes} bytes; Secrets Manager stores at most 65536`,
        },
      });
    }
    assert.deepEqual(requests, []);
  });

  it('meets the version quota, and succeeds with the same bytes when versions have aged out', async (t) => {
    const { store, sandbox } = await startEmulatedStore(t, { versionWall: 3 });
    let version = await publishOk(store, buildWrite('one', undefined));
    for (const label of ['two', 'three']) version = await publishOk(store, buildWrite(label, version));
    const write = buildWrite('four', version);
    const message =
      `secret ${SECRET} has used up its version quota: the token is kept and written when versions of the last 24 hours ` +
      'age out; find out what else writes to this secret, or lengthen refreshAfter';
    const refused = { ok: false, failure: { code: 'store-quota', retry: 'backoff', message } };
    assert.deepEqual(await store.publish(write, never), refused);
    assert.deepEqual(await store.publish(write, never), refused);
    await expectCurrent(store, 'three', version);
    expectOk(await store.verifyWritable(SECRET, never));
    assert.equal(await publishOk(store, buildWrite('three', requestToken('two'))), version);

    await sandbox.clock.advance(DAY_MS);
    const four = await publishOk(store, write);
    await expectCurrent(store, 'four', four);
    assert.equal(sandbox.engine.versions(SECRET).length, 4);
  });

  for (const operation of ['DescribeSecret', 'GetSecretValue'] as const) {
    it(`ends in one version when the answer of ${operation} is lost`, async (t) => {
      const { sandbox, createStore } = await startEmulatedStore(t);
      await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, Tags: OURS }));
      const store = createStore();
      sandbox.server.setFaults([{ kind: 'lost-answer', operations: [operation], times: 1 }]);
      expectFailure(await store.publish(buildWrite('one', undefined), never), 'store-unavailable', 'backoff');
      const version = await publishOk(store, buildWrite('one', undefined));
      await expectCurrent(store, 'one', version);
      assert.equal(sandbox.engine.versions(SECRET).length, 1);
    });
  }
});

describe('reading', () => {
  it('costs one call and needs no ownership', async (t) => {
    const { sandbox, store, requests } = await startEmulatedStore(t);
    await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, SecretString: textOf('theirs') }));
    requests.length = 0;
    assert.equal((await read(store))?.text.reveal(), textOf('theirs'));
    assert.deepEqual(requests, ['GetSecretValue']);
  });

  it('shows a binary value as base64, and its version', async (t) => {
    const { sandbox, store } = await startEmulatedStore(t);
    const version = requestToken('binary');
    const bytes = Uint8Array.of(0, 255, 128);
    await sandbox.client.send(
      new CreateSecretCommand({ Name: SECRET, SecretBinary: bytes, ClientRequestToken: version }),
    );
    const stored = await read(store);
    assert.deepEqual([stored?.text.reveal(), stored?.version], ['AP+A', version]);
  });

  it('finds a secret by its ARN as well', async (t) => {
    const { sandbox, store } = await startEmulatedStore(t);
    const created = await sandbox.client.send(
      new CreateSecretCommand({ Name: SECRET, SecretString: textOf('theirs') }),
    );
    assert.equal((await read(store, created.ARN ?? ''))?.text.reveal(), textOf('theirs'));
  });

  it('follows whoever moves AWSCURRENT', async (t) => {
    const { sandbox, store } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('one', undefined));
    const put = await sandbox.client.send(
      new PutSecretValueCommand({ SecretId: SECRET, SecretString: textOf('by-hand') }),
    );
    await expectCurrent(store, 'by-hand', put.VersionId ?? '');
  });
});

describe('verifyWritable', () => {
  it('describes the secret and writes nothing', async (t) => {
    const { sandbox, store, requests } = await startEmulatedStore(t);
    const one = await publishOk(store, buildWrite('one', undefined));
    requests.length = 0;
    const before = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    requests.length = 0;
    expectOk(await store.verifyWritable(SECRET, never));
    assert.deepEqual(requests, ['DescribeSecret']);
    const after = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    assert.deepEqual({ ...after, $metadata: {} }, { ...before, $metadata: {} });
    await expectCurrent(store, 'one', one);
  });

  it('spares the publish after it the look at the owner', async (t) => {
    const { store, createStore, requests } = await startEmulatedStore(t);
    const one = await publishOk(store, buildWrite('one', undefined));
    const restarted = createStore();
    expectOk(await restarted.verifyWritable(SECRET, never));
    requests.length = 0;
    await publishOk(restarted, buildWrite('two', one));
    assert.deepEqual(requests, ['PutSecretValue', 'UpdateSecretVersionStage']);
  });

  it('leaves it to the publish to tag a secret that is to be adopted', async (t) => {
    const { sandbox, createStore, requests } = await startEmulatedStore(t);
    await sandbox.client.send(new CreateSecretCommand({ Name: SECRET }));
    requests.length = 0;
    expectOk(await createStore({ adopt: new Set([SECRET]) }).verifyWritable(SECRET, never));
    assert.deepEqual(requests, ['DescribeSecret']);
    const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    assert.equal(described.Tags, undefined);
  });
});

async function read(store: TokenStore, secretName: string = SECRET) {
  return expectOk(await store.read(secretName, never));
}
