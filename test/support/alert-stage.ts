import type { TestContext } from 'node:test';
import { type AlertReceiver, startAlertReceiver } from './alert-receiver.ts';

/** Every kind of sink, and a heartbeat, on one server that tells them apart by path. */
export interface AlertStage {
  readonly receiver: AlertReceiver;
  /** The section of a configuration. */
  readonly alerts: unknown;
  /** The environment that it refers to. */
  readonly env: Readonly<Record<string, string>>;
  /** What the environment holds that must show nowhere, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Bodies that a sink's path has got. */
  readonly told: (sink: SinkName) => readonly string[];
}

export type SinkName = keyof typeof PATHS;

const PATHS = {
  slack: '/slack/',
  pagerduty: '/v2/enqueue',
  alertmanager: '/api/v2/alerts',
  webhook: '/hook/',
  sns: '/sns',
  heartbeat: '/beat/',
} as const;

export const SINK_NAMES = ['slack', 'pagerduty', 'alertmanager', 'webhook', 'sns'] as const;

const SECRETS = {
  SLACK_PATH: 'T0SLACK7/B0HOOK42/q8wErTyUiOpAsDfGhJkLzXc',
  WEBHOOK_PATH: 'Zm9vYmFyYmF6cXV4cXV1eC1ob29r',
  BEAT_PATH: '5f2b7d1e-0c44-4a7b-9a53-beatbeatbeat',
  PD_KEY: 'R0UT1NGK3Y0123456789ABCDEF012345',
  HMAC_KEY: 'hmac-key-that-nobody-else-may-know',
} as const;

export async function startAlertStage(t: TestContext): Promise<AlertStage> {
  const receiver = await startAlertReceiver(t);
  const { url, received } = receiver;
  return {
    receiver,
    secrets: SECRETS,
    env: {
      SLACK_URL: `${url}/slack/${SECRETS.SLACK_PATH}`,
      WEBHOOK_URL: `${url}/hook/${SECRETS.WEBHOOK_PATH}`,
      BEAT_URL: `${url}/beat/${SECRETS.BEAT_PATH}`,
      PD_KEY: SECRETS.PD_KEY,
      HMAC_KEY: SECRETS.HMAC_KEY,
    },
    alerts: {
      name: 'stage',
      sinks: [
        { kind: 'slack', url: { env: 'SLACK_URL' } },
        { kind: 'pagerduty', routingKey: { env: 'PD_KEY' }, endpoint: url },
        { kind: 'alertmanager', urls: [url] },
        { kind: 'webhook', url: { env: 'WEBHOOK_URL' }, hmacKey: { env: 'HMAC_KEY' } },
        { kind: 'sns', topicArn: 'arn:aws:sns:ap-southeast-3:123456789012:alerts', endpoint: `${url}/sns` },
      ],
      heartbeat: { url: { env: 'BEAT_URL' }, every: '10s' },
    },
    told: (sink) => received.filter(({ path }) => path.startsWith(PATHS[sink])).map(({ body }) => body),
  };
}
