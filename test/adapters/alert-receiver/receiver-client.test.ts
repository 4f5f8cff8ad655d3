import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReceiverClient } from '../../../src/adapters/alert-receiver/receiver-client.ts';
import { ALERT_LIMIT_MS } from '../../../src/core/alert.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startLoopbackServer } from '../../support/loopback-server.ts';
import { createDirectTransport } from '../../support/transport.ts';

const SECRET = 'T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX';
const { signal } = new AbortController();

function call(
  url: string,
  changes: { readonly isPublic?: boolean; readonly headers?: Record<string, string> } = {},
) {
  return { receiver: 'slack', method: 'POST', url: new SecretText(url), body: '{}', ...changes } as const;
}

describe('createReceiverClient', () => {
  for (const [status, headers, code, retryAfterMs] of [
    [200, {}, undefined, undefined],
    [202, {}, undefined, undefined],
    [302, { location: 'https://example.com/' }, 'credentials-rejected', undefined],
    [400, {}, 'request-rejected', undefined],
    [401, {}, 'credentials-rejected', undefined],
    [403, {}, 'credentials-rejected', undefined],
    [404, {}, 'credentials-rejected', undefined],
    [408, {}, 'provider-unavailable', undefined],
    [410, {}, 'credentials-rejected', undefined],
    [413, {}, 'request-rejected', undefined],
    [429, { 'retry-after': '30' }, 'rate-limited', 30_000],
    [500, {}, 'provider-unavailable', undefined],
    [503, { 'retry-after': '7' }, 'provider-unavailable', 7_000],
  ] as const) {
    it(`takes status ${status} for ${code ?? 'a success'}, and shows neither URL nor body`, async (t) => {
      const receiver = await startAlertReceiver(t);
      receiver.answers.push({ status, headers, body: `no such hook: ${SECRET}` });
      const sent = await receiver.client.send(call(`${receiver.url}/services/${SECRET}`), signal);
      assert.equal(receiver.received.length, 1);
      const failure = sent.ok ? undefined : sent.failure;
      assert.equal(failure?.code, code);
      assert.equal(failure?.retryAfterMs, retryAfterMs);
      assert.doesNotMatch(failure?.message ?? '', /T0000|127\.0\.0\.1/);
    });
  }

  for (const [url, isPublic, isSent] of [
    ['http://receiver.example.com/hook', false, false],
    ['ftp://receiver.example.com/hook', true, false],
    ['no url at all', false, false],
    ['', true, false],
    ['http://127.0.0.1:1/hook', false, true],
    ['http://0.0.0.0:1/hook', true, true],
    ['https://127.0.0.1:1/hook', false, true],
  ] as const) {
    it(`${isSent ? 'sends' : 'sends nothing'} to ${url === '' ? 'an empty URL' : url}${isPublic ? ' without a secret' : ''}`, async (t) => {
      const { client } = await startAlertReceiver(t);
      const sent = await client.send(call(url, { isPublic }), signal);
      assert.ok(!sent.ok);
      assert.equal(sent.failure.code, isSent ? 'provider-unavailable' : 'credentials-rejected');
      assert.doesNotMatch(sent.failure.message, /hook|example|127|0\.0/);
    });
  }

  it('refuses a key with a line break instead of throwing', async (t) => {
    const { client, url, received } = await startAlertReceiver(t);
    const sent = await client.send(call(url, { headers: { authorization: 'Bearer a\nb' } }), signal);
    assert.equal(sent.ok ? undefined : sent.failure.code, 'credentials-rejected');
    assert.equal(received.length, 0);
  });

  it('gives up after ten seconds', async (t) => {
    const clock = new FakeClock();
    const { client, url, answers, received } = await startAlertReceiver(t, clock);
    answers.push('never');
    const sending = client.send(call(url), signal);
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(ALERT_LIMIT_MS);
    const sent = await sending;
    assert.match(sent.ok ? '' : sent.failure.message, /^slack gave no complete answer within 10s$/);
  });

  it('ends at once when the program stops, and sends nothing afterwards', async (t) => {
    const { client, url, answers, received } = await startAlertReceiver(t);
    answers.push('never');
    const stopping = new AbortController();
    const sending = client.send(call(url), stopping.signal);
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stopping.abort();
    const sent = await sending;
    assert.equal(sent.ok ? undefined : sent.failure.code, 'aborted');
    const later = await client.send(call(url), stopping.signal);
    assert.equal(later.ok ? undefined : later.failure.code, 'aborted');
    assert.equal(received.length, 1);
  });

  it('does not read an endless answer to its end', async (t) => {
    const { client, url, answers } = await startAlertReceiver(t);
    answers.push({ status: 200, body: 'x'.repeat(10_000_000) });
    assert.deepEqual(await client.send(call(url), signal), { ok: true, value: undefined });
  });

  it('has told a receiver that says so and then does not end its answer', async () => {
    await using server = await startLoopbackServer((_request, response) => {
      response.writeHead(200).write('ok');
    });
    const clock = new FakeClock();
    const client = createReceiverClient({ clock, transport: createDirectTransport(clock) });
    assert.deepEqual(await client.send(call(server.url), signal), { ok: true, value: undefined });
  });
});
