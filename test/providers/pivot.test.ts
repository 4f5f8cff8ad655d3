import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { credentialsOf } from '../support/credentials.ts';
import {
  beginWith,
  outcomeOf,
  parseWith,
  prepareKind,
  requestOf,
  shippedKind,
} from '../support/prepared-kind.ts';
import { configureKind } from '../support/provider-bench.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const pivot = shippedKind('pivot');

const prepared = prepareKind(pivot);
const data = { accessToken: 'token', expiresIn: '900', tokenType: 'Bearer' };

describe('Pivot', () => {
  test('is sent id and secret in headers', async () => {
    const { url, headers, body } = await requestOf(prepared);
    assert.equal(url.pathname, '/v1/access-token');
    assert.deepEqual(headers, {
      'content-type': 'application/json',
      'x-merchant-id': 'canary.merchantId.Zq7#vK2',
      'x-merchant-secret': 'canary.merchantSecret.Zq7#vK2',
    });
    assert.deepEqual(JSON.parse(body ?? ''), { grantType: 'client_credentials' });
  });

  test('yields the token of its known answer', async () => {
    const result = await parseWith(prepared, { body: { code: '00', message: 'Successful', data } });
    assert.ok(result.ok);
    assert.equal(result.value.accessToken.reveal(), 'token');
    assert.equal(result.value.expiresAtMs, SENT_AT_MS + 900_000);
    assert.deepEqual(result.value.notes, []);
  });

  test('says what it assumes when the answer says nothing', async () => {
    const result = await parseWith(prepared, { body: { code: '00', data: { accessToken: 'token' } } });
    assert.ok(result.ok);
    assert.equal(result.value.tokenType, 'Bearer');
    assert.equal(result.value.expiresInSeconds, 900);
    assert.deepEqual(result.value.notes, ['data.expiresIn missing, assumed 15m']);
  });

  for (const name of ['expires_on', '.expires', 'expiry_date', 'validUntil', 'expirationDate']) {
    test(`takes the end that ${name} names when the documented field is missing`, async () => {
      const end = new Date(SENT_AT_MS + 300_000).toISOString();
      const result = await parseWith(prepared, { body: { data: { accessToken: 'token', [name]: end } } });
      assert.ok(result.ok);
      assert.equal(result.value.expiresAtMs, SENT_AT_MS + 300_000);
    });
  }

  const outcomes: readonly (readonly [string, HandMadeResponse, string])[] = [
    ['a token without a code', { body: { data } }, 'ok'],
    [
      'another code with HTTP 200',
      { body: { code: '05', message: 'no', data } },
      'request-rejected needs-human',
    ],
    ['code 401 with HTTP 200', { body: { code: '401', message: 'x' } }, 'credentials-rejected needs-human'],
    ['HTTP 401', { status: 401, body: { code: '401' } }, 'credentials-rejected needs-human'],
    ['HTTP 422', { status: 422, body: {} }, 'request-rejected needs-human'],
    ['HTTP 502', { status: 502, body: 'bad gateway' }, 'provider-unavailable backoff'],
    ['no token', { body: { code: '00', data: {} } }, 'response-malformed backoff'],
    [
      'an expiry of zero',
      { body: { code: '00', data: { ...data, expiresIn: '0' } } },
      'response-malformed backoff',
    ],
  ];
  for (const [what, made, outcome] of outcomes) {
    test(`${what} is ${outcome}`, async () => {
      assert.equal(outcomeOf(await parseWith(prepared, made)), outcome);
    });
  }

  for (const merchantId of ['line\nbreak', 'ends with a line break\n', ' outer space', 'höhe']) {
    test(`refuses ${JSON.stringify(merchantId)} as merchantId, which no header can carry`, async () => {
      const credentials = credentialsOf({ merchantId, merchantSecret: 's' });
      const merchant = configureKind(pivot).prepare(credentials);
      assert.ok(merchant.ok);
      const result = (await beginWith(merchant.value)).request();
      assert.ok(!result.ok);
      assert.match(result.failure.message, /^merchantId holds a line break, outer space or non-ASCII/);
    });
  }
});
