import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildAlertmanagerAlert,
  createAlertmanagerSink,
  ENDS_AFTER_MS,
} from '../../../src/adapters/alertmanager/alertmanager-sink.ts';
import { KEEP_EVERY_MS } from '../../../src/alerts/alert-groups.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';

const { signal } = new AbortController();

describe('createAlertmanagerSink', () => {
  it('tells every instance, and ends what is over', async (t) => {
    const one = await startAlertReceiver(t);
    const other = await startAlertReceiver(t);
    const urls = [one.url, `${other.url}/prefix`];
    const sink = createAlertmanagerSink({ name: 'am', urls, readToken: undefined, client: one.client });
    for (const notification of [
      buildNotification(),
      buildNotification({ occasion: 'grew', tokenCount: 214 }),
      buildNotification({ occasion: 'reminder' }),
      buildNotification({ occasion: 'kept' }),
      buildRecovery(),
    ])
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    assert.deepEqual(
      other.received.map(({ method, path }) => [method, path]),
      Array.from({ length: 5 }, () => ['POST', '/prefix/api/v2/alerts']),
    );
    assert.deepEqual(one.bodies(), other.bodies());
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
          summary: 'pik: refreshes fail, readers still have a good token',
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

  it('is content when one instance has taken it, and not when none has', async (t) => {
    const one = await startAlertReceiver(t);
    const other = await startAlertReceiver(t);
    const urls = [one.url, other.url];
    const sink = createAlertmanagerSink({ name: 'am', urls, readToken: undefined, client: one.client });
    one.answers.push({ status: 503 }, { status: 503 });
    assert.equal((await sink.send(buildNotification(), signal)).ok, true);
    other.answers.push({ status: 500 });
    const sent = await sink.send(buildNotification(), signal);
    assert.equal(sent.ok ? '' : sent.failure.message, 'am (instance 1 of 2) answered with status 503');
  });

  it('shows a token to loopback and TLS alone', async (t) => {
    const { url, client, reading, received } = await startAlertReceiver(t);
    const readToken = reading('s3cret');
    const urls = ['http://alertmanager.invalid:9093'];
    const refused = await createAlertmanagerSink({ name: 'am', urls, readToken, client }).send(
      buildNotification(),
      signal,
    );
    assert.equal(refused.ok ? undefined : refused.failure.code, 'credentials-rejected');
    await createAlertmanagerSink({ name: 'am', urls: [url], readToken, client }).send(
      buildNotification(),
      signal,
    );
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
