/**
 * The JSON that a webhook is sent, one object for each notification.
 *
 * Guarantee: the schema is published as `config/alert-notification.schema.json`; a field never changes its meaning without
 * a new `schema_version`.
 */
import * as z from 'zod';
import { ALERT_NAMES, type AlertNotification, OCCASIONS, SEVERITIES } from '../alert.ts';
import { formatUtc } from './time-text.ts';

export const alertMessageSchema = z.strictObject({
  schema_version: z.literal(1).describe('counts up when a field changes its meaning'),
  status: z.enum(['firing', 'resolved']),
  occasion: z
    .enum(OCCASIONS)
    .exclude(['kept', 'inherited'])
    .describe(
      'fired: it has begun; grew: more tokens are concerned; reminder: it goes on; recovered: it is over; superseded: ' +
        'another alert about the same tokens has taken its place; test: alert-test',
    ),
  key: z
    .string()
    .max(255)
    .describe('identity of the alert: the same from its begin to its end, whoever sends it'),
  alert: z.enum([...ALERT_NAMES, 'AlertTest']),
  severity: z.enum(SEVERITIES),
  source: z.string().describe('name of the installation'),
  provider: z.string().optional().describe('left out when the whole program is concerned'),
  token_count: z.int().min(0).describe('tokens concerned; 0 for the provider or the program as a whole'),
  tokens: z.array(z.string()).max(10).describe('the first of them'),
  codes: z.record(z.string(), z.int().min(1)).describe('how many of them fail with which failure code'),
  summary: z.string().max(300),
  description: z.string(),
  action: z.string().describe('what to do first'),
  runbook: z.string(),
  started_at: z.iso.datetime().describe('RFC 3339, UTC'),
  at: z.iso.datetime().describe('when this was found'),
  lasted_ms: z.int().min(0),
});

/** One message, as {@link alertMessageSchema} describes it. */
export function buildAlertMessage(notification: AlertNotification) {
  const { startedAtMs, atMs, lastedMs, tokenCount, ...named } = notification;
  return {
    schema_version: 1,
    ...named,
    token_count: tokenCount,
    started_at: formatUtc(startedAtMs),
    at: formatUtc(atMs),
    lasted_ms: lastedMs,
  };
}
