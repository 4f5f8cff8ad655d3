/** What a configuration can name: a new receiver of alerts, or a new store, is a folder in `adapters/` and a line here. */
import { ALERTMANAGER } from '../adapters/alertmanager/alertmanager-sink.ts';
import { KUBERNETES_SECRET } from '../adapters/kubernetes-secret/kubernetes-secret.ts';
import { PAGERDUTY } from '../adapters/pagerduty/pagerduty-sink.ts';
import { AWS_SECRETS_MANAGER } from '../adapters/secrets-manager/aws-secrets-manager.ts';
import { SLACK } from '../adapters/slack/slack-sink.ts';
import { SNS } from '../adapters/sns/sns-sink.ts';
import { WEBHOOK } from '../adapters/webhook/webhook-sink.ts';
import type { Catalog } from '../config/schema.ts';
import { KINDS } from './connections.ts';

export const CATALOG: Catalog = {
  kinds: KINDS,
  sinks: [SLACK, PAGERDUTY, ALERTMANAGER, WEBHOOK, SNS],
  // The first is meant where a configuration names none.
  stores: [AWS_SECRETS_MANAGER, KUBERNETES_SECRET],
};
