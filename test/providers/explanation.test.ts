import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { readAnswer } from '../../src/providers/condition.ts';
import { describeShape } from '../../src/providers/explanation.ts';
import { describeProvider } from '../support/described-provider.ts';
import { handMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const shapeOf = (body: object, ...secrets: readonly string[]): string =>
  describeShape(
    readAnswer(handMadeResponse({ body })),
    secrets.map((secret) => new SecretText(secret)),
  );

describe('the shape of an answer', () => {
  it('has names, types and lengths', () => {
    assert.equal(
      shapeOf({ access_token: 'abc', expiresIn: 900, data: { 'refresh-token': null }, scope: [] }),
      '{ access_token: text of 3, expiresIn: number, data: { refresh-token: null }, scope: an empty list }',
    );
  });

  for (const [what, name, secret] of [
    ['a secret', 'canarySECRETcanary', 'canarySECRETcanary'],
    ['digits beside a plain word', 'token_8675309', '8675309'],
    ['digits alone', '8675309', '8675309'],
    ['signs beside a plain word', '+token=/', '+token=/'],
    ['words that a secret consists of', 'invalid_client_secret', 'invalidclientsecret'],
  ] as const) {
    it(`No secret leaks: shows no name that is ${what}`, () => {
      assert.equal(shapeOf({ [name]: 1 }, secret), `{ a name of ${name.length}: number }`);
    });
  }
});

describe('what a refusal says to check', () => {
  for (const [credentials, listed] of [
    [['key'], 'key'],
    [['user', 'password'], 'user and password'],
    [['tenant', 'user', 'password'], 'tenant, user and password'],
  ] as const) {
    it(`lists ${listed}`, () => {
      const fields = credentials.map((name) => `${name}: "\${${name}}"`).join(', ');
      const { configured } = describeProvider({
        credentials,
        description: `request: { url: https://api.example.com/login, body: { json: { ${fields} } } }`,
      });
      const explained = configured.explain(handMadeResponse({ status: 401, body: {} }), SENT_AT_MS);
      const failure = explained.find(({ what }) => what === 'failure')?.found ?? '';
      assert.ok(failure.includes(`: check ${listed}; next try`), failure);
    });
  }
});
