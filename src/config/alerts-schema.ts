/** Who is told when something is wrong: the schema of the section, and what the program makes of it. */
import { z } from 'zod';
import { SEVERITIES } from '../core/alert.ts';
import type { CredentialReference } from '../core/credential/credential-reference.ts';
import { quote } from '../core/credential/secret-likeness.ts';
import { durationField, labelField, mapping, patternField, urlField } from '../core/wire/field-schemas.ts';
import { isJsonObject } from '../core/wire/json.ts';
import { URL_FORM } from '../core/wire/service-url.ts';
import type { AlertsConfiguration, SinkConfiguration } from './configuration.ts';
import { type ReferenceContext, readCredentialEntries } from './credential-entries.ts';
import { type InstallationPlace, nameInstallation } from './installation-name.ts';
import type { Finding, Path } from './problem.ts';
import { BY_REFERENCE, credentialReferenceSchema } from './reference-schema.ts';
import type { FileUse, SecretUse } from './secret-uses.ts';

const TOPIC_ARN = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/;
const TOPIC_ARN_FORM = 'the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME';
/** No credential travels there unless `token` is set, which the section's own rule looks after. */
const PUBLIC_URL = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/;
const PUBLIC_URL_FORM = 'a URL without query, fragment and credentials';

const PAGERDUTY_ENDPOINT = 'https://events.pagerduty.com';

/** A secret, by reference. */
const secretField = (description: string) =>
  credentialReferenceSchema.describe(`${description}; ${BY_REFERENCE}`);

const shared = (kind: string) => ({
  name: labelField().default(kind).describe('name in the log and the metrics, unique among the sinks'),
  leastSeverity: z
    .enum(SEVERITIES)
    .default('warning')
    .describe('warning: everything; critical: only what is worth waking a person for'),
});

const slackSchema = mapping({
  kind: z.literal('slack').describe('slack: a channel, through an incoming webhook'),
  ...shared('slack'),
  url: secretField("the incoming webhook's URL"),
});

const pagerDutySchema = mapping({
  kind: z.literal('pagerduty').describe('pagerduty: Events API v2'),
  ...shared('pagerduty'),
  routingKey: secretField("the integration's routing key"),
  endpoint: urlField()
    .prefault(PAGERDUTY_ENDPOINT)
    .describe('where events are sent; https://events.eu.pagerduty.com for accounts in the EU'),
});

const urlList = 'a list with at least one URL';
const alertmanagerSchema = mapping({
  kind: z.literal('alertmanager').describe('alertmanager: Prometheus Alertmanager, API v2'),
  ...shared('alertmanager'),
  urls: z
    .array(patternField(PUBLIC_URL, PUBLIC_URL_FORM), urlList)
    .min(1, urlList)
    .max(16, 'at most 16 URLs')
    .describe(
      'every instance of the cluster, without /api/v2/alerts; http is allowed while there is no token',
    ),
  token: secretField('bearer token for its API, where it asks for one').optional(),
}).superRefine(({ urls, token }, context) => {
  for (const [index, url] of urls.entries()) {
    if (token === undefined || urlField().safeParse(url).success) continue;
    context.addIssue({ code: 'custom', path: ['urls', index], message: URL_FORM });
  }
});

const webhookSchema = mapping({
  kind: z.literal('webhook').describe('webhook: JSON to any https URL, signed'),
  ...shared('webhook'),
  url: secretField('where messages are posted: an https URL (http for loopback hosts only)'),
  hmacKey: secretField('key of the HMAC-SHA256 signature; messages are not signed without one').optional(),
});

const snsSchema = mapping({
  kind: z.literal('sns').describe('sns: an Amazon SNS topic; needs sns:Publish'),
  ...shared('sns'),
  topicArn: patternField(TOPIC_ARN, TOPIC_ARN_FORM).describe('the topic; its region is taken from here'),
  endpoint: urlField().optional().describe('URL of an emulator or a VPC endpoint'),
});

const sinkSchema = z.discriminatedUnion(
  'kind',
  [slackSchema, pagerDutySchema, alertmanagerSchema, webhookSchema, snsSchema],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'slack, pagerduty, alertmanager, webhook, sns'
        : 'a mapping with kind, name, leastSeverity and what the kind needs',
  },
);

