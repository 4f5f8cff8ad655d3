import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import {
  createWebhookSink,
  SIGNATURE_HEADER,
  signWebhookBody,
} from '../../../src/adapters/webhook/webhook-sink.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { isValid } from '../../support/json-schema-check.ts';

const { signal } = new AbortController();
const schema: unknown = JSON.parse(await readFile('config/alert-notification.schema.json', 'utf8'));

describe('createWebhookSink', () => {
  it('posts what its schema says, signed with a time, at each transition', async (t) => {
    const { client, url, received, bodies, reading } = await startAlertReceiver(t);
    const clock = new FakeClock();
    const readHmacKey = reading('k3y');
    const sink = createWebhookSink({
      name: 'w',
      readUrl: reading(`${url}/a?b=c`),
      readHmacKey,
      client,
      clock,
    });
    for (const notification of [
      buildNotification(),
      buildNotification({ occasion: 'grew', provider: undefined }),
      buildNotification({ occasion: 'reminder' }),
      buildRecovery(),
      buildRecovery({ occasion: 'superseded' }),
      buildNotification({ occasion: 'test', alert: 'AlertTest' }),
    ]) {
      assert.equal(sink.occasions.has(notification.occasion), true);
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    }
    assert.deepEqual(bodies()[0], {
      schema_version: 1,
      occasion: 'fired',
      status: 'firing',
      key: 'token-refresher/pik/RefreshFailing',
      alert: 'RefreshFailing',
      severity: 'warning',
      source: 'token-refresher',
      provider: 'pik',
      token_count: 1,
      tokens: ['pik'],
      codes: { 'provider-unavailable': 1 },
      summary: 'pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s',
      description: 'provider-unavailable: https://api.example.com/auth/token answered with status 503',
      action: 'find out whether the provider is down',
      runbook: 'https://wiki.example.com/runbook#refreshfailing',
      started_at: '2026-11-21T12:00:00.000Z',
      at: '2026-11-21T12:01:00.000Z',
      lasted_ms: 60_000,
    });
    for (const [index, body] of bodies().entries()) assert.ok(isValid(schema, body), `${index}`);
    for (const { path, headers, body } of received) {
      assert.equal(path, '/a?b=c');
      const { time, hex } =
        /^t=(?<time>\d+),v1=(?<hex>\w+)$/.exec(String(headers[SIGNATURE_HEADER]))?.groups ?? {};
      assert.equal(time, '1795262400');
      assert.equal(hex, createHmac('sha256', 'k3y').update(`${time}.${body}`).digest('hex'));
    }
  });

  it('does not sign without a key', async (t) => {
    const { client, url, received, reading } = await startAlertReceiver(t);
    const parts = {
      name: 'w',
      readUrl: reading(url),
      readHmacKey: undefined,
      client,
      clock: new FakeClock(),
    };
    await createWebhookSink(parts).send(buildNotification(), signal);
    assert.equal(SIGNATURE_HEADER in (received[0]?.headers ?? {}), false);
  });
});

describe('signWebhookBody', () => {
  it('yields what a receiver can compute by itself', () => {
    // printf '1795262400.{}' | openssl dgst -sha256 -hmac k3y
    assert.equal(
      signWebhookBody('{}', new SecretText('k3y'), 1_795_262_400_999),
      't=1795262400,v1=65bc58288bfb23411cadd3c0c0172a8ca74c74c5da440975250ad1d55d7d3721',
    );
  });
});
