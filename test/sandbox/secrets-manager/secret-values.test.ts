import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  TagResourceCommand,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import {
  DAY_MS,
  requestToken,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';

const ABSENT = serviceError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

test('a created secret is read back through the SDK with its ARN, version, label and date', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const token = requestToken('first');
  const created = await sandbox.client.send(
    new CreateSecretCommand({ Name: 'team/pik', SecretString: '{"a":1}', ClientRequestToken: token }),
  );
  assert.match(
    created.ARN ?? '',
    /^arn:aws:secretsmanager:us-east-1:000000000000:secret:team\/pik-[A-Za-z0-9]{6}$/,
  );
  assert.equal(created.VersionId, token);

  const { $metadata, ...read } = await sandbox.client.send(
    new GetSecretValueCommand({ SecretId: 'team/pik' }),
  );
  assert.equal($metadata.httpStatusCode, 200);
  assert.match($metadata.requestId ?? '', /^[0-9a-f-]{36}$/);
  assert.deepEqual(read, {
    ARN: created.ARN,
    Name: 'team/pik',
    VersionId: token,
    SecretString: '{"a":1}',
    VersionStages: ['AWSCURRENT'],
    CreatedDate: new Date(sandbox.clock.now()),
  });
});

test('a secret is found by name, by ARN and by partial ARN, and not by the ARN of another', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const created = await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' }));
  const arn = created.ARN ?? '';
  const cases = [
    { secretId: 'pik', isFound: true },
    { secretId: arn, isFound: true },
    { secretId: arn.slice(0, -7), isFound: true },
    { secretId: `${arn.slice(0, -6)}AAAAAA`, isFound: false },
    { secretId: arn.replace('us-east-1', 'eu-west-1'), isFound: false },
    { secretId: 'pi', isFound: false },
  ];
  for (const { secretId, isFound } of cases) {
    const reading = sandbox.client.send(new GetSecretValueCommand({ SecretId: secretId }));
    if (isFound) assert.equal((await reading).SecretString, 'x', secretId);
    else await assert.rejects(reading, ABSENT, secretId);
  }
});

test('a name that ends in a hyphen and six characters has no partial ARN', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const created = await sandbox.client.send(
    new CreateSecretCommand({ Name: 'pik-abcdef', SecretString: 'x' }),
  );
  const partial = (created.ARN ?? '').slice(0, -7);
  assert.ok(partial.endsWith('secret:pik-abcdef'));
  await assert.rejects(sandbox.client.send(new GetSecretValueCommand({ SecretId: partial })), ABSENT);
  const read = await sandbox.client.send(new GetSecretValueCommand({ SecretId: created.ARN }));
  assert.equal(read.SecretString, 'x');
});

test('a binary value comes back byte for byte, up to 65,536 bytes', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const bytes = Uint8Array.from({ length: 65_536 }, (_, index) => index % 256);
  await sandbox.client.send(new CreateSecretCommand({ Name: 'bin', SecretBinary: bytes }));
  const read = await sandbox.client.send(new GetSecretValueCommand({ SecretId: 'bin' }));
  assert.equal(read.SecretString, undefined);
  assert.deepEqual(Buffer.from(read.SecretBinary ?? []), Buffer.from(bytes));
});

test('a secret without a value exists but cannot be read until its first value', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const created = await sandbox.client.send(new CreateSecretCommand({ Name: 'empty' }));
  assert.equal(created.VersionId, undefined);
  const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: 'empty' }));
  assert.equal(described.VersionIdsToStages, undefined);
  await assert.rejects(
    sandbox.client.send(new GetSecretValueCommand({ SecretId: 'empty' })),
    serviceError(
      'ResourceNotFoundException',
      "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    ),
  );
  const put = await sandbox.client.send(new PutSecretValueCommand({ SecretId: 'empty', SecretString: 'x' }));
  assert.deepEqual(put.VersionStages, ['AWSCURRENT']);
});

test('creating a secret again succeeds only as a replay of the same token and value', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const original = { Name: 'pik', SecretString: 'one', ClientRequestToken: requestToken('a') };
  const created = await sandbox.client.send(new CreateSecretCommand(original));
  const replayed = await sandbox.client.send(new CreateSecretCommand(original));
  assert.equal(replayed.ARN, created.ARN);
  assert.equal(replayed.VersionId, created.VersionId);
  assert.equal(sandbox.engine.versions('pik').length, 1);

  const refused = [
    { ...original, SecretString: 'two' },
    { ...original, ClientRequestToken: requestToken('b') },
    { Name: 'pik' },
  ];
  for (const request of refused) {
    const creating = sandbox.client.send(new CreateSecretCommand(request));
    await assert.rejects(creating, serviceError('ResourceExistsException'), JSON.stringify(request));
  }
});

test('a replayed put succeeds without a new version and never moves a label back', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const put = (label: string, value: string) =>
    sandbox.client.send(
      new PutSecretValueCommand({
        SecretId: 'pik',
        SecretString: value,
        ClientRequestToken: requestToken(label),
      }),
    );
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik' }));
  await put('a', 'one');
  await put('b', 'two');

  const replayed = await put('a', 'one');
  assert.equal(replayed.VersionId, requestToken('a'));
  assert.deepEqual(replayed.VersionStages, ['AWSPREVIOUS']);
  const read = await sandbox.client.send(new GetSecretValueCommand({ SecretId: 'pik' }));
  assert.equal(read.SecretString, 'two');
  assert.equal(sandbox.engine.versions('pik').length, 2);

  await assert.rejects(put('a', 'other'), serviceError('ResourceExistsException', /ClientRequestToken/));
});

