import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildPagerDutyEvent, createPagerDutySink } from '../../../src/adapters/pagerduty/pagerduty-sink.ts';
import { succeed } from '../../../src/core/result.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { startAlertReceiver } from '../../support/alert-receiver.ts';

const { signal } = new AbortController();
const KEY = 'R0UT1NGK3Y0123456789ABCDEF012345';

describe('createPagerDutySink', () => {
  it('triggers, adds to and resolves one incident by its key, as the Events API v2 wants it', async (t) => {
    const { client, url, received, bodies, reading, answers } = await startAlertReceiver(t);
    const readRoutingKey = reading(KEY);
    const sink = createPagerDutySink({ name: 'pagerduty', endpoint: url, readRoutingKey, client });
    for (let call = 0; call < 4; call += 1) answers.push({ status: 202, body: '{"status":"success"}' });
    const notifications = [
      buildNotification({ severity: 'critical' }),
      buildNotification({ occasion: 'grew', tokenCount: 214 }),
      buildNotification({ occasion: 'reminder' }),
      buildRecovery(),
    ];
    for (const notification of notifications)
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    assert.deepEqual(new Set(received.map(({ path }) => path)), new Set(['/v2/enqueue']));
    const [first, second, third, last] = bodies();
    assert.deepEqual(first, {
      routing_key: KEY,
      event_action: 'trigger',
      dedup_key: 'token-refresher/pik/RefreshFailing',
      payload: {
        summary: 'pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s',
        source: 'token-refresher',
        severity: 'critical',
        timestamp: '2026-11-21T12:00:00.000Z',
        component: 'pik',
        group: 'token-refresher',
        class: 'RefreshFailing',
        custom_details: {
          description: 'provider-unavailable: https://api.example.com/auth/token answered with status 503',
          action: 'find out whether the provider is down',
          runbook: 'https://wiki.example.com/runbook#refreshfailing',
          tokens: 1,
          token_names: ['pik'],
          codes: { 'provider-unavailable': 1 },
        },
      },
      links: [{ href: 'https://wiki.example.com/runbook#refreshfailing', text: 'runbook: RefreshFailing' }],
    });
    for (const other of [second, third]) assert.partialDeepStrictEqual(other, { event_action: 'trigger' });
    assert.deepEqual(last, {
      routing_key: KEY,
      event_action: 'resolve',
      dedup_key: 'token-refresher/pik/RefreshFailing',
    });
  });

  it('resolves what a former leader may have triggered', async (t) => {
    const { client, reading } = await startAlertReceiver(t);
    const sink = createPagerDutySink({ name: 'p', endpoint: 'x', readRoutingKey: reading(''), client });
    assert.equal(sink.occasions.has('inherited'), true);
    assert.equal(sink.occasions.has('superseded'), true);
    assert.equal(sink.occasions.has('kept'), false);
  });
});

describe('a wrong routing key', () => {
  it('that cannot be one is said to be wrong, not shown and not sent; a correct one counts at the next attempt', async (t) => {
    const { client, url, received } = await startAlertReceiver(t);
    const keys = ['not-a-k3y', `${KEY}x`, '', KEY];
    const readRoutingKey = async () => succeed(new SecretText(keys.shift() ?? ''));
    const sink = createPagerDutySink({ name: 'pager', endpoint: url, readRoutingKey, client });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const sent = await sink.send(buildNotification(), signal);
      assert.deepEqual(sent, {
        ok: false,
        failure: {
          code: 'credentials-rejected',
          retry: 'needs-human',
          message:
            'the routing key of pager is not 32 letters and digits: take the one of an Events API v2 integration; ' +
            'it is read again every minute',
        },
      });
    }
    assert.equal(received.length, 0);
    assert.equal((await sink.send(buildNotification(), signal)).ok, true);
  });

  for (const { errors, code, says } of [
    {
      errors: ['Invalid routing key'],
      code: 'credentials-rejected',
      says: /routing key of pager is not known/,
    },
    { errors: ["'routing_key' is missing or blank"], code: 'credentials-rejected', says: /routing key/ },
    {
      errors: ["'payload.severity' is invalid"],
      code: 'request-rejected',
      says: /does not take this message/,
    },
  ]) {
    it(`PagerDuty's 400 for ${errors.join()} is ${code}`, async (t) => {
      const { client, url, answers, reading } = await startAlertReceiver(t);
      const body = JSON.stringify({ status: 'invalid event', message: 'Event object is invalid', errors });
      answers.push({ status: 400, body });
      const sink = createPagerDutySink({
        name: 'pager',
        endpoint: url,
        readRoutingKey: reading(KEY),
        client,
      });
      const sent = await sink.send(buildNotification(), signal);
      assert.ok(!sent.ok);
      assert.equal(sent.failure.code, code);
      assert.match(sent.failure.message, says);
      assert.ok(!sent.failure.message.includes(KEY));
    });
  }
});

describe('buildPagerDutyEvent', () => {
  it('leaves out a link that is no URL, which PagerDuty would refuse', () => {
    const event = buildPagerDutyEvent(buildNotification({ runbook: 'docs/runbook.md#refreshfailing' }));
    assert.equal('links' in event, false);
  });

  it('names the program where no provider is concerned', () => {
    const event = buildPagerDutyEvent(buildNotification({ provider: undefined }));
    assert.partialDeepStrictEqual(event, { payload: { component: 'token-refresher' } });
  });
});
