import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FailureCode, Retry } from '../../src/core/failure.ts';
import { classifyStatus } from '../../src/providers/response-status.ts';
import { type HandMadeResponse, handMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const NOTHING_SAID = { code: undefined, message: undefined };

function classify(made: HandMadeResponse & { readonly status: number }) {
  const response = handMadeResponse(made);
  return classifyStatus({ response, status: made.status, said: NOTHING_SAID, credentialNames: 'id and key' });
}

function expectedFor(status: number): readonly [FailureCode, Retry] {
  if (status === 401 || status === 403) return ['credentials-rejected', 'needs-human'];
  if (status === 408 || status === 425) return ['provider-unavailable', 'backoff'];
  if (status === 409) return ['provider-unavailable', 'soon'];
  if (status === 429) return ['rate-limited', 'backoff'];
  return status < 500 ? ['request-rejected', 'needs-human'] : ['provider-unavailable', 'backoff'];
}

describe('an HTTP status', () => {
  test('of every error has its code and its retry', () => {
    for (let status = 400; status <= 599; status += 1) {
      const failure = classify({ status });
      assert.deepEqual([failure.code, failure.retry], expectedFor(status), `status ${status}`);
      assert.ok(failure.message.startsWith(`POST https://api.example.com/token answered ${status}: `));
      assert.equal(failure.retryAfterMs, undefined);
    }
  });

  test('asks for the wait of Retry-After, in seconds or as a date on the provider’s clock', () => {
    const date = new Date(SENT_AT_MS + 3_600_000 + 80 + 45_000).toUTCString();
    for (const status of [408, 409, 429, 500, 503]) {
      assert.equal(classify({ status, headers: { 'retry-after': '30' } }).retryAfterMs, 30_000);
      const dated = classify({ status, headers: { 'retry-after': date }, clockSkewMs: 3_600_000 });
      assert.ok(Math.abs((dated.retryAfterMs ?? 0) - 45_000) < 1_000);
      assert.equal(classify({ status, headers: { 'retry-after': 'later' } }).retryAfterMs, undefined);
      assert.equal(classify({ status, headers: { 'retry-after': '9999999' } }).retryAfterMs, 86_400_000);
    }
  });

  for (const [title, what] of [
    ['No required SSL certificate was sent', 'it demands a client certificate'],
    ['The SSL certificate error', 'it refused the client certificate'],
  ]) {
    test(`of nginx's page "${title}" is about the client certificate`, () => {
      const body = `<html>\r\n<head><title>400 ${title}</title></head>\r\n<body></body>\r\n</html>\r\n`;
      const { code, retry, message } = classify({
        status: 400,
        body,
        headers: { 'content-type': 'text/html' },
      });
      assert.deepEqual([code, retry], ['credentials-rejected', 'needs-human']);
      assert.equal(
        message,
        `POST https://api.example.com/token answered 400, ${what}: check tls.certificate, with the certificates in between after it, and tls.key; next try in at most 15 min or when they change`,
      );
      // Behind another status, or from an API that quotes it, it means nothing.
      assert.equal(classify({ status: 500, body }).code, 'provider-unavailable');
      assert.equal(
        classify({ status: 400, body: JSON.stringify({ error: title }) }).code,
        'request-rejected',
      );
    });
  }

  test('is told with what the provider says and with what to do', () => {
    const response = handMadeResponse({ status: 401 });
    const said = { code: 'INVALID_CREDENTIALS', message: 'Invalid API Key' };
    const failure = classifyStatus({ response, status: 401, said, credentialNames: 'apiKey and apiSecret' });
    assert.equal(
      failure.message,
      'POST https://api.example.com/token answered 401 INVALID_CREDENTIALS (Invalid API Key): ' +
        'check apiKey and apiSecret; next try in at most 15 min or when they change',
    );
  });
});
