import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeReference } from '../../src/core/credential/credential-reference.ts';
import { CUSTOMERS, PIVOT, parseText } from '../support/configuration-text.ts';

describe('a literal credential', () => {
  const CANARY = 'c4n4ry';
  const places: readonly string[] = [
    PIVOT.replace('{ env: MERCHANT_ID }', CANARY),
    PIVOT.replace('{ env: MERCHANT_ID }', `[${CANARY}]`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ ${CANARY} }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ value: ${CANARY} }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ env: "${CANARY}-1" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ env: { value: ${CANARY} } }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ file: "-----BEGIN\\n${CANARY}" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ awsSecret: "${CANARY} x" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `!plain ${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `"${CANARY}" ${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `*${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `"\\q${CANARY}"`),
    PIVOT.replace('{ env: MERCHANT_ID }', `@${CANARY}`),
    PIVOT.replace('kind: pivot', 'kind: pivto').replace('{ env: MERCHANT_ID }', CANARY),
    PIVOT.replace('kind: pivot', 'kind: pivto').replace(/\{ merchantId.*\}/, `{ ${CANARY} }`),
    PIVOT.replace(/\{ merchantId.*\}/, CANARY),
    PIVOT.replace(/\{ merchantId.*\}/, `{ ${CANARY} }`),
    PIVOT.replace(/\{ merchantId.*\}/, `[${CANARY}]`),
    `${PIVOT}    merchantSecret: ${CANARY}\n`,
    `${PIVOT}    baseUrl: https://user:${CANARY}@api.example.com\n`,
    `${PIVOT}    baseUrl: https://api.example.com/?key=${CANARY}\n`,
    `${PIVOT}    refreshAfter: ${CANARY.repeat(11)}\n`,
    `${PIVOT}    schedule: ${CANARY.repeat(11)}\n`,
    `${PIVOT}  - ${CANARY}\n`,
    CUSTOMERS.replace('{ env: AYU }', CANARY),
    CUSTOMERS.replace('bindingId: { env: AYU }', CANARY),
    CUSTOMERS.replace('bindingId: { env: AYU }', `binding: ${CANARY}`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: [${CANARY}]\n`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: ${CANARY}\n`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: { ayu: ${CANARY} }\n`),
    CANARY,
    `}${CANARY}`,
    `%${CANARY}\n---\n${PIVOT}`,
  ];
  for (const [index, text] of places.entries()) {
    it(`is refused and never quoted, wherever it stands (${index + 1})`, () => {
      const parsed = parseText(text);
      assert.ok(!parsed.ok);
      assert.ok(parsed.problems.length > 0);
      assert.doesNotMatch(JSON.stringify(parsed.problems), new RegExp(CANARY));
    });
  }
});

describe('a credential in the place of a name', () => {
  const VALUES = [
    'sk_live_51HcanaryQ8x',
    'sk_test_canary',
    'AKIAIOSFODNN7CANARY1',
    'canary_password',
    'c4n4ry',
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    'eyJhbGciOiJIUzI1NiJ9',
    'A1B2C3D4E5F6G7H8I9J0',
    '_0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  ];
  for (const value of VALUES) {
    it(`is not quoted as a variable that is not set: ${value}`, () => {
      const parsed = parseText(PIVOT.replace('MERCHANT_ID', value), {});
      assert.ok(!parsed.ok);
      assert.match(
        JSON.stringify(parsed.problems),
        /the environment variable is not set \(its name is not shown/,
      );
      assert.ok(!JSON.stringify(parsed.problems).includes(value));
    });
  }

  for (const value of VALUES.filter((each) => !each.startsWith('c'))) {
    it(`is not quoted as a key or as any other value: ${value}`, () => {
      for (const text of [
        `${PIVOT}    ${value}: x\n`,
        `${PIVOT}    schedule: "${value}"\n`,
        `${value}: x\n${PIVOT}`,
      ]) {
        const parsed = parseText(text);
        assert.ok(!parsed.ok);
        assert.ok(!JSON.stringify(parsed.problems).includes(value), text);
      }
    });

    it(`is not quoted when it cannot be read: ${value}`, () => {
      for (const reference of [
        { kind: 'env', name: value },
        { kind: 'file', path: `/etc/token-refresher/${value}` },
        { kind: 'awsSecret', id: value, key: undefined },
        { kind: 'awsSecret', id: 'credentials', key: value },
      ] as const)
        assert.ok(!describeReference(reference).includes(value), reference.kind);
    });
  }

  it('is not suspected in names as people give them', () => {
    for (const name of ['PIK_APP_ID', 'PIVOT_B2B_CLIENT_ID', 'PIVOT_B2B2C_KEY_2', 'OAUTH2_SECRET', 'APIKEY'])
      assert.ok(describeReference({ kind: 'env', name }).endsWith(name), name);
    for (const path of ['/run/secrets/pik/appSecret', '/var/run/..2026_11_28_18_51_14.123456789/key.pem'])
      assert.equal(describeReference({ kind: 'file', path }), `file ${path}`);
    for (const id of [
      'token-refresher/credentials/pivot-b2b2c',
      'arn:aws:secretsmanager:ap-southeast-3:123456789012:secret:credentials/pik-AbCd12',
    ])
      assert.equal(
        describeReference({ kind: 'awsSecret', id, key: 'api_key' }),
        `key api_key of secret ${id}`,
      );
  });
});
