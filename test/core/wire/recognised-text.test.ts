import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import { recogniseCode, recogniseMessage } from '../../../src/core/wire/recognised-text.ts';

const secrets = [new SecretText('sk_live_horse456'), new SecretText('4017301'), new SecretText('suspended!')];

describe('a code from outside', () => {
  const cases: readonly (readonly [unknown, string | undefined])[] = [
    ['INVALID_CREDENTIALS', 'INVALID_CREDENTIALS'],
    ['INVALID_REFRESH_TOKEN', 'INVALID_REFRESH_TOKEN'],
    ['invalid_grant', 'invalid_grant'],
    ['ThrottlingException', 'ThrottlingException'],
    ['4017300', '4017300'],
    [4017300, '4017300'],
    [403, '403'],
    [401, undefined],
    ['4017301', undefined],
    ['1001', undefined],
    ['847201', undefined],
    ['sk_live', undefined],
    ['MERCHANT_SUSPENDED', undefined],
    ['unauthorized_client', 'unauthorized_client'],
    ['iNvALid', undefined],
    ['two words', undefined],
    ['', undefined],
    [null, undefined],
    [{}, undefined],
  ];
  for (const [value, expected] of cases) {
    test(`${JSON.stringify(value)} becomes ${expected}`, () => {
      assert.equal(recogniseCode(value, secrets), expected);
    });
  }
});

test('an error code of RFC 6749 is shown beside a secret with a word of it, and hidden when it is half of it', () => {
  const recognise = (secret: string) => recogniseCode('invalid_client', [new SecretText(secret)]);
  assert.equal(recognise('client-4f9a-hqzv-wxkc'), 'invalid_client');
  for (const secret of ['client-1', 'invalid', 'my client', 'InvalidClient99', 'dilavni'])
    assert.equal(recognise(secret), undefined, secret);
});

describe('a message from outside', () => {
  const cases: readonly (readonly [unknown, string | undefined])[] = [
    ['Invalid API Key or Secret', 'Invalid API Key or Secret'],
    ['Unauthorized.Invalid Signature', 'Unauthorized.Invalid Signature'],
    ['Invalid client credentials', 'Invalid client credentials'],
    ['Kredensial tidak valid', 'Kredensial tidak valid'],
    ['Missing a required parameter: grant_type.', 'Missing required parameter: grant_type.'],
    ['AADSTS7000215: Invalid client secret provided.', '... Invalid client secret provided.'],
    ['merchant suspended, contact support', 'merchant ... contact support'],
    ['key sk_live_horse456 is unknown', 'key ... is unknown'],
    ['key s k l i v e is unknown', 'key ... is unknown'],
    ['error 42 of 1234', 'error ... of ...'],
    ['密钥错误', undefined],
    ['zero one two', undefined],
    ['', undefined],
    [{}, undefined],
  ];
  for (const [value, expected] of cases) {
    test(`${JSON.stringify(value)} becomes ${JSON.stringify(expected) ?? 'undefined'}`, () => {
      assert.equal(recogniseMessage(value, secrets), expected);
    });
  }

  test('has 120 characters at most, and whole words', () => {
    const message = recogniseMessage('invalid '.repeat(100), []) ?? '';
    assert.ok(message.length <= 120);
    assert.match(message, /^invalid( invalid)*$/);
  });
});
