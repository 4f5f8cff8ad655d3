/**
 * A Slack channel, through an incoming webhook (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
 *
 * Guarantee: one message per transition: begun, grown, still on, over. Slack takes about one message a second and answers
 * 429 with `Retry-After` beyond that, which the queue obeys.
 * Non-guarantee: a webhook can neither change nor close a message, so what a former leader has posted is not looked after.
 */
import type { AlertNotification } from '../../core/alert.ts';
import type { AlertSink } from '../../core/ports.ts';
import { defineSink, type ReadCredential, type ReceiverClient, secretField } from '../../core/sink-kind.ts';
import { formatRoughly } from '../../core/wire/time-text.ts';

export interface SlackSinkOptions {
  readonly name: string;
  /** Reads the webhook's URL, which is a secret, again for each message. */
  readonly readUrl: ReadCredential;
  readonly client: ReceiverClient;
}

export const SLACK = defineSink({
  kind: 'slack',
  description: 'a channel, through an incoming webhook',
  fields: { url: secretField("the incoming webhook's URL") },
  credentials: ['url'],
  create: ({ name }, { read, client }) => [{ sink: createSlackSink({ name, readUrl: read('url'), client }) }],
});

export function createSlackSink({ name, readUrl, client }: SlackSinkOptions): AlertSink {
  return {
    name,
    occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'test']),
    send: async (notification, signal) => {
      const url = await readUrl(signal);
      if (!url.ok) return url;
      const body = JSON.stringify({ text: formatSlackText(notification) });
      return client.send({ receiver: name, method: 'POST', url: url.value, body }, signal);
    },
  };
}

/** Slack's own markup: https://docs.slack.dev/messaging/formatting-message-text */
export function formatSlackText(notification: AlertNotification): string {
  const { alert, summary, description, action, runbook, source, status, occasion, lastedMs } = notification;
  const isOver = status === 'resolved';
  const still = occasion === 'reminder' ? ` (still, for ${formatRoughly(lastedMs)})` : '';
  const link = URL.canParse(runbook)
    ? `<${encodeURI(runbook)}|runbook>`
    : `runbook: ${escapeMarkup(runbook)}`;
  return [
    `${SIGNS[isOver ? 'resolved' : notification.severity]} *${escapeMarkup(summary)}*${still}`,
    ...(description === '' ? [] : [escapeMarkup(description)]),
    ...(isOver ? [] : [`What to do: ${escapeMarkup(action)} (${link})`]),
    `_${escapeMarkup(`${source}: ${alert}`)}_`,
  ].join('\n');
}

const SIGNS = {
  critical: ':rotating_light:',
  warning: ':warning:',
  resolved: ':white_check_mark:',
} as const;

/** What Slack would take for a link or a mention is shown as it is. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
