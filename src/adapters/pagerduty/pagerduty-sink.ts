/**
 * PagerDuty, Events API v2 (developer.pagerduty.com/docs/send-alert-event).
 *
 * Guarantee: `dedup_key` is the alert's identity, so that any replica adds to and resolves what another one triggered.
 * A routing key that cannot be one, or that PagerDuty does not know, is said to be wrong and never shown; the event is kept.
 * After a change of leader what nobody found to be wrong is resolved; PagerDuty ignores a resolve of an unknown key.
 */
import type { AlertNotification } from '../../core/alert.ts';
import type { Failure } from '../../core/failure.ts';
import type { AlertSink } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { SecretText } from '../../core/secret-text.ts';
import { defineSink, type ReadCredential, type ReceiverClient, secretField } from '../../core/sink-kind.ts';
import { urlField } from '../../core/wire/field-schemas.ts';
import { formatUtc } from '../../core/wire/time-text.ts';

export interface PagerDutySinkOptions {
  readonly name: string;
  /** `https://events.pagerduty.com`, or the EU's; without a trailing slash. */
  readonly endpoint: string;
  /** Reads the integration's routing key, which is a secret, again for each event. */
  readonly readRoutingKey: ReadCredential;
  readonly client: ReceiverClient;
}

/** 32 letters and digits; PagerDuty answers 400 to any other. */
const ROUTING_KEY = /^[A-Za-z0-9]{32}$/;
/** In the answer to a key that it does not know, or that is none. */
const ABOUT_KEY = /routing[ _]key/i;

/** PagerDuty refuses longer ones. */
const MAX_SUMMARY = 1024;

export const PAGERDUTY = defineSink({
  kind: 'pagerduty',
  description: 'Events API v2',
  fields: {
    routingKey: secretField("the integration's routing key"),
    endpoint: urlField()
      .prefault('https://events.pagerduty.com')
      .describe('where events are sent; https://events.eu.pagerduty.com for accounts in the EU'),
  },
  credentials: ['routingKey'],
  needsInstallationName: true,
  check: { credential: 'routingKey', label: 'routing key', verify: verifyRoutingKey },
  create: ({ name, endpoint }, { read, client }) => [
    { sink: createPagerDutySink({ name, endpoint, readRoutingKey: read('routingKey'), client }) },
  ],
});

export function createPagerDutySink(options: PagerDutySinkOptions): AlertSink {
  const { name, endpoint, readRoutingKey, client } = options;
  const url = new SecretText(`${endpoint}/v2/enqueue`);
  return {
    name,
    occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'superseded', 'inherited', 'test']),
    send: async (notification, signal) => {
      const routingKey = await readRoutingKey(signal);
      if (!routingKey.ok) return routingKey;
      const verified = verifyRoutingKey(name, routingKey.value);
      if (!verified.ok) return verified;
      const body = JSON.stringify({
        routing_key: routingKey.value.reveal(),
        ...buildPagerDutyEvent(notification),
      });
      let isKeyWrong = false;
      const readRefusal = (text: string): void => {
        isKeyWrong = ABOUT_KEY.test(text);
      };
      const sent = await client.send({ receiver: name, method: 'POST', url, body, readRefusal }, signal);
      return sent.ok || !isKeyWrong ? sent : fail(describeWrongKey(name, 'is not known to PagerDuty'));
    },
  };
}

/** Whether a key can be one. */
export function verifyRoutingKey(name: string, key: SecretText): Result<void> {
  return ROUTING_KEY.test(key.reveal())
    ? succeed(undefined)
    : fail(describeWrongKey(name, 'is not 32 letters and digits'));
}

function describeWrongKey(name: string, why: string): Failure {
  return {
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `the routing key of ${name} ${why}: take the one of an Events API v2 integration; it is read again every minute`,
  };
}

/** The event without its routing key. */
export function buildPagerDutyEvent(notification: AlertNotification) {
  const { key, status, alert, severity, summary, source, provider, runbook, startedAtMs } = notification;
  if (status === 'resolved') return { event_action: 'resolve', dedup_key: key };
  return {
    event_action: 'trigger',
    dedup_key: key,
    payload: {
      summary: summary.slice(0, MAX_SUMMARY),
      source,
      severity,
      timestamp: formatUtc(startedAtMs),
      component: provider ?? 'token-refresher',
      group: source,
      class: alert,
      custom_details: {
        description: notification.description,
        action: notification.action,
        runbook,
        tokens: notification.tokenCount,
        token_names: notification.tokens,
        codes: notification.codes,
      },
    },
    // PagerDuty refuses an event with a link that is no URL.
    ...(URL.canParse(runbook) ? { links: [{ href: runbook, text: `runbook: ${alert}` }] } : {}),
  };
}
