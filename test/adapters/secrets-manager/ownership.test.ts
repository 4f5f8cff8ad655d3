import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideOwnership, ownerTags } from '../../../src/adapters/secrets-manager/ownership.ts';
import { SECRET } from '../../support/store-write.ts';

const OURS = [{ Key: 'managed-by', Value: 'token-refresher' }];
const THEIRS = [{ Key: 'managed-by', Value: 'terraform' }];
const CALL = { operation: 'DescribeSecret', secretName: SECRET, section: 'store' };
const REMEDY =
  'so it is not ours and stays untouched: tag it managed-by=token-refresher, name it under store.adopt, or use another secret';

describe('decideOwnership', () => {
  const adopted = new Set([SECRET]);
  const cases: readonly {
    readonly what: string;
    readonly secret: Parameters<typeof decideOwnership>[0];
    readonly adopt?: ReadonlySet<string>;
    readonly expected: 'ours' | 'to-be-adopted' | readonly [code: string, message: string];
  }[] = [
    { what: 'our tag', secret: { Tags: OURS }, expected: 'ours' },
    {
      what: 'our tag among others',
      secret: { Tags: [{ Key: 'team', Value: 'x' }, ...OURS] },
      expected: 'ours',
    },
    { what: 'our tag, named for adoption', secret: { Tags: OURS }, adopt: adopted, expected: 'ours' },
    { what: 'no tag, named for adoption', secret: {}, adopt: adopted, expected: 'to-be-adopted' },
    {
      what: 'another owner, named for adoption',
      secret: { Tags: THEIRS },
      adopt: adopted,
      expected: 'to-be-adopted',
    },
    {
      what: 'no tags',
      secret: {},
      expected: ['store-not-ours', `secret ${SECRET} has no tag managed-by, ${REMEDY}`],
    },
    {
      what: 'another one named for adoption',
      secret: { Tags: [] },
      adopt: new Set(['payments/pik2', 'payments']),
      expected: ['store-not-ours', `secret ${SECRET} has no tag managed-by, ${REMEDY}`],
    },
    {
      what: 'another owner',
      secret: { Tags: THEIRS },
      expected: ['store-not-ours', `secret ${SECRET} has the tag managed-by=terraform, ${REMEDY}`],
    },
    {
      what: 'our tag in another case',
      secret: { Tags: [{ Key: 'Managed-By', Value: 'token-refresher' }] },
      expected: ['store-not-ours', `secret ${SECRET} has no tag managed-by, ${REMEDY}`],
    },
    {
      what: 'a service as owner, our tag, named for adoption',
      secret: { OwningService: 'rds', Tags: OURS },
      adopt: adopted,
      expected: ['store-not-ours', `secret ${SECRET} is managed by the AWS service rds: use another secret`],
    },
    {
      what: 'our tag, scheduled for deletion',
      secret: { DeletedDate: new Date(0), Tags: OURS },
      adopt: adopted,
      expected: [
        'store-deleting',
        `secret ${SECRET} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${SECRET}), ` +
          'or take its token out of the configuration',
      ],
    },
  ];

  for (const { what, secret, adopt = new Set<string>(), expected } of cases) {
    it(`knows what to do about a secret with ${what}`, () => {
      const decision = decideOwnership(secret, CALL, adopt);
      if (typeof expected === 'string') assert.deepEqual(decision, { ok: true, value: expected });
      else {
        const [code, message] = expected;
        assert.deepEqual(decision, { ok: false, failure: { code, retry: 'needs-human', message } });
      }
    });
  }
});

describe('ownerTags', () => {
  it('adds our tag to the configured ones', () => {
    assert.deepEqual(ownerTags({ team: 'payments' }), [{ Key: 'team', Value: 'payments' }, ...OURS]);
  });

  it('lets no configured tag take the place of ours', () => {
    assert.deepEqual(ownerTags({ 'managed-by': 'somebody' }), OURS);
  });
});
