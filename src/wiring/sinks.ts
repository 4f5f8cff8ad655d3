import { ALERTMANAGER } from '../adapters/alertmanager/alertmanager-sink.ts';
import { PAGERDUTY } from '../adapters/pagerduty/pagerduty-sink.ts';
import { SLACK } from '../adapters/slack/slack-sink.ts';
import { SNS } from '../adapters/sns/sns-sink.ts';
import { WEBHOOK } from '../adapters/webhook/webhook-sink.ts';
import type { SinkKind } from '../core/sink-kind.ts';

/** The receivers of alerts that a configuration can name. */
export const SINKS: readonly SinkKind[] = [SLACK, PAGERDUTY, ALERTMANAGER, WEBHOOK, SNS];
