/** Promise 7, "Not ours, not touched": whose secrets the store writes, also when they change hands under it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CreateSecretCommand,
  type CreateSecretRequest,
  DeleteSecretCommand,
  DescribeSecretCommand,
  RestoreSecretCommand,
  type Tag,
} from '@aws-sdk/client-secrets-manager';
import { requestToken } from '../../support/emulated-secrets-manager.ts';
import { type EmulatedStore, startEmulatedStore } from '../../support/emulated-store.ts';
import { expectCurrent, expectFailure, expectOk, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never, SECRET, textOf } from '../../support/store-write.ts';

const OURS: Tag[] = [{ Key: 'managed-by', Value: 'token-refresher' }];
const THEIRS: Tag[] = [{ Key: 'managed-by', Value: 'terraform' }];

/** Somebody else creates the secret; the requests of that do not count. */
async function createOutside(
  { sandbox, requests }: EmulatedStore,
  more: Partial<CreateSecretRequest> = {},
): Promise<string> {
  const version = requestToken('theirs');
  const value = { SecretString: textOf('theirs'), ClientRequestToken: version };
  await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, ...value, ...more }));
  requests.length = 0;
  return version;
}

async function deleteAtOnce({ sandbox }: EmulatedStore): Promise<void> {
  await sandbox.client.send(new DeleteSecretCommand({ SecretId: SECRET, ForceDeleteWithoutRecovery: true }));
}

/** Nobody has written the secret that {@link createOutside} made. */
async function expectUntouched({ sandbox, store }: EmulatedStore, tags: Tag[] | undefined): Promise<void> {
  const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
  assert.deepEqual(described.Tags, tags);
  assert.deepEqual(described.VersionIdsToStages, { [requestToken('theirs')]: ['AWSCURRENT'] });
  assert.equal(sandbox.engine.versions(SECRET).length, 1);
  await expectCurrent(store, 'theirs', requestToken('theirs'));
}

const REMEDY =
  'so it is not ours and stays untouched: tag it managed-by=token-refresher, name it under store.adopt, or use another secret';

describe("Not ours, not touched: somebody else's secret", () => {
  it('is to be named where the configuration has its place', async (t) => {
    const emulated = await startEmulatedStore(t);
    const theirs = await createOutside(emulated);
    const store = emulated.createStore({ section: 'stores.main' });
    const failure = expectFailure(
      await store.publish(buildWrite('one', theirs), never),
      'store-not-ours',
      'needs-human',
    );
    assert.match(failure.message, /name it under stores\.main\.adopt, or use another secret$/);
  });

  for (const [what, tags, message] of [
    ['no tag', undefined, `secret ${SECRET} has no tag managed-by, ${REMEDY}`],
    ['the tag of another owner', THEIRS, `secret ${SECRET} has the tag managed-by=terraform, ${REMEDY}`],
  ] as const) {
    it(`with ${what} is not written, and no write is even tried`, async (t) => {
      const emulated = await startEmulatedStore(t);
      const { store, requests, createStore } = emulated;
      const theirs = await createOutside(emulated, tags === undefined ? {} : { Tags: [...tags] });
      const failure = { code: 'store-not-ours', retry: 'needs-human', message };
      for (const expected of [theirs, undefined]) {
        assert.deepEqual(await store.publish(buildWrite('one', expected), never), { ok: false, failure });
      }
      assert.deepEqual(await store.verifyWritable(SECRET, never), { ok: false, failure });
      const adoptsAnother = createStore({ adopt: new Set(['payments/other']) });
      expectFailure(
        await adoptsAnother.publish(buildWrite('one', theirs), never),
        'store-not-ours',
        'needs-human',
      );
      assert.deepEqual(
        requests,
        Array.from({ length: 4 }, () => 'DescribeSecret'),
      );
      await expectUntouched(emulated, tags === undefined ? undefined : [...tags]);
    });
  }

  it('is written as soon as a human has tagged it', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox } = emulated;
    const theirs = await createOutside(emulated);
    expectFailure(await store.publish(buildWrite('one', theirs), never), 'store-not-ours', 'needs-human');
    sandbox.engine.execute('TagResource', { SecretId: SECRET, Tags: OURS });
    const one = await publishOk(store, buildWrite('one', theirs));
    await expectCurrent(store, 'one', one);
  });

  it('is noticed by the first write after a human had to act', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    sandbox.server.setFaults([{ kind: 'denied', operations: ['PutSecretValue'], times: 1 }]);
    expectFailure(await store.publish(buildWrite('two', one), never), 'store-denied', 'needs-human');
    sandbox.engine.execute('UntagResource', { SecretId: SECRET, TagKeys: ['managed-by'] });
    expectFailure(await store.publish(buildWrite('two', one), never), 'store-not-ours', 'needs-human');
    await expectCurrent(store, 'one', one);
  });

  it('is no longer written once verifyWritable has seen its tag taken away', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox, requests } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    sandbox.engine.execute('UntagResource', { SecretId: SECRET, TagKeys: ['managed-by'] });
    expectFailure(await store.verifyWritable(SECRET, never), 'store-not-ours', 'needs-human');
    requests.length = 0;
    expectFailure(await store.publish(buildWrite('two', one), never), 'store-not-ours', 'needs-human');
    assert.deepEqual(requests, ['DescribeSecret']);
  });
});

