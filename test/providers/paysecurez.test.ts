import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { paysecurez } from '../../src/providers/paysecurez.ts';
import { contextOf, outcomeOf, parseWith, prepareKind } from '../support/prepared-kind.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const prepared = prepareKind(paysecurez);
const SUCCESS = { access_token: 'token', expires_in: 1800, token_type: 'Bearer' };
const UNAUTHORIZED = { statusCode: 401, message: 'Unauthorized', error: 'Invalid or expired token' };

describe('PaySecurez', () => {
  test('is sent id and secret', async () => {
    const { path, body } = await prepared.buildRequest(contextOf());
    assert.equal(path, '/api/token');
    assert.deepEqual(JSON.parse(body), {
      client_id: 'canary.clientId.Zq7#vK2',
      client_secret: 'canary.clientSecret.Zq7#vK2',
    });
  });

  test('yields the token of its documented answer', () => {
    const result = parseWith(prepared, { body: SUCCESS });
    assert.ok(result.ok);
    assert.equal(result.value.accessToken.reveal(), 'token');
    assert.equal(result.value.expiresAtMs, SENT_AT_MS + 1_800_000);
  });

  const outcomes: readonly (readonly [string, HandMadeResponse, string])[] = [
    ['HTTP 201 with a token', { status: 201, body: SUCCESS }, 'ok'],
    ['401', { status: 401, body: UNAUTHORIZED }, 'credentials-rejected needs-human'],
    ['the 401 body with HTTP 200', { body: UNAUTHORIZED }, 'credentials-rejected needs-human'],
    ['429', { status: 429, body: {} }, 'rate-limited backoff'],
    ['500', { status: 500, body: { statusCode: 500, message: 'x' } }, 'provider-unavailable backoff'],
    ['no token', { body: { expires_in: 1800 } }, 'response-malformed backoff'],
    ['a token that is a number', { body: { ...SUCCESS, access_token: 1 } }, 'response-malformed backoff'],
    ['an expiry of zero', { body: { ...SUCCESS, expires_in: 0 } }, 'response-malformed backoff'],
  ];
  for (const [what, made, outcome] of outcomes) {
    test(`${what} is ${outcome}`, () => {
      assert.equal(outcomeOf(parseWith(prepared, made)), outcome);
    });
  }

  test('keeps a token type as it is written and doubts a strange one', () => {
    const lower = parseWith(prepared, { body: { ...SUCCESS, token_type: 'bearer' } });
    const strange = parseWith(prepared, { body: { ...SUCCESS, token_type: 'two words' } });
    assert.ok(lower.ok && strange.ok);
    assert.equal(lower.value.tokenType, 'bearer');
    assert.equal(strange.value.tokenType, 'Bearer');
    assert.deepEqual(strange.value.notes, ['token type unusable, assumed Bearer']);
  });

  test('tells what the provider says is the matter', () => {
    const result = parseWith(prepared, { status: 401, body: UNAUTHORIZED });
    assert.ok(!result.ok);
    assert.match(
      result.failure.message,
      /answered 401 \(Invalid or expired token\): check clientId and clientSecret/,
    );
  });
});
