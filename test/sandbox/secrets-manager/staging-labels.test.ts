import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { SecretText } from '../../../src/core/secret-text.ts';
import { VersionHistory } from '../../../src/sandbox/secrets-manager/version-history.ts';
import {
  type EmulatedSecretsManager,
  requestToken,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';
import { fc } from '../../support/property.ts';

const A = requestToken('a');
const B = requestToken('b');
const C = requestToken('c');

/** A secret `pik` with one version per entry, put in order under the given labels (default: as the service chooses). */
async function startWithVersions(
  versions: readonly (readonly [token: string, labels?: string[]])[],
): Promise<EmulatedSecretsManager> {
  const sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik' }));
  for (const [token, labels] of versions) {
    await sandbox.client.send(
      new PutSecretValueCommand({
        SecretId: 'pik',
        SecretString: `value of ${token}`,
        ClientRequestToken: token,
        ...(labels === undefined ? {} : { VersionStages: labels }),
      }),
    );
  }
  return sandbox;
}

async function labelsOf(sandbox: EmulatedSecretsManager): Promise<Record<string, string[]>> {
  const described = await sandbox.client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  return described.VersionIdsToStages ?? {};
}

const placements = [
  {
    name: 'a put moves AWSCURRENT, and AWSPREVIOUS follows',
    versions: [[A], [B], [C]],
    labels: { [C]: ['AWSCURRENT'], [B]: ['AWSPREVIOUS'] },
  },
  {
    name: 'the first version gets AWSCURRENT beside the label that was asked for',
    versions: [[A, ['staged']]],
    labels: { [A]: ['AWSCURRENT', 'staged'] },
  },
  {
    name: 'a later version gets only the label that was asked for',
    versions: [[A], [B, ['staged']]],
    labels: { [A]: ['AWSCURRENT'], [B]: ['staged'] },
  },
  {
    name: 'a label sits on one version at a time',
    versions: [[A], [B, ['staged']], [C, ['staged']]],
    labels: { [A]: ['AWSCURRENT'], [C]: ['staged'] },
  },
  {
    name: 'AWSCURRENT in a list of labels moves as it does without one',
    versions: [[A], [B, ['AWSCURRENT', 'staged']]],
    labels: { [A]: ['AWSPREVIOUS'], [B]: ['AWSCURRENT', 'staged'] },
  },
] as const;

for (const { name, versions, labels } of placements) {
  test(name, async () => {
    await using sandbox = await startWithVersions(
      versions.map(([token, list]) => (list === undefined ? [token] : [token, [...list]])),
    );
    assert.deepEqual(await labelsOf(sandbox), labels);
  });
}

const moves = [
  {
    name: 'AWSCURRENT moves when it sits where the caller believes',
    request: { VersionStage: 'AWSCURRENT', MoveToVersionId: B, RemoveFromVersionId: A },
    labels: { [A]: ['AWSPREVIOUS'], [B]: ['AWSCURRENT', 'staged'] },
  },
  {
    name: 'a new label is attached without naming where it comes from',
    request: { VersionStage: 'mine', MoveToVersionId: A },
    labels: { [A]: ['AWSCURRENT', 'mine'], [B]: ['staged'] },
  },
  {
    name: 'a label is detached',
    request: { VersionStage: 'staged', RemoveFromVersionId: B },
    labels: { [A]: ['AWSCURRENT'] },
  },
  {
    name: 'moving AWSCURRENT to where it already is changes nothing',
    request: { VersionStage: 'AWSCURRENT', MoveToVersionId: A, RemoveFromVersionId: A },
    labels: { [A]: ['AWSCURRENT'], [B]: ['staged'] },
  },
  {
    name: 'attaching a label where it already is changes nothing',
    request: { VersionStage: 'staged', MoveToVersionId: B },
    labels: { [A]: ['AWSCURRENT'], [B]: ['staged'] },
  },
];

for (const { name, request, labels } of moves) {
  test(name, async () => {
    await using sandbox = await startWithVersions([[A], [B, ['staged']]]);
    await sandbox.client.send(new UpdateSecretVersionStageCommand({ SecretId: 'pik', ...request }));
    assert.deepEqual(await labelsOf(sandbox), labels);
  });
}

const refusals = [
  {
    name: 'the fence: AWSCURRENT sits on another version than the caller believes',
    request: { VersionStage: 'AWSCURRENT', MoveToVersionId: B, RemoveFromVersionId: B },
    error: serviceError('InvalidParameterException', new RegExp(`currently attached to version ${A}`)),
  },
  {
    name: 'the label is attached elsewhere and the caller did not say where',
    request: { VersionStage: 'AWSCURRENT', MoveToVersionId: B },
    error: serviceError('InvalidParameterException', /RemoveFromVersionId can't be empty/),
  },
  {
    name: 'a label that is attached nowhere cannot be taken from a version',
    request: { VersionStage: 'mine', MoveToVersionId: B, RemoveFromVersionId: A },
    error: serviceError('InvalidParameterException'),
  },
  {
    name: 'AWSCURRENT cannot just be removed',
    request: { VersionStage: 'AWSCURRENT', RemoveFromVersionId: A },
    error: serviceError('InvalidParameterException', /can't be completely removed/),
  },
  {
    name: 'neither source nor destination',
    request: { VersionStage: 'staged' },
    error: serviceError('InvalidParameterException'),
  },
  {
    name: 'a version that does not exist',
    request: { VersionStage: 'AWSCURRENT', MoveToVersionId: C, RemoveFromVersionId: A },
    error: serviceError('ResourceNotFoundException'),
  },
];

for (const { name, request, error } of refusals) {
  test(`a move is refused and changes nothing: ${name}`, async () => {
    await using sandbox = await startWithVersions([[A], [B, ['staged']]]);
    const moving = sandbox.client.send(new UpdateSecretVersionStageCommand({ SecretId: 'pik', ...request }));
    await assert.rejects(moving, error);
    assert.deepEqual(await labelsOf(sandbox), { [A]: ['AWSCURRENT'], [B]: ['staged'] });
  });
}

test('repeating a move of AWSCURRENT that has succeeded is refused, as documented', async () => {
  await using sandbox = await startWithVersions([[A], [B, ['staged']]]);
  const move = new UpdateSecretVersionStageCommand({
    SecretId: 'pik',
    VersionStage: 'AWSCURRENT',
    MoveToVersionId: B,
    RemoveFromVersionId: A,
  });
  await sandbox.client.send(move);
  await assert.rejects(sandbox.client.send(move), serviceError('InvalidParameterException'));
});

test('moving AWSCURRENT back swaps it with AWSPREVIOUS', async () => {
  await using sandbox = await startWithVersions([[A], [B]]);
  await sandbox.client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: 'pik',
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: A,
      RemoveFromVersionId: B,
    }),
  );
  assert.deepEqual(await labelsOf(sandbox), { [A]: ['AWSCURRENT'], [B]: ['AWSPREVIOUS'] });
});

