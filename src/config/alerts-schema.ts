/** Who receives alerts: the schema of the section, and what the program makes of it. */
import * as z from 'zod';
import type { CredentialReference, CredentialReferences } from '../core/credential/credential-reference.ts';
import type { credentialReferenceSchema } from '../core/credential/reference-schema.ts';
import { quote } from '../core/credential/secret-likeness.ts';
import { type SinkKind, secretField } from '../core/sink-kind.ts';
import { durationField, labelField, mapping, urlField } from '../core/wire/field-schemas.ts';
import { isJsonObject } from '../core/wire/json.ts';
import type { AlertsConfiguration } from './configuration.ts';
import { type ReferenceContext, readCredentialEntries } from './credential-entries.ts';
import { type InstallationPlace, nameInstallation } from './installation-name.ts';
import type { Finding, Path } from './problem.ts';
import type { CredentialUse, FileUse } from './secret-uses.ts';

/** A receiver of one of the kinds. */
function createSinkSchema(kinds: readonly SinkKind[]) {
  const [first, ...others] = kinds.map(({ schema }) => schema);
  if (first === undefined) throw new Error('there is no kind of sink');
  return z.discriminatedUnion('kind', [first, ...others], {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? kinds.map(({ kind }) => kind).join(', ')
        : 'a mapping with kind, name, leastSeverity and what the kind needs',
  });
}

export type AlertsSchema = ReturnType<typeof createAlertsSchema>;

export function createAlertsSchema(kinds: readonly SinkKind[]) {
  return mapping({
    name: labelField()
      .optional()
      .describe(
        'what receivers call this installation, part of the identity of every alert: two installations with one name end ' +
          "each other's alerts; token-refresher/NAMESPACE/LEASE/REGION, as far as they are known and not the defaults, when " +
          'left out',
      ),
    remindEvery: durationField({ leastMs: 60_000 })
      .prefault('4h')
      .describe('how often an alert that is still active is sent again'),
    runbookUrl: urlField()
      .optional()
      .describe(
        'your own runbook, for links, with the anchors of docs/runbook.md; without one links lead to the pages at /runbook/ of this program',
      ),
    sinks: z.array(createSinkSchema(kinds), 'a list of sinks').prefault([]).describe('the alert receivers'),
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
}

type Reference = z.output<typeof credentialReferenceSchema>;

/** An installation that nothing tells from another one, at receivers that tell alerts apart by its name. */
export function findNamelessInstallation(
  { name, sinks }: z.output<AlertsSchema>,
  { namespace, leaseName }: InstallationPlace,
): readonly Finding[] {
  const isShared = sinks.some(({ needsInstallationName }) => needsInstallationName);
  if (name !== undefined || namespace !== undefined || leaseName !== undefined || !isShared) return [];
  const text =
    'there is no name: another installation in this region that has none either and tells the same receivers would end ' +
    "this one's alerts, and this one its";
  return [{ path: ['alerts'], text, allowed: 'alerts.name, another one for each installation' }];
}

/**
 * @param place what the name is made of when there is none
 * @param credentials of each sink
 * @param toReference for a reference that the schema has accepted
 */
export function toAlerts(
  section: z.output<AlertsSchema>,
  place: InstallationPlace,
  credentials: readonly CredentialReferences[],
  toReference: (reference: Reference) => CredentialReference,
): AlertsConfiguration {
  const { name, remindEvery, runbookUrl, sinks, heartbeat } = section;
  return {
    name: name ?? nameInstallation(place),
    remindEveryMs: remindEvery,
    runbookUrl,
    sinks: sinks.map((sink, index) => ({ ...sink, credentials: credentials[index] ?? {} })),
    heartbeat:
      heartbeat === undefined ? undefined : { url: toReference(heartbeat.url), everyMs: heartbeat.every },
  };
}

export interface AlertReferences {
  readonly findings: readonly Finding[];
  readonly uses: readonly (CredentialUse | FileUse)[];
  /** Of each sink. */
  readonly credentials: readonly CredentialReferences[];
}

/** The secrets that the section refers to, and what is wrong with the environment that they are looked up in. */
export function readAlertReferences(
  raw: unknown,
  kinds: readonly SinkKind[],
  context: ReferenceContext,
): AlertReferences {
  // Also those of other kinds: a sink whose kind is misspelt has its other problems reported too.
  const names = [...new Set(['url', ...kinds.flatMap(({ credentials }) => credentials)])];
  const section = isJsonObject(raw) ? raw : {};
  const sinks: readonly unknown[] = Array.isArray(section['sinks']) ? section['sinks'] : [];
  const places: readonly (readonly [unknown, Path])[] = [
    ...sinks.map((sink, index) => [sink, ['alerts', 'sinks', index]] as const),
    [section['heartbeat'], ['alerts', 'heartbeat']],
  ];
  const entries = places.map(([value, path]) => readCredentialEntries(names, value, path, context));
  return {
    findings: entries.flatMap(({ findings }) => findings),
    uses: entries.flatMap(({ uses }) => uses),
    credentials: entries.slice(0, sinks.length).map(({ references }) => references),
  };
}
