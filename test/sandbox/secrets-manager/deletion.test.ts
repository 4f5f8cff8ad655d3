import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import {
  DAY_MS,
  requestToken,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';

const MARKED = serviceError(
  'InvalidRequestException',
  "You can't perform this operation on the secret because it was marked for deletion.",
);
const ABSENT = serviceError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

async function startWithDeleted(days?: number) {
  const sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' }));
  const window = days === undefined ? {} : { RecoveryWindowInDays: days };
  const deleted = await sandbox.client.send(new DeleteSecretCommand({ SecretId: 'pik', ...window }));
  return Object.assign(sandbox, { deletionDate: deleted.DeletionDate });
}

test('a secret scheduled for deletion refuses every operation on its value and metadata', async () => {
  await using sandbox = await startWithDeleted();
  const { client } = sandbox;
  const SecretId = 'pik';
  const attempts = [
    () => client.send(new GetSecretValueCommand({ SecretId })),
    () => client.send(new PutSecretValueCommand({ SecretId, SecretString: 'y' })),
    () => client.send(new UpdateSecretCommand({ SecretId, Description: 'y' })),
    () => client.send(new TagResourceCommand({ SecretId, Tags: [{ Key: 'k', Value: 'v' }] })),
    () => client.send(new UntagResourceCommand({ SecretId, TagKeys: ['k'] })),
    () => client.send(new DeleteSecretCommand({ SecretId })),
    () =>
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage: 'mine',
          MoveToVersionId: requestToken('a'),
        }),
      ),
  ];
  for (const attempt of attempts) await assert.rejects(attempt(), MARKED);
  await assert.rejects(
    client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' })),
    serviceError('InvalidRequestException', /already scheduled for deletion/),
  );
});

test('a secret scheduled for deletion is described with its date and listed on demand only', async () => {
  await using sandbox = await startWithDeleted(7);
  const goneAt = new Date(sandbox.clock.now() + 7 * DAY_MS);
  assert.deepEqual(sandbox.deletionDate, goneAt);
  const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  assert.deepEqual(described.DeletedDate, goneAt);
  const listed = await sandbox.client.send(new ListSecretsCommand({}));
  assert.deepEqual(listed.SecretList, []);
  const all = await sandbox.client.send(new ListSecretsCommand({ IncludePlannedDeletion: true }));
  assert.deepEqual(
    all.SecretList?.map((entry) => [entry.Name, entry.DeletedDate]),
    [['pik', goneAt]],
  );
});

test('a restored secret works again', async () => {
  await using sandbox = await startWithDeleted();
  await sandbox.client.send(new RestoreSecretCommand({ SecretId: 'pik' }));
  const read = await sandbox.client.send(new GetSecretValueCommand({ SecretId: 'pik' }));
  assert.equal(read.SecretString, 'x');
  const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  assert.equal(described.DeletedDate, undefined);
  await sandbox.client.send(new RestoreSecretCommand({ SecretId: 'pik' }));
});

test('after its recovery window a secret is gone and its name is free', async () => {
  for (const { days, windowDays } of [
    { days: undefined, windowDays: 30 },
    { days: 7, windowDays: 7 },
  ]) {
    await using sandbox = await startWithDeleted(days);
    sandbox.clock.jumpWallTime(windowDays * DAY_MS - 1);
    await sandbox.client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
    sandbox.clock.jumpWallTime(1);
    await assert.rejects(sandbox.client.send(new DescribeSecretCommand({ SecretId: 'pik' })), ABSENT);
    await assert.rejects(sandbox.client.send(new RestoreSecretCommand({ SecretId: 'pik' })), ABSENT);
    const all = await sandbox.client.send(new ListSecretsCommand({ IncludePlannedDeletion: true }));
    assert.deepEqual(all.SecretList, []);
    await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'y' }));
  }
});

test('a forced deletion frees the name at once, gives a new ARN and forgives an absent secret', async () => {
  await using sandbox = await startWithDeleted();
  const { client } = sandbox;
  const before = await client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  const force = new DeleteSecretCommand({ SecretId: 'pik', ForceDeleteWithoutRecovery: true });
  const deleted = await client.send(force);
  assert.deepEqual(deleted.DeletionDate, new Date(sandbox.clock.now()));
  assert.equal((await client.send(force)).Name, 'pik');
  const again = await client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'y' }));
  assert.notEqual(again.ARN, before.ARN);
  await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: before.ARN })), ABSENT);
});

test('an impossible deletion is refused', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik' }));
  const cases = [
    { request: { SecretId: 'pik', RecoveryWindowInDays: 6 }, name: 'InvalidParameterException' },
    { request: { SecretId: 'pik', RecoveryWindowInDays: 31 }, name: 'InvalidParameterException' },
    {
      request: { SecretId: 'pik', RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true },
      name: 'InvalidParameterException',
    },
    { request: { SecretId: 'absent' }, name: 'ResourceNotFoundException' },
  ];
  for (const { request, name } of cases) {
    const deleting = sandbox.client.send(new DeleteSecretCommand(request));
    await assert.rejects(deleting, serviceError(name), JSON.stringify(request));
  }
});

test('dates are those of whole days and ARNs of the region that requests are signed for, also in time-lapse', async () => {
  await using sandbox = await startEmulatedSecretsManager({ dayMs: DAY_MS / 15, region: 'ap-southeast-3' });
  const { client, clock } = sandbox;
  const created = await client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' }));
  assert.match(created.ARN ?? '', /^arn:aws:secretsmanager:ap-southeast-3:000000000000:secret:pik-\w{6}$/);
  await client.send(new GetSecretValueCommand({ SecretId: created.ARN }));
  const deleted = await client.send(new DeleteSecretCommand({ SecretId: 'pik', RecoveryWindowInDays: 7 }));
  assert.deepEqual(deleted.DeletionDate, new Date(clock.now() + 7 * DAY_MS));
  const described = await client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  assert.deepEqual(described.DeletedDate, deleted.DeletionDate);
  assert.deepEqual(described.LastAccessedDate, new Date(Math.floor(clock.now() / DAY_MS) * DAY_MS));
  assert.equal(described.ARN, created.ARN);
  await clock.advance((7 * DAY_MS) / 15);
  await assert.rejects(client.send(new DescribeSecretCommand({ SecretId: 'pik' })), ABSENT);
});
