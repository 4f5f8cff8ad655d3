import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { doesTrust, isAllowed, parsePolicy, parseTrustPolicy } from './iam-policy.ts';

const ARN = 'arn:aws:secretsmanager:ap-southeast-1:000000000000:secret:payments/';
const statement = {
  Sid: 'Write',
  Effect: 'Allow',
  Action: 'secretsmanager:PutSecretValue',
  Resource: [`${ARN}*`],
  Condition: { StringEquals: { 'aws:ResourceTag/managed-by': 'token-refresher' } },
};
const policyOf = (changes: object): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...changes }] });

describe('a policy', () => {
  for (const [what, text] of [
    ['what is no JSON', '{'],
    [
      'a placeholder that is left',
      policyOf({ Resource: 'arn:aws:secretsmanager:r:000000000000:secret:${p}*' }),
    ],
    [
      'a region that is left',
      policyOf({ Resource: 'arn:aws:secretsmanager:${region}:000000000000:secret:a' }),
    ],
    ['a field that IAM does not know', policyOf({ Actions: [] })],
    ['an action that is none', policyOf({ Action: 'PutSecretValue' })],
    ['an effect that is none', policyOf({ Effect: 'Permit' })],
  ] as const) {
    it(`is refused for ${what}`, () => assert.equal(typeof parsePolicy(text), 'string'));
  }

  for (const [what, call, expected] of [
    ['allows what it names', {}, true],
    ['allows no other action', { action: 'secretsmanager:DeleteSecret' }, false],
    ['allows nothing elsewhere', { resource: ARN.replace('payments', 'others') }, false],
    ['allows nothing without its condition', { context: {} }, false],
  ] as const) {
    it(what, () => {
      const policy = parsePolicy(policyOf({}));
      assert.ok(typeof policy !== 'string');
      const context = { 'aws:ResourceTag/managed-by': 'token-refresher' };
      const asked = { action: statement.Action, resource: `${ARN}pik-AbCdEf`, context };
      assert.equal(isAllowed([policy], { ...asked, ...call }), expected);
    });
  }
});

describe('a trust policy', () => {
  const trustOf = (changes: object): string =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'PodIdentity',
          Effect: 'Allow',
          Principal: { Service: 'pods.eks.amazonaws.com' },
          Action: ['sts:AssumeRole', 'sts:TagSession'],
          ...changes,
        },
      ],
    });
  const source = (account: string) => ({ Condition: { StringEquals: { 'aws:SourceAccount': account } } });

  for (const [what, text, expected] of [
    ['lets the pods of its account in', trustOf(source('000000000000')), true],
    ['lets no pods of another account in', trustOf(source('111122223333')), false],
    ['needs the right to tag the session', trustOf({ Action: 'sts:AssumeRole' }), false],
    ['lets no other service in', trustOf({ Principal: { Service: 'ec2.amazonaws.com' } }), false],
  ] as const) {
    it(what, () => {
      const trust = parseTrustPolicy(text);
      assert.ok(typeof trust !== 'string');
      assert.equal(doesTrust(trust, 'pods.eks.amazonaws.com', '000000000000'), expected);
    });
  }

  it('is refused for a placeholder that is left', () =>
    assert.equal(parseTrustPolicy(trustOf(source('${account_id}'))), 'a placeholder is left'));
});