describe('a secret that is named for adoption', () => {
  for (const [what, tags] of [
    ['no tag', []],
    ['the tag of another owner', THEIRS],
  ] as const) {
    it(`with ${what} is tagged, then written`, async (t) => {
      const emulated = await startEmulatedStore(t);
      const { createStore, requests, sandbox } = emulated;
      const theirs = await createOutside(emulated, { Tags: [{ Key: 'team', Value: 'x' }, ...tags] });
      // The configured tags are for secrets that are created; this one has those that its owner gave it.
      const store = createStore({ adopt: new Set([SECRET]), tags: { team: 'payments' } });
      const one = await publishOk(store, buildWrite('one', theirs));
      assert.deepEqual(requests, [
        'DescribeSecret',
        'TagResource',
        'PutSecretValue',
        'UpdateSecretVersionStage',
      ]);
      const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
      assert.deepEqual(described.Tags, [{ Key: 'team', Value: 'x' }, ...OURS]);
      requests.length = 0;
      await publishOk(store, buildWrite('two', one));
      assert.deepEqual(requests, ['PutSecretValue', 'UpdateSecretVersionStage']);
    });
  }

  it('is tagged once when the answer to that is lost', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { createStore, requests, sandbox } = emulated;
    const theirs = await createOutside(emulated);
    const store = createStore({ adopt: new Set([SECRET]) });
    sandbox.server.setFaults([{ kind: 'lost-answer', operations: ['TagResource'], times: 1 }]);
    expectFailure(await store.publish(buildWrite('one', theirs), never), 'store-unavailable', 'backoff');
    assert.equal(sandbox.engine.versions(SECRET).length, 1);
    await publishOk(store, buildWrite('one', theirs));
    assert.equal(requests.filter((operation) => operation === 'TagResource').length, 1);
  });

  it('is not written when it must not be tagged', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { createStore, sandbox } = emulated;
    const theirs = await createOutside(emulated);
    const store = createStore({ adopt: new Set([SECRET]) });
    sandbox.server.setFaults([{ kind: 'denied', operations: ['TagResource'] }]);
    const failure = expectFailure(
      await store.publish(buildWrite('one', theirs), never),
      'store-denied',
      'needs-human',
    );
    assert.match(failure.message, /secretsmanager:TagResource on payments\/pik/);
    await expectUntouched(emulated, undefined);
  });

  it('may hold a binary value, which is replaced', async (t) => {
    const { createStore, sandbox } = await startEmulatedStore(t);
    await sandbox.client.send(
      new CreateSecretCommand({ Name: SECRET, SecretBinary: Uint8Array.of(0, 255, 128) }),
    );
    const store = createStore({ adopt: new Set([SECRET]) });
    const theirs = expectOk(await store.read(SECRET, never));
    const one = await publishOk(store, buildWrite('one', theirs?.version));
    await expectCurrent(store, 'one', one);
  });
});

