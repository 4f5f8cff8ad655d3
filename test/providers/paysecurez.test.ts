import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { outcomeOf, parseWith, prepareKind, requestOf, shippedKind } from '../support/prepared-kind.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const paysecurez = shippedKind('paysecurez');

const prepared = prepareKind(paysecurez);
const SUCCESS = { access_token: 'token', expires_in: 1800, token_type: 'Bearer' };
const UNAUTHORIZED = { statusCode: 401, message: 'Unauthorized', error: 'Invalid or expired token' };

describe('PaySecurez', () => {
  test('is sent id and secret', async () => {
    const { url, body } = await requestOf(prepared);
    assert.equal(url.pathname, '/api/token');
    assert.deepEqual(JSON.parse(body ?? ''), {
      client_id: 'canary.clientId.Zq7#vK2',
      client_secret: 'canary.clientSecret.Zq7#vK2',
    });
  });

  test('yields the token of its documented answer', async () => {
    const result = await parseWith(prepared, { body: SUCCESS });
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
    test(`${what} is ${outcome}`, async () => {
      assert.equal(outcomeOf(await parseWith(prepared, made)), outcome);
    });
  }

  const strange = ['token type unusable, assumed Bearer'];
  const bound = ['the token type binds the token to a key, which readers do not get'];
  const types: readonly (readonly [unknown, string, readonly string[]])[] = [
    ...[
      undefined,
      null,
      '',
      'bearer',
      'BEARER',
      'Bearer ',
      ' bearer\n',
      'BearerToken',
      'O-Bearer',
      'bearer_token',
    ].map((type) => [type, 'Bearer', []] as const),
    ...['two words', 'N_A', 'access_token', 'urn:ietf:params:oauth:token-type:jwt', 7, {}].map(
      (type) => [type, 'Bearer', strange] as const,
    ),
    ['JWT', 'JWT', []],
    ['Token', 'Token', []],
    ['DPoP', 'DPoP', bound],
    ['mac', 'mac', bound],
  ];
  for (const [type, scheme, notes] of types) {
    test(`the token type ${JSON.stringify(type) ?? 'undefined'} is the scheme ${scheme}`, async () => {
      const result = await parseWith(prepared, { body: { ...SUCCESS, token_type: type } });
      assert.ok(result.ok);
      assert.equal(result.value.tokenType, scheme);
      assert.deepEqual(result.value.notes, notes);
    });
  }

  test('tells what the provider says is the matter', async () => {
    const result = await parseWith(prepared, { status: 401, body: UNAUTHORIZED });
    assert.ok(!result.ok);
    assert.match(
      result.failure.message,
      /answered 401 \(Invalid or expired token\): check clientId and clientSecret/,
    );
  });
});
