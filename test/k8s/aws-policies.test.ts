/** IAM: what the program calls is allowed, and nothing else; the Terraform module fills in what the policies leave open. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createSecretsManagerClient } from '../../src/adapters/secrets-manager/client.ts';
import { OWNER_TAG_KEY, OWNER_TAG_VALUE } from '../../src/adapters/secrets-manager/ownership.ts';
import { createSdkService } from '../../src/adapters/secrets-manager/service.ts';
import { PROJECT } from '../support/program-process.ts';
import { listReferences, readShippedConfiguration } from '../support/shipped-configuration.ts';
import { createDirectTransport } from '../support/transport.ts';

const FOLDER = join(PROJECT, 'k8s/aws');

const listSchema = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const policySchema = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: z.array(
    z.strictObject({
      Sid: z.string().regex(/^[A-Za-z0-9]+$/),
      Effect: z.literal('Allow'),
      Action: listSchema,
      Resource: listSchema,
      Condition: z.strictObject({ StringEquals: z.record(z.string(), z.string()) }).optional(),
    }),
  ),
});

function read(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

function statementsOf(name: string) {
  return policySchema.parse(JSON.parse(read(name))).Statement;
}

function actionsOf(name: string): readonly string[] {
  return [...new Set(statementsOf(name).flatMap(({ Action }) => Action))].toSorted();
}

/** Names in `${…}` of a policy. */
function placeholdersOf(name: string): readonly string[] {
  return [...read(name).matchAll(/\$\{(?<name>\w+)\}/g)].map(({ groups }) => groups?.['name'] ?? '');
}

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
/** Who may take on the roles; what they may do then is in the others. */
const TRUST_POLICY = 'pod-identity-trust-policy.json';
const POLICIES = FILES.filter((name) => name !== TRUST_POLICY);
/** What a policy's placeholders are in the module, by default. */
const DEFAULTS = Object.fromEntries(
  [...read('variables.tf').matchAll(/variable "(?<name>\w+)" \{[^}]*?default\s+= "(?<value>[^"]*)"/g)].map(
    ({ groups }) => [groups?.['name'] ?? '', groups?.['value'] ?? ''],
  ),
);

describe('the IAM policies', () => {
  it('allow the writer exactly the operations that the store has', () => {
    const client = createSecretsManagerClient({
      transport: createDirectTransport(),
      region: 'ap-southeast-3',
      endpoint: undefined,
      credentials: undefined,
    });
    const operations = Object.keys(createSdkService(client));
    client.destroy();
    const wanted = operations.map((name) => `secretsmanager:${name[0]?.toUpperCase()}${name.slice(1)}`);
    assert.deepEqual(actionsOf('writer-policy.json'), wanted.toSorted());
  });

  it('allow the reader to read tokens, and no state of a chain', () => {
    assert.deepEqual(actionsOf('reader-policy.json'), [
      'secretsmanager:DescribeSecret',
      'secretsmanager:GetSecretValue',
    ]);
    assert.deepEqual(placeholdersOf('reader-policy.json'), [
      'partition',
      'region',
      'account_id',
      'token_prefix',
    ]);
    assert.ok(!DEFAULTS['state_prefix']?.startsWith(DEFAULTS['token_prefix'] ?? ''));
  });

  it('let nobody write what does not carry the daemon’s tag', () => {
    const writing = /:(?:Put|Update|Create|Tag)/;
    for (const name of POLICIES) {
      for (const { Sid, Action, Condition } of statementsOf(name)) {
        if (!Action.some((action) => writing.test(action))) continue;
        const [[condition, value] = []] = Object.entries(Condition?.StringEquals ?? {});
        assert.match(condition ?? '', new RegExp(`^aws:(?:Resource|Request)Tag/${OWNER_TAG_KEY}$`), Sid);
        assert.equal(value, OWNER_TAG_VALUE, Sid);
      }
    }
  });

  it('name every resource, but for the two operations that know none', () => {
    const everywhere = POLICIES.flatMap(statementsOf).filter(({ Resource }) => Resource.includes('*'));
    assert.deepEqual(everywhere.flatMap(({ Action }) => Action).toSorted(), [
      'secretsmanager:BatchGetSecretValue',
      'secretsmanager:ListSecrets',
    ]);
    for (const { Action } of POLICIES.flatMap(statementsOf))
      for (const action of Action) assert.doesNotMatch(action, /\*/);
  });

  it('allow the use of a key through Secrets Manager alone: writing needs a data key, reading does not', () => {
    assert.deepEqual(actionsOf('writer-kms-policy.json'), ['kms:Decrypt', 'kms:GenerateDataKey']);
    assert.deepEqual(actionsOf('reader-kms-policy.json'), ['kms:Decrypt']);
    for (const name of ['writer-kms-policy.json', 'reader-kms-policy.json'])
      for (const { Condition } of statementsOf(name))
        assert.deepEqual(Condition?.StringEquals, {
          'kms:ViaService': 'secretsmanager.${region}.amazonaws.com',
        });
  });

  it('cover the secrets of overlays/example: tokens, chains, credentials', () => {
    const configuration = readShippedConfiguration('overlays/example/config/config.yaml');
    const startsWith = (name: string, prefix: string): void =>
      assert.ok(name.startsWith(DEFAULTS[prefix] ?? '-'), `${name} ${prefix}`);
    for (const { tokens } of configuration.providers) {
      for (const { identity, stateSecret } of tokens) {
        startsWith(identity.secret, 'token_prefix');
        if (stateSecret !== undefined) startsWith(stateSecret, 'state_prefix');
      }
    }
    for (const reference of listReferences(configuration))
      if (reference.kind === 'awsSecret') startsWith(reference.id, 'credentials_prefix');
  });
});

