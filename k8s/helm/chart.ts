/** What the chart has of the rest of the project: files that `npm run chart` writes, and a test compares. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';

const MONITORING = join(import.meta.dirname, '../components/prometheus-operator');

export const CHART = join(import.meta.dirname, 'token-refresher');

/** Contents by path in the chart: Helm reads no file outside of it, and warns of links at every command. */
export function chartFiles(): Readonly<Record<string, string>> {
  return {
    'values.schema.json': `${JSON.stringify(valuesSchema(), undefined, 1)}\n`,
    'files/dashboard.json': readFileSync(join(MONITORING, 'dashboard.json'), 'utf8'),
    'files/prometheusrule.yaml': readFileSync(join(MONITORING, 'prometheusrule.yaml'), 'utf8'),
  };
}

const text: JsonObject = { type: 'string' };
const flag: JsonObject = { type: 'boolean' };
/** What Kubernetes itself checks. */
const mapping: JsonObject = { type: 'object' };
const list: JsonObject = { type: 'array', items: mapping };
const annotations: JsonObject = { type: 'object', additionalProperties: text };
const labels: JsonObject = {
  type: 'object',
  additionalProperties: { type: 'string', pattern: '^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$' },
};
const amount: JsonObject = { type: ['integer', 'string'] };
const duration: JsonObject = { type: 'string', pattern: '^(?:[0-9]+(?:ms|s|m|h))+$' };

/** A text that may be empty. */
function maybe(pattern: string, maxLength = 63): JsonObject {
  return { type: 'string', pattern: `^(?:${pattern})?$`, maxLength };
}

function count(minimum: number): JsonObject {
  return { type: 'integer', minimum };
}

/** Helm takes out what is `null`. The templates do without texts and lists; all else has to be there. */
function canBeNull(schema: unknown): boolean {
  if (!isJsonObject(schema)) return false;
  const { type, pattern } = schema;
  return schema === text || schema === list || Array.isArray(type) || String(pattern).endsWith(')?$');
}

function record(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter(
    (name) => !optional.includes(name) && !canBeNull(properties[name]),
  );
  return { type: 'object', additionalProperties: false, required, properties };
}

/** The schema of values.yaml. Our own stands in it but for `required`: a template asks for providers, and the chart alone passes `helm lint`. */
function valuesSchema(): JsonObject {
  const { $schema, required: _, ...configuration } = configurationJsonSchema(CATALOG);
  const timing = {
    initialDelaySeconds: count(0),
    periodSeconds: count(1),
    timeoutSeconds: count(1),
    failureThreshold: count(1),
    successThreshold: count(1),
    terminationGracePeriodSeconds: count(1),
  };
  const probe = record(timing, Object.keys(timing));
  const properties = {
    global: mapping,
    enabled: flag,
    config: { $ref: '#/$defs/configuration' },
    image: record({
      repository: { type: 'string', pattern: '^[^\\s@]+$' },
      tag: maybe('[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}', 128),
      digest: maybe('sha256:[0-9a-f]{64}', 71),
      pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
    }),
    imagePullSecrets: list,
    replicas: count(0),
    revisionHistoryLimit: count(0),
    strategy: mapping,
    cronJob: record({ enabled: flag, schedule: { type: 'string', minLength: 9 } }),
    nameOverride: maybe('[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'),
    fullnameOverride: maybe('[a-z](?:[a-z0-9-]*[a-z0-9])?'),
    namespaceOverride: maybe('[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'),
    commonLabels: labels,
    commonAnnotations: annotations,
    podLabels: labels,
    podAnnotations: annotations,
    env: list,
    envFrom: list,
    volumes: list,
    volumeMounts: list,
    initContainers: list,
    extraContainers: list,
    serviceAccount: record({ create: flag, name: text, annotations }),
    rbac: record({ secrets: flag }),
    resources: mapping,
    podSecurityContext: mapping,
    securityContext: mapping,
    terminationGracePeriodSeconds: count(0),
    probes: record({ startup: probe, liveness: probe, readiness: probe }),
    journal: record({ sizeLimit: { type: 'string', minLength: 1 }, volume: mapping }),
    nodeSelector: labels,
    tolerations: list,
    affinity: mapping,
    topologySpreadConstraints: { type: ['array', 'null'], items: mapping },
    priorityClassName: text,
    runtimeClassName: text,
    dnsPolicy: maybe('Default|ClusterFirst|ClusterFirstWithHostNet|None'),
    dnsConfig: mapping,
    hostAliases: list,
    service: record({ annotations }),
    podDisruptionBudget: record({ enabled: flag, maxUnavailable: amount }),
    networkPolicy: record({
      enabled: flag,
      ingressFrom: list,
      rejectionsFrom: list,
      podIdentityAgent: flag,
      egress: list,
    }),
    podMonitor: record({ enabled: flag, labels, interval: duration, scrapeTimeout: duration }),
    // Without braces, and ready to be followed by a comma.
    prometheusRule: record({ enabled: flag, labels, seriesSelector: maybe('[a-z_A-Z].*["\'`]', 1000) }),
    grafanaDashboard: record({ enabled: flag, labels, annotations }),
  };
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'values of the chart token-refresher',
    // Helm adds `global` to the values of a chart that is part of another one, and its `condition` is by custom `enabled`.
    ...record(properties, ['global', 'enabled']),
    $defs: { configuration },
  };
}