test('the same text as string and as binary are different values', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const token = requestToken('a');
  await sandbox.client.send(
    new CreateSecretCommand({ Name: 'pik', SecretString: 'b25l', ClientRequestToken: token }),
  );
  const putting = sandbox.client.send(
    new PutSecretValueCommand({
      SecretId: 'pik',
      SecretBinary: Buffer.from('b25l', 'base64'),
      ClientRequestToken: token,
    }),
  );
  await assert.rejects(putting, serviceError('ResourceExistsException'));
});

test('an update changes description, key and value together', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const { client } = sandbox;
  await client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'one', Description: 'old' }));
  const metadataOnly = await client.send(new UpdateSecretCommand({ SecretId: 'pik', Description: 'new' }));
  assert.equal(metadataOnly.VersionId, undefined);
  const token = requestToken('b');
  await client.send(
    new UpdateSecretCommand({
      SecretId: 'pik',
      SecretString: 'two',
      KmsKeyId: 'alias/mine',
      ClientRequestToken: token,
    }),
  );
  const described = await client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  assert.equal(described.Description, 'new');
  assert.equal(described.KmsKeyId, 'alias/mine');
  assert.deepEqual(described.VersionIdsToStages?.[token], ['AWSCURRENT']);
});

test('a description shows the key, the tags and the dates, and leaves out what is not set', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const { client, clock } = sandbox;
  const createdAt = new Date(clock.now());
  await client.send(new CreateSecretCommand({ Name: 'plain', KmsKeyId: 'alias/aws/secretsmanager' }));
  const plain = await client.send(new DescribeSecretCommand({ SecretId: 'plain' }));
  assert.deepEqual(Object.keys(plain).toSorted(), [
    '$metadata',
    'ARN',
    'CreatedDate',
    'LastChangedDate',
    'Name',
  ]);

  await client.send(
    new CreateSecretCommand({
      Name: 'full',
      SecretString: 'x',
      Description: 'said',
      KmsKeyId: 'alias/mine',
      Tags: [{ Key: 'managed-by', Value: 'token-refresher' }],
    }),
  );
  await clock.advance(1_500);
  await client.send(new TagResourceCommand({ SecretId: 'full', Tags: [{ Key: 'team', Value: 'pay' }] }));
  await client.send(new GetSecretValueCommand({ SecretId: 'full' }));
  const full = await client.send(new DescribeSecretCommand({ SecretId: 'full' }));
  assert.equal(full.Description, 'said');
  assert.equal(full.KmsKeyId, 'alias/mine');
  assert.deepEqual(full.CreatedDate, createdAt);
  assert.deepEqual(full.LastChangedDate, new Date(createdAt.getTime() + 1_500));
  assert.deepEqual(full.LastAccessedDate, new Date(Math.floor(clock.now() / DAY_MS) * DAY_MS));
  assert.deepEqual(full.Tags, [
    { Key: 'managed-by', Value: 'token-refresher' },
    { Key: 'team', Value: 'pay' },
  ]);
  const listed = await client.send(new ListSecretVersionIdsCommand({ SecretId: 'full' }));
  assert.deepEqual(listed.Versions?.[0]?.KmsKeyIds, ['alias/mine']);
});

test('a batch answers what it can and reports the rest per item', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'a', SecretString: '1' }));
  await sandbox.client.send(new CreateSecretCommand({ Name: 'b', SecretString: '2' }));
  await sandbox.client.send(new CreateSecretCommand({ Name: 'empty' }));
  const batch = await sandbox.client.send(
    new BatchGetSecretValueCommand({ SecretIdList: ['a', 'absent', 'b', 'empty'] }),
  );
  assert.deepEqual(
    batch.SecretValues?.map((entry) => [entry.Name, entry.SecretString]),
    [
      ['a', '1'],
      ['b', '2'],
    ],
  );
  assert.deepEqual(
    batch.Errors?.map((error) => [error.SecretId, error.ErrorCode]),
    [
      ['absent', 'ResourceNotFoundException'],
      ['empty', 'ResourceNotFoundException'],
    ],
  );
});

test('a batch by filter is paged', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  for (const name of ['t/a', 'u/x', 't/b', 't/c']) {
    await sandbox.client.send(new CreateSecretCommand({ Name: name, SecretString: name }));
  }
  const Filters = [{ Key: 'name' as const, Values: ['t/'] }];
  const first = await sandbox.client.send(new BatchGetSecretValueCommand({ Filters, MaxResults: 2 }));
  assert.deepEqual(
    first.SecretValues?.map((entry) => entry.Name),
    ['t/a', 't/b'],
  );
  const NextToken = first.NextToken;
  const second = await sandbox.client.send(
    new BatchGetSecretValueCommand({ Filters, MaxResults: 2, NextToken }),
  );
  assert.deepEqual(
    second.SecretValues?.map((entry) => entry.Name),
    ['t/c'],
  );
  assert.equal(second.NextToken, undefined);
});