export const alertsSchema = mapping({
  name: labelField()
    .optional()
    .describe(
      'what receivers call this installation, part of the identity of every alert: two installations with one name end ' +
        "each other's alerts; token-refresher/NAMESPACE/LEASE/REGION, as far as they are known and not the defaults, when " +
        'left out',
    ),
  remindEvery: durationField({ leastMs: 60_000 })
    .prefault('4h')
    .describe('how often an alert that goes on is told again'),
  runbookUrl: urlField()
    .optional()
    .describe('where docs/runbook.md can be read, for links; without one messages name the file'),
  sinks: z.array(sinkSchema, 'a list of sinks').prefault([]).describe('who is told'),
  heartbeat: mapping({
    url: secretField(
      "URL of a dead man's switch, called with GET while this replica leads and its schedule runs",
    ),
    every: durationField({ leastMs: 10_000, mostMs: 86_400_000 })
      .prefault('1m')
      .describe('how often; let the switch raise the alarm after two or three of them'),
  })
    .optional()
    .describe("a dead man's switch outside of the cluster"),
}).superRefine(({ sinks }, context) => {
  const seen = new Map<string, number>();
  for (const [index, { name }] of sinks.entries()) {
    const twin = seen.get(name);
    if (twin === undefined) {
      seen.set(name, index);
      continue;
    }
    context.addIssue({
      code: 'custom',
      path: ['sinks', index, 'name'],
      message: 'a unique name',
      // Left out, a name is the kind.
      params: { found: `found ${quote(name)}, written or by default, the name of sinks[${twin}] too` },
    });
  }
});

type Reference = z.output<typeof credentialReferenceSchema>;

/** An installation that nothing tells from another one, at receivers that tell alerts apart by its name. */
export function findNamelessInstallation(
  { name, sinks }: z.output<typeof alertsSchema>,
  { namespace, leaseName }: InstallationPlace,
): readonly Finding[] {
  const isShared = sinks.some(({ kind }) => kind === 'pagerduty' || kind === 'alertmanager');
  if (name !== undefined || namespace !== undefined || leaseName !== undefined || !isShared) return [];
  const text =
    'there is no name: another installation in this region that has none either and tells the same receivers would end ' +
    "this one's alerts, and this one its";
  return [{ path: ['alerts'], text, allowed: 'alerts.name, another one for each installation' }];
}

/**
 * @param place what the name is made of when there is none
 * @param toReference for a reference that the schema has accepted
 */
export function toAlerts(
  section: z.output<typeof alertsSchema>,
  place: InstallationPlace,
  toReference: (reference: Reference) => CredentialReference,
): AlertsConfiguration {
  const { name, remindEvery, runbookUrl, sinks, heartbeat } = section;
  return {
    name: name ?? nameInstallation(place),
    remindEveryMs: remindEvery,
    runbookUrl,
    sinks: sinks.map((sink) => toSink(sink, toReference)),
    heartbeat:
      heartbeat === undefined ? undefined : { url: toReference(heartbeat.url), everyMs: heartbeat.every },
  };
}

function toSink(
  sink: z.output<typeof sinkSchema>,
  toReference: (reference: Reference) => CredentialReference,
): SinkConfiguration {
  const optional = (reference: Reference | undefined): CredentialReference | undefined =>
    reference === undefined ? undefined : toReference(reference);
  switch (sink.kind) {
    case 'slack':
      return { ...sink, url: toReference(sink.url) };
    case 'pagerduty':
      return { ...sink, routingKey: toReference(sink.routingKey) };
    case 'alertmanager':
      return { ...sink, urls: sink.urls.map((url) => url.replace(/\/+$/, '')), token: optional(sink.token) };
    case 'webhook':
      return { ...sink, url: toReference(sink.url), hmacKey: optional(sink.hmacKey) };
    case 'sns':
      return { ...sink, endpoint: sink.endpoint };
  }
}

/** Names of the fields that hold a reference, in sinks and in the heartbeat. */
const SECRET_FIELDS = ['url', 'routingKey', 'token', 'hmacKey'];

/** The secrets that the section refers to, and what is wrong with the environment that they are looked up in. */
export function readAlertReferences(
  raw: unknown,
  context: ReferenceContext,
): { readonly findings: readonly Finding[]; readonly uses: readonly (SecretUse | FileUse)[] } {
  const section = isJsonObject(raw) ? raw : {};
  const sinks: readonly unknown[] = Array.isArray(section['sinks']) ? section['sinks'] : [];
  const places: readonly (readonly [unknown, Path])[] = [
    ...sinks.map((sink, index) => [sink, ['alerts', 'sinks', index]] as const),
    [section['heartbeat'], ['alerts', 'heartbeat']],
  ];
  const entries = places.map(([value, path]) => readCredentialEntries(SECRET_FIELDS, value, path, context));
  return {
    findings: entries.flatMap(({ findings }) => findings),
    uses: entries.flatMap(({ uses }) => uses),
  };
}
