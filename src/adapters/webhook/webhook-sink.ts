/**
 * Any HTTPS service that takes JSON. What it gets is described by `config/alert-notification.schema.json`.
 *
 * Guarantee: with a key, `x-token-refresher-signature` is `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of
 * `SECONDS.BODY`: a receiver that compares it and refuses old times takes nothing from anybody else, and nothing twice.
 */
import { createHmac } from 'node:crypto';
import type { AlertSink, Clock } from '../../core/ports.ts';
import type { SecretText } from '../../core/secret-text.ts';
import { defineSink, type ReadCredential, type ReceiverClient, secretField } from '../../core/sink-kind.ts';
import { buildAlertMessage } from '../../core/wire/alert-message.ts';

export interface WebhookSinkOptions {
  readonly name: string;
  /** Reads the URL again for each message. */
  readonly readUrl: ReadCredential;
  /** Reads the key that messages are signed with; `undefined`: they are not. */
  readonly readHmacKey: ReadCredential | undefined;
  readonly client: ReceiverClient;
  readonly clock: Pick<Clock, 'now'>;
}

export const SIGNATURE_HEADER = 'x-token-refresher-signature';

export const WEBHOOK = defineSink({
  kind: 'webhook',
  description: 'JSON to any https URL, signed',
  fields: {
    url: secretField('where messages are posted: an https URL (http for loopback hosts only)'),
    hmacKey: secretField('key of the HMAC-SHA256 signature; messages are not signed without one').optional(),
  },
  credentials: ['url', 'hmacKey'],
  create: ({ name }, { read, readOptional, client, clock }) => {
    const [readUrl, readHmacKey] = [read('url'), readOptional('hmacKey')];
    return [{ sink: createWebhookSink({ name, readUrl, readHmacKey, client, clock }) }];
  },
});

export function createWebhookSink(options: WebhookSinkOptions): AlertSink {
  const { name, readUrl, readHmacKey, client, clock } = options;
  return {
    name,
    occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'superseded', 'test']),
    send: async (notification, signal) => {
      const url = await readUrl(signal);
      if (!url.ok) return url;
      const key = readHmacKey === undefined ? undefined : await readHmacKey(signal);
      if (key?.ok === false) return key;
      const body = JSON.stringify(buildAlertMessage(notification));
      const headers =
        key === undefined ? {} : { [SIGNATURE_HEADER]: signWebhookBody(body, key.value, clock.now()) };
      return client.send({ receiver: name, method: 'POST', url: url.value, headers, body }, signal);
    },
  };
}

/** `t=1795262400,v1=5257a8…`; @param nowMs wall time in milliseconds */
export function signWebhookBody(body: string, key: SecretText, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const hex = createHmac('sha256', key.reveal()).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hex}`;
}
