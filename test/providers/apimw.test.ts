import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  chainOf,
  outcomeOf,
  parseWith,
  prepareKind,
  requestOf,
  shippedKind,
} from '../support/prepared-kind.ts';
import { configureKind } from '../support/provider-bench.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const apimw = shippedKind('apimw');

const plain = prepareKind(apimw);
const chained = prepareKind(apimw, { useRefreshToken: true });
const chain = chainOf('rt-1');
const data = { access_token: 'token', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt-2' };
const LOGIN = { api_key: 'canary.apiKey.Zq7#vK2', api_secret: 'canary.apiSecret.Zq7#vK2' };

function errorBody(code: string, more: object = {}): object {
  return { success: false, error: { code, message: 'No', ...more } };
}

describe('APIMW', () => {
  const requests = [
    ['a login', plain, undefined, '/v1/auth/token', LOGIN],
    ['a login also with a chain, unless it is wanted', plain, chain, '/v1/auth/token', LOGIN],
    ['a login to begin a chain', chained, undefined, '/v1/auth/token', LOGIN],
    ['the refresh token', chained, chain, '/v1/auth/refresh', { refresh_token: 'rt-1' }],
    [
      'a login when the refresh token has expired',
      chained,
      chainOf('rt-0', SENT_AT_MS),
      '/v1/auth/token',
      LOGIN,
    ],
  ] as const;
  for (const [what, prepared, held, path, body] of requests) {
    test(`is sent ${what}`, async () => {
      const request = await requestOf(prepared, held);
      assert.equal(request.url.pathname, path);
      assert.deepEqual(JSON.parse(request.body ?? ''), body);
    });
  }

  test('keeps a chain only when that is wanted', async () => {
    const { hasChain, chainFallback } = configureKind(apimw, { useRefreshToken: true });
    assert.deepEqual([hasChain, chainFallback], [true, 'start-again']);
    assert.equal(configureKind(apimw, {}).hasChain, false);
  });

  test('yields the token of its documented answer', async () => {
    const result = await parseWith(plain, { body: { success: true, data } });
    assert.ok(result.ok);
    assert.equal(result.value.accessToken.reveal(), 'token');
    assert.equal(result.value.expiresAtMs, SENT_AT_MS + 3_600_000);
    assert.equal(result.value.refreshToken, undefined);
  });

  test('yields a refresh token that lives 30 days, for a chain', async () => {
    const result = await parseWith(chained, { body: { success: true, data, error: null } }, chain);
    assert.ok(result.ok);
    assert.equal(result.value.refreshToken?.reveal(), 'rt-2');
    assert.equal(result.value.refreshTokenExpiresAtMs, SENT_AT_MS + 30 * 86_400_000);
  });

  const outcomes: readonly (readonly [string, HandMadeResponse, string, string])[] = [
    [
      '401 INVALID_CREDENTIALS',
      { status: 401, body: errorBody('INVALID_CREDENTIALS') },
      'chain-broken needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '401 INVALID_REFRESH_TOKEN',
      { status: 401, body: errorBody('INVALID_REFRESH_TOKEN') },
      'chain-broken needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '200 INVALID_REFRESH_TOKEN',
      { body: errorBody('INVALID_REFRESH_TOKEN') },
      'chain-broken needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '400 REVOKED_TOKEN',
      { status: 400, body: errorBody('REVOKED_TOKEN') },
      'chain-broken needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '403',
      { status: 403, body: errorBody('BLOCKED') },
      'credentials-rejected needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '200 RATE_LIMIT_EXCEEDED',
      { body: errorBody('RATE_LIMIT_EXCEEDED') },
      'rate-limited backoff',
      'rate-limited backoff',
    ],
    [
      '200 with another error',
      { body: errorBody('ODD') },
      'request-rejected needs-human',
      'request-rejected needs-human',
    ],
    ['503', { status: 503, body: 'down' }, 'provider-unavailable backoff', 'provider-unavailable backoff'],
    [
      '200 without a token',
      { body: { success: true, data: {} } },
      'response-malformed backoff',
      'response-malformed backoff',
    ],
    [
      'an expiry below zero',
      { body: { success: true, data: { ...data, expires_in: -1 } } },
      'response-malformed backoff',
      'response-malformed backoff',
    ],
  ];
  for (const [what, made, refreshing, login] of outcomes) {
    test(`${what} is ${refreshing} for a refresh, ${login} for a login`, async () => {
      assert.equal(outcomeOf(await parseWith(chained, made, chain)), refreshing);
      assert.equal(outcomeOf(await parseWith(plain, made)), login);
    });
  }

  const resetIn = (seconds: number) => ({ 'x-ratelimit-reset': String(SENT_AT_MS / 1000 + seconds) });
  const waits: readonly (readonly [string, HandMadeResponse, number | undefined])[] = [
    ['retry_after in the body', { body: errorBody('RATE_LIMIT_EXCEEDED', { retry_after: 60 }) }, 60_000],
    ['X-RateLimit-Reset', { headers: resetIn(90) }, 89_920],
    ['X-RateLimit-Reset on a clock that is ahead', { headers: resetIn(690), clockSkewMs: 600_000 }, 89_920],
    ['Retry-After', { headers: { 'retry-after': '45' } }, 45_000],
    [
      'the longest of all',
      { headers: { ...resetIn(10), 'retry-after': '45' }, body: errorBody('X', { retry_after: 60 }) },
      60_000,
    ],
    ['nothing', {}, undefined],
    [
      'garbage',
      { headers: { 'x-ratelimit-reset': 'soon' }, body: errorBody('X', { retry_after: 'x' }) },
      undefined,
    ],
  ];
  for (const [where, made, waitMs] of waits) {
    test(`a rate limit waits as ${where} says`, async () => {
      const result = await parseWith(plain, { status: 429, ...made });
      assert.ok(!result.ok);
      assert.equal(result.failure.code, 'rate-limited');
      assert.equal(result.failure.retryAfterMs, waitMs);
    });
  }

  test('a rejection says what to check', async () => {
    const result = await parseWith(plain, { status: 401, body: errorBody('INVALID_CREDENTIALS') });
    assert.ok(!result.ok);
    assert.match(
      result.failure.message,
      /answered 401 INVALID_CREDENTIALS \(No\): check apiKey and apiSecret; next try/,
    );
  });
});