test('a version carries at most 20 labels', async () => {
  const twenty = Array.from({ length: 20 }, (_, index) => `label-${index}`);
  await using sandbox = await startWithVersions([[A], [B, twenty]]);
  const attaching = sandbox.client.send(
    new UpdateSecretVersionStageCommand({ SecretId: 'pik', VersionStage: 'one-more', MoveToVersionId: B }),
  );
  await assert.rejects(attaching, serviceError('LimitExceededException'));
  const putting = sandbox.client.send(
    new PutSecretValueCommand({ SecretId: 'pik', SecretString: 'x', VersionStages: [...twenty, 'one-more'] }),
  );
  await assert.rejects(putting, serviceError('ValidationException'));

  await sandbox.client.send(new CreateSecretCommand({ Name: 'new' }));
  const first = new PutSecretValueCommand({ SecretId: 'new', SecretString: 'x', VersionStages: twenty });
  const refused = sandbox.client.send(first);
  await assert.rejects(refused, serviceError('LimitExceededException'), 'AWSCURRENT would be the 21st');
});

test('a value is read by label, by version and by both when they agree', async () => {
  await using sandbox = await startWithVersions([[A], [B], [C, ['staged']]]);
  const cases = [
    { request: {}, versionId: B },
    { request: { VersionStage: 'AWSPREVIOUS' }, versionId: A },
    { request: { VersionStage: 'staged' }, versionId: C },
    { request: { VersionId: A }, versionId: A },
    { request: { VersionId: C, VersionStage: 'staged' }, versionId: C },
  ];
  for (const { request, versionId } of cases) {
    const read = await sandbox.client.send(new GetSecretValueCommand({ SecretId: 'pik', ...request }));
    assert.equal(read.VersionId, versionId);
    assert.equal(read.SecretString, `value of ${versionId}`);
  }
  const refused = [
    { request: { VersionId: A, VersionStage: 'staged' }, name: 'InvalidRequestException' },
    { request: { VersionStage: 'unknown' }, name: 'ResourceNotFoundException' },
    { request: { VersionId: requestToken('unknown') }, name: 'ResourceNotFoundException' },
  ];
  for (const { request, name } of refused) {
    const reading = sandbox.client.send(new GetSecretValueCommand({ SecretId: 'pik', ...request }));
    await assert.rejects(reading, serviceError(name), JSON.stringify(request));
  }
});

test('whatever is put and moved, every label sits on one version and AWSPREVIOUS where AWSCURRENT came from', () => {
  const label = fc.constantFrom('AWSCURRENT', 'AWSPREVIOUS', 'x', 'y');
  const command = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), labels: fc.uniqueArray(label) }),
    fc.record({ kind: fc.constant('move' as const), label, target: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const history = new VersionHistory();
      for (const [index, step] of commands.entries()) {
        const currentBefore = history.holderOf('AWSCURRENT');
        const ids = history.all().map((version) => version.versionId);
        if (step.kind === 'add') {
          const value = { kind: 'text' as const, content: new SecretText('x') };
          const version = { versionId: `v${index}`, value, createdAtMs: index, kmsKeyId: undefined };
          history.add({ ...version, lastReadDayMs: undefined }, step.labels);
        } else {
          const target = ids[step.target % Math.max(1, ids.length)];
          if (target !== undefined) history.move(step.label, target);
        }
        const current = history.holderOf('AWSCURRENT');
        if (currentBefore !== undefined && current !== currentBefore) {
          assert.equal(history.holderOf('AWSPREVIOUS'), currentBefore);
        }
        const all = history.all().flatMap((version) => history.labelsOf(version.versionId));
        assert.equal(new Set(all).size, all.length);
      }
    }),
    { numRuns: 200 },
  );
});
