import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSnsService } from '../../../src/adapters/sns/sdk-service.ts';
import { buildSnsMessage, createSnsSink } from '../../../src/adapters/sns/sns-sink.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { ALERT_LIMIT_MS } from '../../../src/core/alert.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { buildNotification, buildRecovery } from '../../support/alert-notification.ts';
import { type ReceiverAnswer, startAlertReceiver } from '../../support/alert-receiver.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createDirectTransport } from '../../support/transport.ts';

const TOPIC = 'arn:aws:sns:ap-southeast-3:123456789012:alerts';
const { signal } = new AbortController();
function refusal(status: number, code: string): ReceiverAnswer {
  const body =
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>' +
    `<Code>${code}</Code><Message>a text that may quote the message</Message></Error></ErrorResponse>`;
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

function createSink(endpoint: string, clock: Clock = createSystemClock()) {
  let opened = 0;
  const created = createSnsSink({
    name: 'sns',
    topicArn: TOPIC,
    open: () => {
      opened += 1;
      const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' };
      return Promise.resolve(
        createSnsService({
          transport: createDirectTransport(),
          region: 'ap-southeast-3',
          endpoint,
          credentials,
        }),
      );
    },
    clock,
  });
  return { ...created, opened: () => opened };
}

describe('createSnsSink', () => {
  it('publishes one signed message for each transition, over one client', async (t) => {
    const { url, received } = await startAlertReceiver(t);
    const { sink, close, opened } = createSink(url);
    t.after(close);
    assert.equal(opened(), 0);
    for (const notification of [
      buildNotification({ severity: 'critical' }),
      buildNotification({ occasion: 'grew' }),
      buildNotification({ occasion: 'reminder', lastedMs: 14_400_000 }),
      buildRecovery(),
    ]) {
      assert.deepEqual(await sink.send(notification, signal), { ok: true, value: undefined });
    }
    assert.equal(opened(), 1);
    const forms = received.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
    assert.deepEqual(forms[0], {
      Action: 'Publish',
      Version: '2010-03-31',
      TopicArn: TOPIC,
      Subject: 'CRITICAL: pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s',
      Message:
        'pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s\n' +
        'provider-unavailable: https://api.example.com/auth/token answered with status 503\n' +
        'What to do: find out whether the provider is down\n' +
        'Runbook: https://wiki.example.com/runbook#refreshfailing\n' +
        'token-refresher: RefreshFailing',
      'MessageAttributes.entry.1.Name': 'status',
      'MessageAttributes.entry.1.Value.DataType': 'String',
      'MessageAttributes.entry.1.Value.StringValue': 'firing',
      'MessageAttributes.entry.2.Name': 'severity',
      'MessageAttributes.entry.2.Value.DataType': 'String',
      'MessageAttributes.entry.2.Value.StringValue': 'critical',
      'MessageAttributes.entry.3.Name': 'alert',
      'MessageAttributes.entry.3.Value.DataType': 'String',
      'MessageAttributes.entry.3.Value.StringValue': 'RefreshFailing',
      'MessageAttributes.entry.4.Name': 'provider',
      'MessageAttributes.entry.4.Value.DataType': 'String',
      'MessageAttributes.entry.4.Value.StringValue': 'pik',
    });
    assert.match(forms[2]?.['Message'] ?? '', /\nstill, for 4h 00m\n/);
    assert.equal(
      forms[3]?.['Subject'],
      'OK: recovered: pik: refreshes succeed again; token expires 12:30:00 UTC, in 25m 00s',
    );
    assert.match(String(received[0]?.headers.authorization), /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
  });

  for (const [status, error, code] of [
    [403, 'AuthorizationError', 'credentials-rejected'],
    [404, 'NotFound', 'credentials-rejected'],
    [400, 'InvalidParameter', 'request-rejected'],
    [429, 'Throttled', 'rate-limited'],
    [500, 'InternalError', 'provider-unavailable'],
  ] as const) {
    it(`takes ${error} for ${code}, and quotes nothing`, async (t) => {
      const { url, answers } = await startAlertReceiver(t);
      const { sink, close } = createSink(url);
      t.after(close);
      answers.push(refusal(status, error));
      const sent = await sink.send(buildNotification(), signal);
      assert.equal(sent.ok ? undefined : sent.failure.code, code);
      assert.doesNotMatch(sent.ok ? '' : sent.failure.message, /may quote|arn:/);
    });
  }

  it('gives up after ten seconds, and when the program stops', async (t) => {
    const clock = new FakeClock();
    const { url, answers, received } = await startAlertReceiver(t);
    const { sink, close } = createSink(url, clock);
    t.after(close);
    const sent = async (given: AbortSignal, meanwhile: () => unknown) => {
      const before = received.length;
      answers.push('never');
      const sending = sink.send(buildNotification(), given);
      while (received.length === before) await new Promise((resolve) => setImmediate(resolve));
      await meanwhile();
      const result = await sending;
      return result.ok ? undefined : result.failure.code;
    };
    assert.equal(await sent(signal, () => clock.advance(ALERT_LIMIT_MS)), 'provider-unavailable');
    const stopping = new AbortController();
    assert.equal(await sent(stopping.signal, () => stopping.abort()), 'aborted');
  });
});

describe('buildSnsMessage', () => {
  it('keeps the subject to 100 printable ASCII characters', () => {
    const { Subject } = buildSnsMessage(buildNotification({ summary: `ä\n${'x'.repeat(200)}` }), TOPIC);
    assert.equal(Subject, `WARNING: ??${'x'.repeat(86)}...`);
    assert.equal(Subject.length, 100);
  });

  it('keeps the messages of one alert in order on a FIFO topic, and its own repetitions apart', () => {
    const { MessageGroupId, MessageDeduplicationId } = buildSnsMessage(buildNotification(), `${TOPIC}.fifo`);
    assert.equal(MessageGroupId, 'token-refresher/pik/RefreshFailing');
    const other = buildSnsMessage(buildRecovery(), `${TOPIC}.fifo`);
    assert.equal(other.MessageGroupId, MessageGroupId);
    assert.notEqual(other.MessageDeduplicationId, MessageDeduplicationId);
    assert.equal('MessageGroupId' in buildSnsMessage(buildNotification(), TOPIC), false);
  });
});
