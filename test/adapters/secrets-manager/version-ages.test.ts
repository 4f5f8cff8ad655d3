import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { DAY_MS } from '../../support/emulated-secrets-manager.ts';
import { startEmulatedStore } from '../../support/emulated-store.ts';
import { expectFailure, expectOk, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never, SECRET } from '../../support/store-write.ts';

const MINUTE_MS = 60_000;

describe('the ages of versions', () => {
  it('are those of the last day, over several pages, deprecated versions included', async (t) => {
    const { sandbox, store, requests } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('old', undefined));
    await sandbox.clock.advance(DAY_MS);
    for (let count = 1; count <= 130; count += 1) {
      await sandbox.client.send(
        new PutSecretValueCommand({ SecretId: SECRET, SecretString: `value ${count}` }),
      );
      await sandbox.clock.advance(MINUTE_MS);
    }
    const agesMs = expectOk(await store.readVersionAges(SECRET, never)).toSorted((a, b) => a - b);
    assert.deepEqual(
      agesMs,
      Array.from({ length: 130 }, (_, index) => (index + 1) * MINUTE_MS),
    );
    assert.equal(requests.filter((operation) => operation === 'ListSecretVersionIds').length, 2);
  });

  it("follow the service's clock, whatever ours says", async (t) => {
    const { sandbox, clock, store } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('one', undefined));
    await sandbox.clock.advance(5 * MINUTE_MS);
    for (const byMs of [3 * DAY_MS, -6 * DAY_MS]) {
      clock.jumpWallTime(byMs);
      assert.deepEqual(expectOk(await store.readVersionAges(SECRET, never)), [5 * MINUTE_MS]);
    }
  });

  it('are none for a secret that does not exist', async (t) => {
    const { store } = await startEmulatedStore(t);
    assert.deepEqual(expectOk(await store.readVersionAges(SECRET, never)), []);
  });

  it('say what to grant when the permission is missing', async (t) => {
    const { sandbox, store } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('one', undefined));
    sandbox.server.setFaults([{ kind: 'denied', operations: ['ListSecretVersionIds'] }]);
    const failure = expectFailure(await store.readVersionAges(SECRET, never), 'store-denied', 'needs-human');
    assert.match(failure.message, /secretsmanager:ListSecretVersionIds on payments\/pik: grant it/);
  });
});
