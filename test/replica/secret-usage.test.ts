import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { TokenConfiguration } from '../../src/config/configuration.ts';
import { SecretUsage } from '../../src/replica/secret-usage.ts';
import { CUSTOMERS, parseText } from '../support/configuration-text.ts';
import { buildIdentity } from '../support/sample-events.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:credentials/key-AbCdEf';

const PUBLISHED = { publish: { to: 'aws-secrets-manager', mirrors: [] } };

function createUsage(): SecretUsage {
  const parsed = parseText(
    CUSTOMERS.replace('file: key.pem', `awsSecret: "${ARN}"`).replace(
      '{ env: AYU }',
      '{ awsSecret: bindings, key: ayu }',
    ),
  );
  assert.ok(parsed.ok, inspect(parsed));
  return new SecretUsage(parsed.configuration);
}

function buildToken(provider: string): TokenConfiguration {
  return {
    identity: buildIdentity(`${provider}/citra`, { secret: 'payments/citra' }),
    stateSecret: 'state/citra',
    customerCredentials: {},
  };
}

describe('SecretUsage', () => {
  for (const [secretName, owner] of [
    ['payments/ayu', 'the token of b2b2c/ayu is written to it'],
    ['token-refresher/state/payments/ayu', 'the token of b2b2c/ayu is written to it'],
    ['credentials/key', 'a credential of b2b2c is read from it'],
    ['bindings', 'a credential of b2b2c is read from it'],
    ['payments/citra', undefined],
  ] as const) {
    it(`knows what the configuration uses ${secretName} for: ${owner ?? 'nothing'}`, () => {
      assert.equal(createUsage().describeOwner(secretName, 'b2b2c'), owner);
    });
  }

  it('keeps the secrets of a discovered token from other providers, for as long as it is kept', () => {
    const usage = createUsage();
    const token = buildToken('other');
    usage.claim(token, PUBLISHED);
    for (const secretName of ['payments/citra', 'state/citra']) {
      assert.equal(usage.describeOwner(secretName, 'b2b2c'), 'the token of other/citra is written to it');
      assert.equal(usage.describeOwner(secretName, 'other'), undefined);
    }
    usage.release(token, PUBLISHED);
    assert.equal(usage.describeOwner('payments/citra', 'b2b2c'), undefined);
  });
});
