import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSlackSink, formatSlackText } from '../../../src/adapters/slack/slack-sink.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';

const { signal } = new AbortController();

describe('createSlackSink', () => {
  it('posts one text for each transition to the webhook: begun, grown, still on, over', async (t) => {
    const { client, url, received, bodies, reading } = await startAlertReceiver(t);
    const sink = createSlackSink({ name: 'slack', readUrl: reading(`${url}/services/T/B/X`), client });
    for (const notification of [
      buildNotification(),
      buildNotification({ occasion: 'grew', summary: 'pivot-b2b2c: 214 customers: refreshes fail' }),
      buildNotification({ occasion: 'reminder', lastedMs: 14_400_000 }),
      buildRecovery(),
    ])
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    assert.deepEqual(
      received.map(({ method, path, headers }) => [method, path, headers['content-type']]),
      Array.from({ length: 4 }, () => ['POST', '/services/T/B/X', 'application/json']),
    );
    assert.deepEqual(bodies(), [
      {
        text:
          ':warning: *pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s*\n' +
          'provider-unavailable: https://api.example.com/auth/token answered with status 503\n' +
          'What to do: find out whether the provider is down (<https://wiki.example.com/runbook#refreshfailing|runbook>)\n' +
          '_token-refresher: RefreshFailing_',
      },
      {
        text:
          ':warning: *pivot-b2b2c: 214 customers: refreshes fail*\n' +
          'provider-unavailable: https://api.example.com/auth/token answered with status 503\n' +
          'What to do: find out whether the provider is down (<https://wiki.example.com/runbook#refreshfailing|runbook>)\n' +
          '_token-refresher: RefreshFailing_',
      },
      {
        text:
          ':warning: *pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s* (still, for 4h 00m)\n' +
          'provider-unavailable: https://api.example.com/auth/token answered with status 503\n' +
          'What to do: find out whether the provider is down (<https://wiki.example.com/runbook#refreshfailing|runbook>)\n' +
          '_token-refresher: RefreshFailing_',
      },
      {
        text:
          ':white_check_mark: *recovered: pik: refreshes succeed again; token expires 12:30:00 UTC, in 25m 00s*\n' +
          'it lasted 5m 00s\n' +
          '_token-refresher: RefreshFailing_',
      },
    ]);
  });

  it("hands Slack's 429 on, with the time to wait", async (t) => {
    const { client, url, answers, reading } = await startAlertReceiver(t);
    answers.push({ status: 429, headers: { 'retry-after': '1' } });
    const sink = createSlackSink({ name: 'slack', readUrl: reading(url), client });
    const sent = await sink.send(buildNotification(), signal);
    assert.deepEqual(sent.ok ? undefined : [sent.failure.code, sent.failure.retryAfterMs], [
      'rate-limited',
      1_000,
    ]);
  });

  it('wants neither repetitions nor what it cannot know of', async (t) => {
    const { client, reading } = await startAlertReceiver(t);
    const { occasions } = createSlackSink({ name: 'slack', readUrl: reading(''), client });
    for (const unwanted of ['kept', 'superseded', 'inherited'] as const)
      assert.equal(occasions.has(unwanted), false);
  });
});

describe('formatSlackText', () => {
  it('lets no text become a link, a mention or a runbook of its own', () => {
    const text = formatSlackText(
      buildNotification({
        summary: '<!channel> a & b',
        description: '<https://evil.example|ok>',
        runbook: 'docs/runbook.md#a>b',
        severity: 'critical',
      }),
    );
    assert.ok(text.startsWith(':rotating_light: *&lt;!channel&gt; a &amp; b*'));
    assert.doesNotMatch(text, /[<>]/);
  });
});
