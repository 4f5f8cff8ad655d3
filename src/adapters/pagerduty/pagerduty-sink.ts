/**
 * PagerDuty, Events API v2 (developer.pagerduty.com/docs/send-alert-event).
 *
 * Guarantee: `dedup_key` is the alert's identity, so that any replica adds to and resolves what another one triggered.
 * After a change of leader what nobody found to be wrong is resolved; PagerDuty ignores a resolve of an unknown key.
 */
import type { AlertNotification } from '../../core/alert.ts';
import type { AlertSink } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import { SecretText } from '../../core/secret-text.ts';
import { formatUtc } from '../../core/time-text.ts';
import type { ReceiverClient } from '../alert-receiver/receiver-client.ts';

export interface PagerDutySinkOptions {
  readonly name: string;
  /** `https://events.pagerduty.com`, or the EU's; without a trailing slash. */
  readonly endpoint: string;
  /** Reads the integration's routing key, which is a secret, anew for each event. */
  readonly readRoutingKey: (signal: AbortSignal) => Promise<Result<SecretText>>;
  readonly client: ReceiverClient;
}

/** PagerDuty refuses longer ones. */
const LONGEST_SUMMARY = 1024;

export function createPagerDutySink(options: PagerDutySinkOptions): AlertSink {
  const { name, endpoint, readRoutingKey, client } = options;
  const url = new SecretText(`${endpoint}/v2/enqueue`);
  return {
    name,
    occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'superseded', 'inherited', 'test']),
    send: async (notification, signal) => {
      const routingKey = await readRoutingKey(signal);
      if (!routingKey.ok) return routingKey;
      const body = JSON.stringify({
        routing_key: routingKey.value.reveal(),
        ...buildPagerDutyEvent(notification),
      });
      return client.send({ receiver: name, method: 'POST', url, body }, signal);
    },
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
      summary: summary.slice(0, LONGEST_SUMMARY),
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
