import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { OPERATION_NAMES, type OperationName } from '../../../src/sandbox/secrets-manager/operation.ts';
import { createSecretsManager } from '../../../src/sandbox/secrets-manager/secrets-manager.ts';
import { requestToken } from '../../support/emulated-secrets-manager.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fc } from '../../support/property.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const TOKEN = requestToken('a');

function execute(
  operation: OperationName,
  input: JsonObject,
): { readonly name: string; readonly message: string } {
  const engine = createSecretsManager({ clock: new FakeClock(), random: createSeededRandom(1) });
  engine.execute('CreateSecret', { Name: 'pik', SecretString: 'x', ClientRequestToken: TOKEN });
  const answer = engine.execute(operation, input);
  return answer.ok ? { name: 'ok', message: '' } : answer.refusal;
}

const cases: readonly {
  readonly name: string;
  readonly operation: OperationName;
  readonly input: JsonObject;
  readonly refusal: string;
  readonly message?: RegExp;
}[] = [
  ...['a b', 'a!', 'ä', 'a:b', 'a\n'].map((secretName) => ({
    name: `the name ${JSON.stringify(secretName)}`,
    operation: 'CreateSecret' as const,
    input: { Name: secretName },
    refusal: 'ValidationException',
    message: /^Invalid name\. Must be a valid name containing alphanumeric characters/,
  })),
  {
    name: 'a name with every allowed character',
    operation: 'CreateSecret',
    input: { Name: 'aZ09/_+=.@-' },
    refusal: 'ok',
  },
  {
    name: 'a name of 512 characters',
    operation: 'CreateSecret',
    input: { Name: 'n'.repeat(512) },
    refusal: 'ok',
  },
  {
    name: 'a name of 513 characters',
    operation: 'CreateSecret',
    input: { Name: 'n'.repeat(513) },
    refusal: 'ValidationException',
    message:
      /Value at 'name' failed to satisfy constraint: Member must have length less than or equal to 512$/,
  },
  {
    name: 'an empty name',
    operation: 'CreateSecret',
    input: { Name: '' },
    refusal: 'ValidationException',
    message: /Member must have length greater than or equal to 1$/,
  },
  {
    name: 'no name',
    operation: 'CreateSecret',
    input: {},
    refusal: 'ValidationException',
    message:
      /^1 validation error detected: Value at 'name' failed to satisfy constraint: Member must not be null$/,
  },
  {
    name: 'null for a member is the same as none',
    operation: 'CreateSecret',
    input: { Name: 'new', Description: null },
    refusal: 'ok',
  },
  {
    name: 'a number for a name',
    operation: 'CreateSecret',
    input: { Name: 7 },
    refusal: 'SerializationException',
  },
  {
    name: 'two broken members at once',
    operation: 'UpdateSecretVersionStage',
    input: { SecretId: '', VersionStage: 'v'.repeat(257) },
    refusal: 'ValidationException',
    message: /^2 validation errors detected: .*'secretId'.*; .*'versionStage'/,
  },
  {
    name: 'a value of 65,536 bytes',
    operation: 'CreateSecret',
    input: { Name: 'new', SecretString: 'é'.repeat(32_768), ClientRequestToken: TOKEN },
    refusal: 'ok',
  },
  {
    name: 'a value of 65,537 bytes',
    operation: 'CreateSecret',
    input: { Name: 'new', SecretString: `${'é'.repeat(32_768)}x`, ClientRequestToken: TOKEN },
    refusal: 'ValidationException',
    message: /Value at 'secretString' .* less than or equal to 65536$/,
  },
  {
    name: 'a binary value of 65,537 bytes',
    operation: 'PutSecretValue',
    input: {
      SecretId: 'pik',
      SecretBinary: Buffer.alloc(65_537).toString('base64'),
      ClientRequestToken: TOKEN,
    },
    refusal: 'ValidationException',
    message: /Value at 'secretBinary' .* less than or equal to 65536$/,
  },
  {
    name: 'an empty value',
    operation: 'PutSecretValue',
    input: { SecretId: 'pik', SecretString: '', ClientRequestToken: TOKEN },
    refusal: 'ValidationException',
  },
  {
    name: 'both kinds of value',
    operation: 'PutSecretValue',
    input: { SecretId: 'pik', SecretString: 'x', SecretBinary: 'eA==', ClientRequestToken: TOKEN },
    refusal: 'InvalidParameterException',
  },
  {
    name: 'neither kind of value',
    operation: 'PutSecretValue',
    input: { SecretId: 'pik', ClientRequestToken: TOKEN },
    refusal: 'InvalidRequestException',
  },
  {
    name: 'a value without a request token',
    operation: 'PutSecretValue',
    input: { SecretId: 'pik', SecretString: 'x' },
    refusal: 'InvalidRequestException',
    message: /^You must provide a ClientRequestToken value\. We recommend a UUID-type value\.$/,
  },
  ...[31, 65].map((length) => ({
    name: `a request token of ${length} characters`,
    operation: 'PutSecretValue' as const,
    input: { SecretId: 'pik', SecretString: 'x', ClientRequestToken: 't'.repeat(length) },
    refusal: 'InvalidParameterException',
    message: /32-64 characters/,
  })),
  ...[32, 64].map((length) => ({
    name: `a request token of ${length} characters`,
    operation: 'PutSecretValue' as const,
    input: { SecretId: 'pik', SecretString: 'x', ClientRequestToken: 't'.repeat(length) },
    refusal: 'ok',
  })),
  {
    name: 'a batch of 21',
    operation: 'BatchGetSecretValue',
    input: { SecretIdList: Array.from({ length: 21 }, () => 'pik') },
    refusal: 'ValidationException',
    message: /'secretIdList' .* length less than or equal to 20$/,
  },
  {
    name: 'a batch by list and by filter',
    operation: 'BatchGetSecretValue',
    input: { SecretIdList: ['pik'], Filters: [{ Key: 'name', Values: ['p'] }] },
    refusal: 'InvalidParameterException',
  },
  {
    name: 'a batch by neither',
    operation: 'BatchGetSecretValue',
    input: {},
    refusal: 'InvalidParameterException',
  },
  {
    name: 'a batch by list with a page size',
    operation: 'BatchGetSecretValue',
    input: { SecretIdList: ['pik'], MaxResults: 2 },
    refusal: 'InvalidParameterException',
  },
  {
    name: 'a filter key that does not exist',
    operation: 'ListSecrets',
    input: { Filters: [{ Key: 'owner', Values: ['x'] }] },
    refusal: 'ValidationException',
    message: /'filters\.0\.Key' .* enum value set: \[description, name, /,
  },
  {
    name: 'a filter value with a character that is not allowed',
    operation: 'ListSecrets',
    input: { Filters: [{ Key: 'name', Values: ['a*'] }] },
    refusal: 'ValidationException',
  },
  {
    name: 'a page of 101',
    operation: 'ListSecrets',
    input: { MaxResults: 101 },
    refusal: 'ValidationException',
    message: /'maxResults' .* value less than or equal to 100$/,
  },
  {
    name: 'a version id that is too short',
    operation: 'GetSecretValue',
    input: { SecretId: 'pik', VersionId: 'short' },
    refusal: 'ValidationException',
  },
  {
    name: 'a tag with a reserved key at creation',
    operation: 'CreateSecret',
    input: { Name: 'new', Tags: [{ Key: 'aws:x', Value: 'y' }] },
    refusal: 'InvalidParameterException',
  },
  {
    name: '51 tags at creation',
    operation: 'CreateSecret',
    input: { Name: 'new', Tags: Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: '' })) },
    refusal: 'InvalidParameterException',
  },
];

