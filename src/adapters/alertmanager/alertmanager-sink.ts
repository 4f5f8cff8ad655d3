/**
 * One instance of Prometheus Alertmanager, API v2 (`POST /api/v2/alerts`).
 *
 * Guarantee: the instances of a cluster tell each other about notifications but not about alerts, so each is a sink with
 * a queue of its own, as Prometheus does it: one that is silent delays no other. The labels are the identity and hold
 * neither pod nor token. A firing alert is repeated every minute and ends by itself {@link ENDS_AFTER_MS} after the last
 * repetition, so that nothing stays open when this program is gone or a new leader finds nothing wrong. A resolved one has
 * its end in the past.
 */
import * as z from 'zod';
import type { AlertNotification } from '../../core/alert.ts';
import type { AlertSink } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { defineSink, type ReadCredential, type ReceiverClient, secretField } from '../../core/sink-kind.ts';
import { patternField, urlField } from '../../core/wire/field-schemas.ts';
import { URL_FORM } from '../../core/wire/service-url.ts';
import { formatUtc } from '../../core/wire/time-text.ts';

export interface AlertmanagerSinkOptions {
  readonly name: string;
  /** `http://alertmanager-0.monitoring:9093`; without a trailing slash, a path prefix is allowed. */
  readonly url: string;
  /** Reads a bearer token again for each call; `undefined`: none is needed, and http is allowed. */
  readonly readToken: ReadCredential | undefined;
  readonly client: ReceiverClient;
}

/** Prometheus gives four times its own repetition; with ours of a minute this is Alertmanager's `resolve_timeout`. */
export const ENDS_AFTER_MS = 300_000;

/** No credential travels there unless `token` is set. */
const PUBLIC_URL = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/;
const PUBLIC_URL_FORM = 'a URL without query, fragment and credentials';
const URL_LIST = 'a list with at least one URL';

export const ALERTMANAGER = defineSink({
  kind: 'alertmanager',
  description: 'Prometheus Alertmanager, API v2',
  fields: {
    urls: z
      .array(
        patternField(PUBLIC_URL, PUBLIC_URL_FORM).transform((url) => url.replace(/\/+$/, '')),
        URL_LIST,
      )
      .min(1, URL_LIST)
      .max(16, 'at most 16 URLs')
      .describe(
        'every instance of the cluster, without /api/v2/alerts; http is allowed while there is no token',
      ),
    token: secretField('bearer token for its API, where it asks for one').optional(),
  },
  credentials: ['token'],
  refine: ({ urls, token }, context) => {
    for (const [index, url] of urls.entries()) {
      if (token === undefined || urlField().safeParse(url).success) continue;
      context.addIssue({ code: 'custom', path: ['urls', index], message: URL_FORM });
    }
  },
  needsInstallationName: true,
  create: ({ name, urls }, { readOptional, client }) => {
    const readToken = readOptional('token');
    return nameInstances(name, urls).map((instance, index) => ({
      sink: createAlertmanagerSink({ name: instance, url: urls[index] ?? '', readToken, client }),
    }));
  },
});

export function createAlertmanagerSink(options: AlertmanagerSinkOptions): AlertSink {
  const { name, readToken, client } = options;
  const url = new SecretText(`${options.url}/api/v2/alerts`);
  return {
    name,
    occasions: new Set(['fired', 'grew', 'reminder', 'kept', 'recovered', 'superseded', 'test']),
    send: async (notification, signal) => {
      const token = readToken === undefined ? undefined : await readToken(signal);
      if (token?.ok === false) return token;
      const body = JSON.stringify([buildAlertmanagerAlert(notification)]);
      const access =
        token === undefined
          ? { isPublic: true }
          : { headers: { authorization: `Bearer ${token.value.reveal()}` } };
      return client.send({ receiver: name, method: 'POST', url, body, ...access }, signal);
    },
  };
}

/** One alert of the array that the API takes. */
export function buildAlertmanagerAlert(notification: AlertNotification) {
  const { alert, severity, source, provider, status, runbook, startedAtMs, atMs } = notification;
  const isOver = status === 'resolved';
  return {
    labels: {
      alertname: alert,
      severity,
      service: source,
      ...(provider === undefined ? {} : { provider }),
    },
    annotations: {
      summary: notification.summary,
      description: notification.description,
      action: notification.action,
      runbook_url: runbook,
    },
    startsAt: formatUtc(startedAtMs),
    // A moment ago, so that a receiver whose clock is a little behind does not see it in the future for long.
    endsAt: formatUtc(isOver ? Math.max(startedAtMs + 1, atMs - 1_000) : atMs + ENDS_AFTER_MS),
  };
}

/**
 * Names of the instances, for messages and metrics: the sink's own for a single one, `alertmanager/am-0.monitoring:9093` for
 * several. Their addresses are no secret.
 */
export function nameInstances(name: string, urls: readonly string[]): readonly string[] {
  if (urls.length === 1) return [name];
  const hosts = urls.map((url) => new URL(url).host);
  return hosts.map((host, index) =>
    hosts.indexOf(host) === index ? `${name}/${host}` : `${name}/${host} (${index + 1} of ${urls.length})`,
  );
}