describe('the trust policy', () => {
  it('lets Pod Identity hand the role to pods of this account, and nobody else', () => {
    const trust = z
      .strictObject({
        Version: z.literal('2012-10-17'),
        Statement: z.tuple([
          z.strictObject({
            Sid: z.string(),
            Effect: z.literal('Allow'),
            Principal: z.strictObject({ Service: z.literal('pods.eks.amazonaws.com') }),
            Action: z.tuple([z.literal('sts:AssumeRole'), z.literal('sts:TagSession')]),
            Condition: z.record(z.string(), z.record(z.string(), z.string())),
          }),
        ]),
      })
      .parse(JSON.parse(read(TRUST_POLICY)));
    assert.deepEqual(trust.Statement[0].Condition, {
      StringEquals: { 'aws:SourceAccount': '${account_id}' },
    });
  });
});

describe('the Terraform module', () => {
  const main = read('main.tf');

  it('fills in every placeholder of the policies, and has no value to spare', () => {
    const values = /values = \{(?<body>[^}]*)\}/.exec(main)?.groups?.['body'] ?? '';
    const given = [...values.matchAll(/^\s+(?<name>\w+)\s+=/gm)].map(({ groups }) => groups?.['name'] ?? '');
    assert.deepEqual(given.toSorted(), [...new Set(FILES.flatMap(placeholdersOf))].toSorted());
  });

  it('attaches the very files', () => {
    const named = [...main.matchAll(/["/](?<file>[\w-]+\.json)"/g)].map(
      ({ groups }) => groups?.['file'] ?? '',
    );
    assert.deepEqual(named.toSorted(), FILES.toSorted());
  });

  it('uses every variable that it declares, and declares every one that it uses', () => {
    const declared = [...read('variables.tf').matchAll(/^variable "(?<name>\w+)"/gm)];
    const used = [...main.matchAll(/\bvar\.(?<name>\w+)/g)];
    const names = (matches: readonly RegExpExecArray[]): readonly string[] =>
      [...new Set(matches.map(({ groups }) => groups?.['name'] ?? ''))].toSorted();
    assert.deepEqual(names(declared), names(used));
  });

  it('is made for the namespace and the account of overlays/example', () => {
    assert.equal(DEFAULTS['namespace'], 'token-refresher');
    assert.equal(DEFAULTS['service_account'], 'token-refresher');
  });

  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.tf'))) {
    it(`is formatted as terraform fmt does: ${file}`, () => {
      const text = read(file);
      assert.doesNotMatch(text, /\t| +$|\n{3}|\n\n$/m);
      assert.ok(text.endsWith('\n'));
      for (const [line = ''] of text.matchAll(/^ +/gm)) assert.equal(line.length % 2, 0);
      assert.deepEqual(findMisalignment(text), []);
    });
  }
});

/** Single-line attributes that follow each other have their `=` in one column. */
function findMisalignment(text: string): readonly string[] {
  const lines = text.split('\n');
  const attribute = /^(?<indent> *)(?<name>[\w-]+)(?<gap> +)= (?!\{$|\[$|merge\($)/;
  return lines.filter((line, index) => {
    const here = attribute.exec(line)?.groups;
    const next = attribute.exec(lines[index + 1] ?? '')?.groups;
    if (here === undefined || next === undefined || here['indent'] !== next['indent']) return false;
    return `${here['name']}${here['gap']}`.length !== `${next['name']}${next['gap']}`.length;
  });
}