for (const { name, operation, input, refusal, message } of cases) {
  test(`${operation} with ${name}: ${refusal}`, () => {
    const outcome = execute(operation, input);
    assert.equal(outcome.name, refusal, outcome.message);
    assert.match(outcome.message, message ?? /^/);
  });
}

test('whatever arrives, the engine answers or refuses, and no refusal quotes a value', () => {
  const secret = 'canary-3f9c';
  const tainted = fc.oneof(
    fc.constantFrom(secret, `${secret} `.repeat(9_000), [secret], { [secret]: secret }, 7, true, null, ''),
    fc.constantFrom('pik', TOKEN, requestToken('z'), 'AWSCURRENT', 'eA=='),
  );
  const members = [
    'SecretString',
    'SecretBinary',
    'Description',
    'KmsKeyId',
    'Tags',
    'VersionStages',
    'Filters',
  ];
  const input = fc.record(
    {
      SecretId: fc.constantFrom('pik', 'absent', 7),
      Name: fc.constantFrom('pik', 'new', 7),
      ClientRequestToken: fc.constantFrom(TOKEN, requestToken('z'), 'short', 7),
      ...Object.fromEntries(members.map((member) => [member, tainted])),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.constantFrom(...OPERATION_NAMES), input, (operation, request) => {
      const outcome = execute(operation, request);
      assert.ok(!outcome.message.includes(secret), outcome.message);
    }),
    { numRuns: 500 },
  );
});
