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

const pivotB2b2c = shippedKind('pivot-b2b2c');

const prepared = prepareKind(pivotB2b2c);
const BINDING_ID = 'canary.bindingId.Zq7#vK2';
const chain = chainOf('rt-1');
const SUCCESS = {
  accessToken: 'token',
  accessTokenExpiryTime: '2026-11-21T19:15:00+07:00',
  refreshToken: 'rt-2',
  refreshTokenExpiryTime: '2026-11-20T19:15:00+07:00',
  responseCode: '2007400',
  responseMessage: 'Successful',
  tokenType: 'Bearer',
};

describe('Pivot B2B2C', () => {
  const bodies = [
    ['both', undefined, { grantType: 'authorization_code', authCode: BINDING_ID, additionalInfo: {} }],
    [
      'both',
      chain,
      { grantType: 'authorization_code', authCode: BINDING_ID, refreshToken: 'rt-1', additionalInfo: {} },
    ],
    [
      'authorization_code',
      chain,
      { grantType: 'authorization_code', authCode: BINDING_ID, additionalInfo: {} },
    ],
    ['refresh_token', chain, { grantType: 'refresh_token', refreshToken: 'rt-1', additionalInfo: {} }],
    [
      'refresh_token',
      undefined,
      { grantType: 'authorization_code', authCode: BINDING_ID, additionalInfo: {} },
    ],
    [
      'both',
      chainOf('rt-0', SENT_AT_MS),
      { grantType: 'authorization_code', authCode: BINDING_ID, additionalInfo: {} },
    ],
  ] as const;
  for (const [grant, held, body] of bodies) {
    const state =
      held === undefined ? 'none' : held.refreshTokenExpiresAtMs === undefined ? 'one' : 'an expired one';
    test(`with grant ${grant} and ${state} held presents ${Object.keys(body).join(', ')}`, async () => {
      const request = await requestOf(prepareKind(pivotB2b2c, { grant }), held);
      assert.equal(request.url.pathname, '/open-api/v1/access-token/b2b2c');
      assert.deepEqual(JSON.parse(request.body ?? ''), body);
    });
  }

  test('keeps a chain unless the binding id alone is presented', async () => {
    assert.equal(configureKind(pivotB2b2c, {}).hasChain, true);
    assert.equal(configureKind(pivotB2b2c, {}).chainFallback, 'start-again');
    assert.equal(configureKind(pivotB2b2c, { grant: 'refresh_token' }).hasChain, true);
    assert.equal(configureKind(pivotB2b2c, { grant: 'authorization_code' }).hasChain, false);
  });

  test('yields both tokens, also when the refresh token ends first', async () => {
    const refreshTokenExpiryTime = '2026-11-21T19:05:00+07:00';
    const result = await parseWith(prepared, { body: { ...SUCCESS, refreshTokenExpiryTime } }, chain);
    assert.ok(result.ok);
    assert.equal(result.value.expiresAtMs, SENT_AT_MS + 900_000);
    assert.equal(result.value.expiresInSeconds, 900);
    assert.equal(result.value.refreshToken?.reveal(), 'rt-2');
    assert.equal(result.value.refreshTokenExpiresAtMs, SENT_AT_MS + 300_000);
  });

  test('never loses a refresh token over its expiry', async () => {
    const result = await parseWith(prepared, { body: SUCCESS }, chain);
    assert.ok(result.ok);
    assert.equal(result.value.refreshToken?.reveal(), 'rt-2');
    assert.equal(result.value.refreshTokenExpiresAtMs, undefined);
    assert.deepEqual(result.value.notes, ['refreshTokenExpiryTime unusable, ignored']);
  });

  test('yields no refresh token when the answer holds none', async () => {
    const result = await parseWith(prepared, { body: { ...SUCCESS, refreshToken: undefined } }, chain);
    assert.ok(result.ok);
    assert.equal(result.value.refreshToken, undefined);
    assert.equal(result.value.refreshTokenExpiresAtMs, undefined);
  });

  const outcomes: readonly (readonly [string, HandMadeResponse, string, string])[] = [
    [
      '4017401',
      { status: 401, body: { responseCode: '4017401' } },
      'chain-broken needs-human',
      'credentials-rejected needs-human',
    ],
    [
      'a refusal that names the refresh token',
      { status: 400, body: { responseCode: '4007400', responseMessage: 'Invalid refreshToken' } },
      'chain-broken needs-human',
      'request-rejected needs-human',
    ],
    [
      'invalid_grant',
      { status: 400, body: { responseMessage: 'invalid_grant' } },
      'chain-broken needs-human',
      'request-rejected needs-human',
    ],
    [
      '4017400',
      { status: 401, body: { responseCode: '4017400', responseMessage: 'Unauthorized' } },
      'credentials-rejected needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '4007401',
      { status: 400, body: { responseCode: 4_007_401 } },
      'clock-skewed backoff',
      'clock-skewed backoff',
    ],
    [
      '4017401 with skew',
      { status: 401, body: { responseCode: '4017401' }, clockSkewMs: 90_000 },
      'credentials-rejected needs-human',
      'credentials-rejected needs-human',
    ],
    [
      '4097400',
      { status: 409, body: { responseCode: '4097400' } },
      'provider-unavailable soon',
      'provider-unavailable soon',
    ],
    [
      '5007400 about the refresh token',
      { status: 500, body: { responseCode: '5007400', responseMessage: 'refresh token store' } },
      'provider-unavailable backoff',
      'provider-unavailable backoff',
    ],
    [
      'no token',
      { body: { responseCode: '2007400' } },
      'response-malformed backoff',
      'response-malformed backoff',
    ],
    [
      'an expiry in the past',
      { body: { ...SUCCESS, accessTokenExpiryTime: '2025-11-27T10:46:03+07:00' } },
      'response-malformed backoff',
      'response-malformed backoff',
    ],
  ];
  for (const [what, made, withChain, withoutChain] of outcomes) {
    test(`${what} is ${withChain} with a refresh token, ${withoutChain} without`, async () => {
      assert.equal(outcomeOf(await parseWith(prepared, made, chain)), withChain);
      assert.equal(outcomeOf(await parseWith(prepared, made)), withoutChain);
    });
  }
});
