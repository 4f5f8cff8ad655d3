import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildAlertmanagerAlert,
  createAlertmanagerSink,
  ENDS_AFTER_MS,
  nameInstances,
} from '../../../src/adapters/alertmanager/alertmanager-sink.ts';
import { KEEP_EVERY_MS } from '../../../src/alerts/alert-groups.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';

const { signal } = new AbortController();

describe('createAlertmanagerSink', () => {
  it('tells what begins and goes on, and ends what is over', async (t) => {
    const one = await startAlertReceiver(t);
    const url = `${one.url}/prefix`;
    const sink = createAlertmanagerSink({ name: 'am', url, readToken: undefined, client: one.client });
    for (const notification of [
      buildNotification(),
      buildNotification({ occasion: 'grew', tokenCount: 214 }),
      buildNotification({ occasion: 'reminder' }),
      buildNotification({ occasion: 'kept' }),
      buildRecovery(),
    ])
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    assert.deepEqual(
      one.received.map(({ method, path }) => [method, path]),
      Array.from({ length: 5 }, () => ['POST', '/prefix/api/v2/alerts']),
    );
    const labels = {
      alertname: 'RefreshFailing',
      severity: 'warning',
      service: 'token-refresher',
      provider: 'pik',
    };
    assert.deepEqual(one.bodies()[0], [
      {
        labels,
        annotations: {
          summary: 'pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s',
          description: 'provider-unavailable: https://api.example.com/auth/token answered with status 503',
          action: 'find out whether the provider is down',
          runbook_url: 'https://wiki.example.com/runbook#refreshfailing',
        },
        startsAt: '2026-11-21T12:00:00.000Z',
        endsAt: '2026-11-21T12:06:00.000Z',
      },
    ]);
    for (const body of one.bodies().slice(1, 4)) assert.partialDeepStrictEqual(body, [{ labels }]);
    assert.partialDeepStrictEqual(one.bodies()[4], [
      { labels, startsAt: '2026-11-21T12:00:00.000Z', endsAt: '2026-11-21T12:04:59.000Z' },
    ]);
  });

  it('shows a token to loopback and TLS alone', async (t) => {
    const { url, client, reading, received } = await startAlertReceiver(t);
    const readToken = reading('s3cret');
    const plain = 'http://alertmanager.invalid:9093';
    const refused = await createAlertmanagerSink({ name: 'am', url: plain, readToken, client }).send(
      buildNotification(),
      signal,
    );
    assert.equal(refused.ok ? undefined : refused.failure.code, 'credentials-rejected');
    await createAlertmanagerSink({ name: 'am', url, readToken, client }).send(buildNotification(), signal);
    assert.equal(received[0]?.headers.authorization, 'Bearer s3cret');
  });

  it('outlives several lost repetitions', () => {
    assert.ok(ENDS_AFTER_MS >= 4 * KEEP_EVERY_MS);
  });
});

describe('buildAlertmanagerAlert', () => {
  it('never ends an alert before it has begun', () => {
    const { startedAtMs } = buildNotification();
    const { startsAt, endsAt } = buildAlertmanagerAlert(buildRecovery({ atMs: startedAtMs }));
    assert.ok(endsAt > startsAt);
  });
});

describe('nameInstances', () => {
  for (const { urls, names } of [
    { urls: ['http://am:9093'], names: ['am'] },
    { urls: ['http://am-0:9093', 'https://am-1/prefix'], names: ['am/am-0:9093', 'am/am-1'] },
    { urls: ['http://am/a', 'http://am/b'], names: ['am/am', 'am/am (2 of 2)'] },
  ])
    it(`tells ${urls.join(' and ')} apart`, () => assert.deepEqual(nameInstances('am', urls), names));
});