describe('a secret that is scheduled for deletion', () => {
  const failure = {
    code: 'store-deleting',
    retry: 'needs-human',
    message:
      `secret ${SECRET} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${SECRET}), ` +
      'or take its token out of the configuration',
  };

  for (const [what, isKnown] of [
    ['before the program started', false],
    ['while the program runs', true],
  ] as const) {
    it(`${what} is neither read, written nor restored, and is written again once a human has restored it`, async (t) => {
      const { store, createStore, sandbox, requests } = await startEmulatedStore(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const replica = isKnown ? store : createStore();
      await sandbox.client.send(new DeleteSecretCommand({ SecretId: SECRET, RecoveryWindowInDays: 7 }));
      requests.length = 0;
      const write = buildWrite('two', one);
      for (const result of [
        await replica.read(SECRET, never),
        await replica.verifyWritable(SECRET, never),
        await replica.publish(write, never),
        await replica.publish(write, never),
      ]) {
        assert.deepEqual(result, { ok: false, failure });
      }
      assert.equal(requests.includes('RestoreSecret'), false);
      assert.equal(requests.includes('CreateSecret'), false);
      await sandbox.client.send(new RestoreSecretCommand({ SecretId: SECRET }));
      const two = await publishOk(replica, write);
      await expectCurrent(replica, 'two', two);
    });
  }
});

describe('a secret that was deleted under us', () => {
  it('is created anew, with our tag', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox, requests } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    await deleteAtOnce(emulated);
    requests.length = 0;
    const two = await publishOk(store, buildWrite('two', one));
    assert.deepEqual(requests, ['PutSecretValue', 'DescribeSecret', 'CreateSecret']);
    await expectCurrent(store, 'two', two);
    const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    assert.deepEqual(described.Tags, OURS);
    requests.length = 0;
    await publishOk(store, buildWrite('three', two));
    assert.deepEqual(requests, ['PutSecretValue', 'UpdateSecretVersionStage']);
  });

  it('is missing where nothing may be created, until somebody has created it', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, createStore } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    const careful = createStore({ createSecrets: false });
    const two = await publishOk(careful, buildWrite('two', one));
    await deleteAtOnce(emulated);
    const write = buildWrite('three', two);
    expectFailure(await careful.publish(write, never), 'store-missing', 'needs-human');
    const theirs = await createOutside(emulated, { Tags: OURS });
    expectFailure(await careful.publish(write, never), 'store-conflict', 'soon');
    const three = await publishOk(careful, { ...write, expectedVersion: theirs });
    await expectCurrent(careful, 'three', three);
  });

  for (const [what, tags, isEmpty] of [
    ['without a tag', undefined, false],
    ['with the tag of another owner', THEIRS, false],
    ['without a tag and without a value', undefined, true],
  ] as const) {
    it(`and created anew by somebody else ${what} is not written`, async (t) => {
      const emulated = await startEmulatedStore(t);
      const { store, sandbox } = emulated;
      const one = await publishOk(store, buildWrite('one', undefined));
      await deleteAtOnce(emulated);
      const named = { Name: SECRET, ...(tags === undefined ? {} : { Tags: [...tags] }) };
      if (isEmpty) await sandbox.client.send(new CreateSecretCommand(named));
      else await createOutside(emulated, named);
      for (const expected of [one, one, undefined, isEmpty ? undefined : requestToken('theirs')]) {
        const refused = await store.publish(buildWrite('two', expected), never);
        expectFailure(refused, 'store-not-ours', 'needs-human');
      }
      if (isEmpty) assert.equal(sandbox.engine.versions(SECRET).length, 0);
      else await expectUntouched(emulated, tags === undefined ? undefined : [...tags]);
    });
  }

  it('and created anew by somebody else between our two calls is not written', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    const delayMs = 60_000;
    sandbox.server.setFaults([{ kind: 'latency', delayMs, operations: ['UpdateSecretVersionStage'] }]);
    const paused = store.publish(buildWrite('two', one), never);
    await sandbox.clock.untilSleeping();
    await deleteAtOnce(emulated);
    await createOutside(emulated);
    await sandbox.clock.advance(delayMs);
    expectFailure(await paused, 'store-conflict', 'soon');
    const again = await store.publish(buildWrite('two', requestToken('theirs')), never);
    expectFailure(again, 'store-not-ours', 'needs-human');
    await expectUntouched(emulated, undefined);
  });

  it('and created anew without a value by the one who manages ours gets its first one', async (t) => {
    const emulated = await startEmulatedStore(t);
    const { store, sandbox } = emulated;
    const one = await publishOk(store, buildWrite('one', undefined));
    await deleteAtOnce(emulated);
    await sandbox.client.send(new CreateSecretCommand({ Name: SECRET, Tags: OURS }));
    const two = await publishOk(store, buildWrite('two', one));
    await expectCurrent(store, 'two', two);
    assert.equal(sandbox.engine.versions(SECRET).length, 1);
  });
});
