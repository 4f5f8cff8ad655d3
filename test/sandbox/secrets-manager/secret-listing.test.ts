import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  type Filter,
  ListSecretsCommand,
  type ListSecretsRequest,
  paginateListSecrets,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-secrets-manager';
import {
  type EmulatedSecretsManager,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';

async function startWithSecrets(): Promise<EmulatedSecretsManager> {
  const sandbox = await startEmulatedSecretsManager();
  const secrets = [
    {
      Name: 'Tokens/pik',
      Description: 'Access token of PIK',
      Tags: [{ Key: 'managed-by', Value: 'token-refresher' }],
    },
    { Name: 'tokens/apimw', Description: 'access token of apimw', Tags: [{ Key: 'team', Value: 'pay' }] },
    { Name: 'tokens/old', Description: 'by hand', Tags: [{ Key: 'managed-by', Value: 'nobody' }] },
  ];
  for (const secret of secrets) {
    await sandbox.client.send(new CreateSecretCommand({ ...secret, SecretString: 'never listed' }));
    await sandbox.clock.advance(1_000);
  }
  return sandbox;
}

async function namesOf(sandbox: EmulatedSecretsManager, request: ListSecretsRequest): Promise<unknown> {
  const listed = await sandbox.client.send(new ListSecretsCommand(request));
  return listed.SecretList?.map((entry) => entry.Name);
}

test('secrets are filtered by name, description, tags and words', async () => {
  await using sandbox = await startWithSecrets();
  const cases: readonly { filters: Filter[]; names: string[] }[] = [
    { filters: [], names: ['Tokens/pik', 'tokens/apimw', 'tokens/old'] },
    { filters: [{ Key: 'name', Values: ['tokens/'] }], names: ['tokens/apimw', 'tokens/old'] },
    { filters: [{ Key: 'name', Values: ['pik'] }], names: [] },
    { filters: [{ Key: 'name', Values: ['tokens/o', 'Tok'] }], names: ['Tokens/pik', 'tokens/old'] },
    { filters: [{ Key: 'name', Values: ['!tokens/'] }], names: ['Tokens/pik'] },
    { filters: [{ Key: 'name', Values: ['tokens/', '!tokens/o'] }], names: ['tokens/apimw'] },
    { filters: [{ Key: 'description', Values: ['ACCESS'] }], names: ['Tokens/pik', 'tokens/apimw'] },
    { filters: [{ Key: 'tag-key', Values: ['managed'] }], names: ['Tokens/pik', 'tokens/old'] },
    { filters: [{ Key: 'tag-key', Values: ['Managed'] }], names: [] },
    { filters: [{ Key: 'tag-value', Values: ['token-'] }], names: ['Tokens/pik'] },
    { filters: [{ Key: 'all', Values: ['PIK'] }], names: ['Tokens/pik'] },
    { filters: [{ Key: 'all', Values: ['hand refresh'] }], names: [] },
    { filters: [{ Key: 'all', Values: ['token apimw'] }], names: ['tokens/apimw'] },
    { filters: [{ Key: 'all', Values: ['pay'] }], names: ['tokens/apimw'] },
    { filters: [{ Key: 'owning-service', Values: ['rds'] }], names: [] },
    {
      filters: [
        { Key: 'tag-key', Values: ['managed-by'] },
        { Key: 'description', Values: ['by'] },
      ],
      names: ['tokens/old'],
    },
  ];
  for (const { filters, names } of cases) {
    assert.deepEqual(await namesOf(sandbox, { Filters: filters }), names, JSON.stringify(filters));
  }
});

test('secrets are sorted by creation unless something else is asked for', async () => {
  await using sandbox = await startWithSecrets();
  await sandbox.client.send(
    new TagResourceCommand({ SecretId: 'Tokens/pik', Tags: [{ Key: 'k', Value: 'v' }] }),
  );
  const cases: readonly { request: ListSecretsRequest; names: string[] }[] = [
    { request: {}, names: ['Tokens/pik', 'tokens/apimw', 'tokens/old'] },
    { request: { SortOrder: 'desc' }, names: ['tokens/old', 'tokens/apimw', 'Tokens/pik'] },
    { request: { SortBy: 'name', SortOrder: 'desc' }, names: ['tokens/old', 'tokens/apimw', 'Tokens/pik'] },
    { request: { SortBy: 'last-changed-date' }, names: ['tokens/apimw', 'tokens/old', 'Tokens/pik'] },
    { request: { SortBy: 'last-accessed-date' }, names: ['Tokens/pik', 'tokens/apimw', 'tokens/old'] },
  ];
  for (const { request, names } of cases) {
    assert.deepEqual(await namesOf(sandbox, request), names, JSON.stringify(request));
  }
});

test('the SDK pages through all secrets, and a forged or foreign page token is refused', async () => {
  await using sandbox = await startWithSecrets();
  const names: unknown[] = [];
  for await (const page of paginateListSecrets({ client: sandbox.client, pageSize: 2 }, {})) {
    names.push(page.SecretList?.map((entry) => entry.Name));
  }
  assert.deepEqual(names, [['Tokens/pik', 'tokens/apimw'], ['tokens/old']]);
  const foreign = Buffer.from('ListSecretVersionIds:1').toString('base64url');
  for (const NextToken of ['forged', foreign]) {
    const listing = sandbox.client.send(new ListSecretsCommand({ NextToken }));
    await assert.rejects(listing, serviceError('InvalidNextTokenException'), NextToken);
  }
});

test('a listing shows labels and no value', async () => {
  await using sandbox = await startWithSecrets();
  const listed = await sandbox.client.send(new ListSecretsCommand({ MaxResults: 1 }));
  const labels = Object.values(listed.SecretList?.[0]?.SecretVersionsToStages ?? {});
  assert.deepEqual(labels, [['AWSCURRENT']]);
  assert.ok(!JSON.stringify(listed).includes('never listed'));
});

test('tags are added, replaced and removed; a refused request changes none', async () => {
  await using sandbox = await startWithSecrets();
  const { client } = sandbox;
  const SecretId = 'tokens/old';
  const tags = async () => (await client.send(new DescribeSecretCommand({ SecretId }))).Tags;
  await client.send(
    new TagResourceCommand({
      SecretId,
      Tags: [
        { Key: 'managed-by', Value: 'us' },
        { Key: 'x', Value: '' },
      ],
    }),
  );
  await client.send(new UntagResourceCommand({ SecretId, TagKeys: ['x', 'absent'] }));
  assert.deepEqual(await tags(), [{ Key: 'managed-by', Value: 'us' }]);

  const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
  const refused = [
    {
      name: 'reserved',
      Tags: [
        { Key: 'ok', Value: 'v' },
        { Key: 'aws:team', Value: 'v' },
      ],
    },
    {
      name: 'twice',
      Tags: [
        { Key: 'ok', Value: 'v' },
        { Key: 'ok', Value: 'w' },
      ],
    },
    { name: 'bad character', Tags: [{ Key: 'a{b', Value: 'v' }] },
    { name: 'more than 50 in all', Tags: many },
  ];
  for (const { name, Tags } of refused) {
    const tagging = client.send(new TagResourceCommand({ SecretId, Tags }));
    await assert.rejects(tagging, serviceError('InvalidParameterException'), name);
  }
  assert.deepEqual(await tags(), [{ Key: 'managed-by', Value: 'us' }]);
  await client.send(new TagResourceCommand({ SecretId, Tags: many.slice(1) }));
  assert.equal((await tags())?.length, 50);
});
