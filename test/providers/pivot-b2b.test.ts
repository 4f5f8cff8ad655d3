import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { outcomeOf, parseWith, prepareKind, requestOf, shippedKind } from '../support/prepared-kind.ts';
import { rsaKeyPair } from '../support/rsa-key.ts';
import { type HandMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const pivotB2b = shippedKind('pivot-b2b');

const prepared = prepareKind(pivotB2b);
const SUCCESS = {
  responseCode: '2007300',
  responseMessage: 'Successful',
  accessToken: 'token',
  tokenType: 'Bearer',
  expiresIn: '900',
};
const SKEWED = 312_000;

async function failureFor(made: HandMadeResponse) {
  const result = await parseWith(prepared, made);
  assert.ok(!result.ok);
  return result.failure;
}

describe('Pivot B2B', () => {
  test('is sent signed SNAP headers and the grant', async () => {
    const { url, headers, body } = await requestOf(prepared);
    assert.equal(url.pathname, '/open-api/v1/access-token/b2b');
    assert.equal(body, '{"grantType":"client_credentials","additionalInfo":{}}');
    assert.equal(headers['x-timestamp'], '2026-11-21T19:00:00+07:00');
    const signed = Buffer.from(`canary.clientId.Zq7#vK2|${headers['x-timestamp']}`);
    const signature = Buffer.from(headers['x-signature'] ?? '', 'base64');
    assert.ok(verify('sha256', signed, rsaKeyPair().publicKey, signature));
  });

  test('is spelled as other SNAP services want it', async () => {
    const options = {
      timestampFormat: 'utc-milliseconds',
      grantTypeCase: 'upper',
      grantTypeKey: 'grant_type',
      path: '/b2b',
    };
    const { url, headers, body } = await requestOf(prepareKind(pivotB2b, options));
    assert.equal(url.pathname, '/b2b');
    assert.equal(headers['x-timestamp'], '2026-11-21T12:00:00.000Z');
    assert.equal(body, '{"grant_type":"CLIENT_CREDENTIALS","additionalInfo":{}}');
  });

  for (const responseCode of ['2007300', 2_007_300]) {
    test(`yields the token of its documented answer, responseCode as ${typeof responseCode}`, async () => {
      const result = await parseWith(prepared, { body: { ...SUCCESS, responseCode } });
      assert.ok(result.ok);
      assert.equal(result.value.accessToken.reveal(), 'token');
      assert.equal(result.value.expiresAtMs, SENT_AT_MS + 900_000);
      assert.equal(result.value.expiresInSeconds, 900);
    });
  }

  test('names the token when a success lacks it', async () => {
    assert.match(
      (await failureFor({ body: { ...SUCCESS, accessToken: undefined } })).message,
      /without a token in accessToken/,
    );
  });

  const codes: readonly (readonly [string, string])[] = [
    ['4007300', 'request-rejected needs-human'],
    ['4007301', 'clock-skewed backoff'],
    ['4007302', 'request-rejected needs-human'],
    ['4017300', 'credentials-rejected needs-human'],
    ['4017301', 'credentials-rejected needs-human'],
    ['4037300', 'credentials-rejected needs-human'],
    ['4047300', 'request-rejected needs-human'],
    ['4057300', 'request-rejected needs-human'],
    ['4097300', 'provider-unavailable soon'],
    ['4297300', 'rate-limited backoff'],
    ['5007300', 'provider-unavailable backoff'],
    ['5007301', 'provider-unavailable backoff'],
    ['5047300', 'provider-unavailable backoff'],
  ];
  for (const [code, outcome] of codes) {
    test(`${code} is ${outcome}, as text and number, with its own HTTP status, 200 and 500`, async () => {
      for (const responseCode of [code, Number(code)]) {
        for (const status of [Number(code.slice(0, 3)), 200, 500]) {
          const body = { responseCode, responseMessage: 'No' };
          assert.equal(outcomeOf(await parseWith(prepared, { status, body })), outcome);
        }
      }
    });
  }

  test('an HTTP error counts when the body claims success or nothing', async () => {
    assert.equal(
      outcomeOf(await parseWith(prepared, { status: 503, body: SUCCESS })),
      'provider-unavailable backoff',
    );
    assert.equal(
      outcomeOf(await parseWith(prepared, { status: 403, body: 'denied' })),
      'credentials-rejected needs-human',
    );
    assert.equal(
      outcomeOf(await parseWith(prepared, { status: 429, body: { responseCode: 'x' } })),
      'rate-limited backoff',
    );
  });

  test('Retry-After is obeyed also when the error comes with HTTP 200', async () => {
    const failure = await failureFor({ headers: { 'retry-after': '7' }, body: { responseCode: '4297300' } });
    assert.equal(failure.retryAfterMs, 7_000);
  });

  test('an unauthorized client is told all that the code covers', async () => {
    const { message } = await failureFor({
      status: 401,
      body: { responseCode: '4017300', responseMessage: 'Unauthorized' },
    });
    assert.match(message, /answered 401 4017300 \(Unauthorized\): check clientId and privateKey/);
    assert.match(message, /the provider holds the public key and that it allows our IP address/);
  });

  for (const responseCode of ['4017300', '4017301']) {
    test(`${responseCode} names the clock when that is far off, and is tried as seldom as other rejections`, async () => {
      const failure = await failureFor({ status: 401, body: { responseCode }, clockSkewMs: SKEWED });
      assert.deepEqual([failure.code, failure.retry], ['credentials-rejected', 'needs-human']);
      assert.match(
        failure.message,
        /our clock is 5m 12s behind the provider's, a probable cause: check time/,
      );
    });
  }

  test('a refused timestamp says whether the clocks agree', async () => {
    const body = { responseCode: '4007301' };
    assert.match(
      (await failureFor({ status: 400, body, clockSkewMs: -SKEWED })).message,
      /our clock is 5m 12s ahead of/,
    );
    assert.match(
      (await failureFor({ status: 400, body })).message,
      /though the clocks agree: check timestampFormat/,
    );
  });
});
