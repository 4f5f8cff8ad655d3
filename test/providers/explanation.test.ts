import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { readAnswer } from '../../src/providers/condition.ts';
import { describeShape } from '../../src/providers/explanation.ts';
import { handMadeResponse } from '../support/token-response.ts';

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
