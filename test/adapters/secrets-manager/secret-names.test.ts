import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SECRET_NAMES } from '../../../src/adapters/secrets-manager/secret-names.ts';

describe('the name of a secret', () => {
  for (const [name, isAllowed] of [
    ['payments/pik', true],
    ['a', true],
    ['/_+=.@-', true],
    ['x'.repeat(512), true],
    ['x'.repeat(513), false],
    ['', false],
    ['payments pik', false],
    ['payments/{customer}', false],
    ['payments/pik:1', false],
    ['payments/pik-abcdef', false],
    ['payments/pik-abcde', true],
    ['payments/pik-abcdefg', true],
    ['payments/pik\n', false],
  ] as const) {
    it(`${isAllowed ? 'allows' : 'refuses'} ${JSON.stringify(name).slice(0, 30)}`, () => {
      assert.equal(SECRET_NAMES.pattern.test(name), isAllowed);
    });
  }
});

describe('the name in an id', () => {
  for (const [id, name] of [
    ['payments/pik', 'payments/pik'],
    ['arn:aws:secretsmanager:ap-southeast-3:123456789012:secret:payments/pik-AbCdEf', 'payments/pik'],
    ['arn:aws:secretsmanager:ap-southeast-3:123456789012:secret:payments/pik', 'payments/pik'],
    ['arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a-b-AbCdEf', 'a-b'],
  ] as const) {
    it(`finds ${name} in ${id}`, () => {
      assert.equal(SECRET_NAMES.nameOf(id), name);
    });
  }
});
