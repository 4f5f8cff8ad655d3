import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jsonWebToken } from '../support/json-web-token.ts';
import { outcomeOf, parseWith, prepareKind, requestOf, shippedKind } from '../support/prepared-kind.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const pik = shippedKind('pik');

const prepared = prepareKind(pik);
const END = new Date(SENT_AT_MS + 1_800_000).toISOString();
const SECONDS = SENT_AT_MS / 1000;

describe('PIK', () => {
  test('is sent appId and appSecret', async () => {
    const { url, headers, body } = await requestOf(prepared);
    assert.equal(url.pathname, '/auth/token');
    assert.deepEqual(headers, { 'content-type': 'application/json' });
    assert.deepEqual(JSON.parse(body ?? ''), {
      appId: 'canary.appId.Zq7#vK2',
      appSecret: 'canary.appSecret.Zq7#vK2',
    });
  });

  test('yields the token of its documented answer', async () => {
    const token = jsonWebToken({ iat: SECONDS, exp: SECONDS + 1800 });
    const result = await parseWith(prepared, {
      body: { code: 200, message: 'success', data: { token, expireTime: END } },
    });
    assert.ok(result.ok);
    const { accessToken, ...rest } = result.value;
    assert.equal(accessToken.reveal(), token);
    assert.deepEqual(rest, {
      tokenType: 'Bearer',
      issuedAtMs: SENT_AT_MS,
      issuedAtMonotonicMs: 1_000,
      expiresAtMs: SENT_AT_MS + 1_800_000,
      expiresInSeconds: 1800,
      refreshToken: undefined,
      refreshTokenExpiresAtMs: undefined,
      fields: {},
      notes: [],
    });
  });

  for (const expireTime of ['1800', 1800, '1800000', String(SECONDS + 1800), SENT_AT_MS + 1_800_000, END]) {
    test(`understands expireTime ${expireTime}`, async () => {
      const result = await parseWith(prepared, {
        body: { code: '200', data: { token: 'opaque', expireTime } },
      });
      assert.ok(result.ok);
      assert.equal(result.value.expiresAtMs, SENT_AT_MS + 1_800_000);
    });
  }

  const outcomes: readonly (readonly [string, HandMadeResponse, string])[] = [
    ['code 200 without a token', { body: { code: 200, data: {} } }, 'response-malformed backoff'],
    [
      'code 200 with an empty token',
      { body: { code: 200, data: { token: '' } } },
      'response-malformed backoff',
    ],
    [
      'code 200 with a token that no header can carry',
      { body: { code: 200, data: { token: 'a b' } } },
      'response-malformed backoff',
    ],
    ['code 200 without data', { body: { code: 200 } }, 'response-malformed backoff'],
    ['success with HTTP 201', { status: 201, body: { code: 200, data: { token: 'x' } } }, 'ok'],
    [
      'an error envelope with HTTP 200',
      { body: { code: 401, message: 'no', data: { token: 'x' } } },
      'credentials-rejected needs-human',
    ],
    [
      'a vague code with HTTP 200 about the secret',
      { body: { code: 1001, message: 'appSecret mismatch' } },
      'credentials-rejected needs-human',
    ],
    ['a vague code with HTTP 200', { body: { code: 1001, message: 'no' } }, 'request-rejected needs-human'],
    ['code 503 with HTTP 200', { body: { code: 503, message: 'busy' } }, 'provider-unavailable backoff'],
    ['code 429 with HTTP 200', { body: { code: 429, message: 'slow down' } }, 'rate-limited backoff'],
    ['no code with HTTP 200', { body: {} }, 'request-rejected needs-human'],
    [
      'HTTP 500 with code 401',
      { status: 500, body: { code: 401, message: 'x' } },
      'credentials-rejected needs-human',
    ],
    ['HTTP 500 with code 403', { status: 500, body: { code: '403' } }, 'credentials-rejected needs-human'],
    [
      'HTTP 500 about the appId',
      { status: 500, body: { code: 500, message: 'Invalid appId or appSecret' } },
      'credentials-rejected needs-human',
    ],
    [
      'HTTP 500 about anything else',
      { status: 500, body: { code: 500, message: 'system error' } },
      'provider-unavailable backoff',
    ],
    [
      'HTTP 500 that is not JSON',
      { status: 500, body: '<html>secret</html>' },
      'provider-unavailable backoff',
    ],
    [
      'HTTP 503 of a proxy',
      { status: 503, body: { message: 'secret store down' } },
      'provider-unavailable backoff',
    ],
    ['HTTP 401', { status: 401, body: {} }, 'credentials-rejected needs-human'],
    ['HTTP 404', { status: 404, body: {} }, 'request-rejected needs-human'],
  ];
  for (const [what, made, outcome] of outcomes) {
    test(`${what} is ${outcome}`, async () => {
      assert.equal(outcomeOf(await parseWith(prepared, made)), outcome);
    });
  }

  test('names the field that is missing or wrong', async () => {
    const noToken = await parseWith(prepared, { body: { code: 200, data: {} } });
    const noEnd = await parseWith(prepared, { body: { code: 200, data: { token: 'x', expireTime: '0' } } });
    assert.ok(!noToken.ok && !noEnd.ok);
    assert.match(noToken.failure.message, /answered 200 without a token in data\.token: /);
    assert.match(noEnd.failure.message, /answered 200: data\.expireTime is zero: /);
  });
});
