import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT } from './program-process.ts';

const FILE = join(PROJECT, 'k8s/components/prometheus-operator/prometheusrule.yaml');

const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.string() }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
});
const recordSchema = z.strictObject({ record: z.string(), expr: z.string() });

const specSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(z.union([alertSchema, recordSchema])) })),
});
const resourceSchema = z.strictObject({
  apiVersion: z.literal('monitoring.coreos.com/v1'),
  kind: z.literal('PrometheusRule'),
  metadata: z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: specSchema,
});

export type AlertRule = z.output<typeof alertSchema>;

/** What a Prometheus rule file holds: the operator copies `spec` as it is. */
export const RULE_FILE = resourceSchema.parse(parse(readFileSync(FILE, 'utf8'))).spec;

const rules = RULE_FILE.groups.flatMap((group) => group.rules);

export const ALERT_RULES: readonly AlertRule[] = rules.filter((rule) => 'alert' in rule);
export const RECORDED: readonly string[] = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
export const EXPRESSIONS: readonly string[] = rules.map(({ expr }) => expr);
