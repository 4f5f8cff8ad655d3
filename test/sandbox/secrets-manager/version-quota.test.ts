import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateSecretCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { createSecretsManager } from '../../../src/sandbox/secrets-manager/secrets-manager.ts';
import {
  DAY_MS,
  requestToken,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

function buildEngine(options: { readonly versionWall?: number; readonly dayMs?: number } = {}) {
  const clock = new FakeClock();
  const engine = createSecretsManager({ clock, random: createSeededRandom(1), ...options });
  engine.execute('CreateSecret', { Name: 'pik' });
  const put = (index: number, labels?: readonly string[]) =>
    engine.execute('PutSecretValue', {
      SecretId: 'pik',
      SecretString: `value ${index}`,
      ClientRequestToken: requestToken(`v${index}`),
      VersionStages: labels ?? null,
    });
  return { clock, engine, put };
}

test('the 145th version within 24 hours is refused, and room comes back as versions age', async () => {
  const { clock, put } = buildEngine();
  for (let index = 1; index <= 144; index += 1) {
    assert.equal(put(index).ok, true, `version ${index}`);
    await clock.advance(1_000);
  }
  const refused = put(145);
  assert.equal(refused.ok ? '' : refused.refusal.name, 'LimitExceededException');
  // 144 s have passed; the first version is a day old after the rest of the day.
  clock.jumpWallTime(DAY_MS - 144_000 - 1);
  assert.equal(put(145).ok, false, 'a millisecond early');
  clock.jumpWallTime(1);
  assert.equal(put(145).ok, true, 'on time');
  assert.equal(put(146).ok, false, 'only one has aged out');
});

test('a replay is answered even at the wall', () => {
  const { put, engine } = buildEngine({ versionWall: 2 });
  assert.equal(put(1).ok, true);
  assert.equal(put(2).ok, true);
  assert.equal(put(3).ok, false);
  assert.equal(put(2).ok, true);
  assert.equal(engine.versions('pik').length, 2);
});

test('the wall is a LimitExceededException to the SDK, and a shorter day moves it', async () => {
  await using sandbox = await startEmulatedSecretsManager({ versionWall: 1 });
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'one' }));
  const put = new PutSecretValueCommand({ SecretId: 'pik', SecretString: 'two' });
  await assert.rejects(sandbox.client.send(put), serviceError('LimitExceededException'));

  const lapse = buildEngine({ versionWall: 1, dayMs: 60_000 });
  assert.equal(lapse.put(1).ok, true);
  assert.equal(lapse.put(2).ok, false);
  lapse.clock.jumpWallTime(60_000);
  assert.equal(lapse.put(2).ok, true);
});

test('the newest 100 versions, those of the last day and every labelled one are kept', () => {
  const { clock, engine, put } = buildEngine();
  put(0);
  put(1, ['keep-me']);
  for (let index = 2; index <= 120; index += 1) put(index);
  assert.equal(engine.versions('pik').length, 121, 'all of the last day');

  clock.jumpWallTime(DAY_MS);
  put(121);
  const kept = engine.versions('pik');
  assert.equal(kept.length, 101, 'the newest 100 and the labelled one');
  assert.deepEqual(kept[0]?.labels, ['keep-me']);
  assert.equal(kept[1]?.versionId, requestToken('v22'));
  assert.equal(kept.at(-1)?.value.reveal(), 'value 121');
});

test('versions are listed in pages, deprecated ones on demand only', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik' }));
  for (const label of ['a', 'b', 'c', 'd']) {
    const ClientRequestToken = requestToken(label);
    await sandbox.client.send(
      new PutSecretValueCommand({ SecretId: 'pik', SecretString: label, ClientRequestToken }),
    );
    await sandbox.clock.advance(1_000);
  }
  const list = (input: {
    IncludeDeprecated?: boolean;
    MaxResults?: number;
    NextToken?: string | undefined;
  }) => sandbox.client.send(new ListSecretVersionIdsCommand({ SecretId: 'pik', ...input }));

  const labelled = await list({});
  assert.deepEqual(
    labelled.Versions?.map((version) => [version.VersionId, version.VersionStages]),
    [
      [requestToken('c'), ['AWSPREVIOUS']],
      [requestToken('d'), ['AWSCURRENT']],
    ],
  );
  assert.deepEqual(labelled.Versions?.[0]?.CreatedDate, new Date(sandbox.clock.now() - 2_000));
  assert.deepEqual(labelled.Versions?.[0]?.KmsKeyIds, ['DefaultEncryptionKey']);

  const first = await list({ IncludeDeprecated: true, MaxResults: 3 });
  const second = await list({ IncludeDeprecated: true, MaxResults: 3, NextToken: first.NextToken });
  assert.deepEqual(
    [...(first.Versions ?? []), ...(second.Versions ?? [])].map((version) => version.VersionId),
    ['a', 'b', 'c', 'd'].map(requestToken),
  );
  assert.equal(second.NextToken, undefined);
});
