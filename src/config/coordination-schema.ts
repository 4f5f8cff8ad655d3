/** How replicas agree on who refreshes: the schema of the section, and what the program makes of it. */
import * as z from 'zod';
import { DEFAULT_LEASE_TIMING, findLeaseTimingProblems } from '../core/lease-timing.ts';
import { apiServerField, namespaceField, resolveApiServer } from '../core/wire/api-server-fields.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { durationField, mapping, patternField } from '../core/wire/field-schemas.ts';
import type { CoordinationConfiguration } from './configuration.ts';

/** RFC 1123, what Kubernetes allows for the name of a lease (subdomain). */
const LEASE_NAME_FORM =
  'lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit';
const leaseNameField = patternField(
  /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
  LEASE_NAME_FORM,
).max(253, LEASE_NAME_FORM);
/** Of a configuration that names none, in surroundings that name none. */
export const DEFAULT_LEASE_NAME = 'token-refresher';
const IDENTITY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const IDENTITY_FORM = 'at most 128 letters, digits, dots, hyphens and underscores';

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = DEFAULT_LEASE_TIMING;

const noneSchema = mapping({
  kind: z.literal('none').default('none').describe('none: one replica, which always refreshes'),
});

const kubernetesSchema = mapping({
  kind: z
    .literal('kubernetes')
    .describe('kubernetes: several replicas, one of which holds a Lease and refreshes'),
  leaseName: leaseNameField
    .optional()
    .describe(
      'name of the Lease (coordination.k8s.io/v1), the same in all replicas and in no other installation of the ' +
        'namespace; TOKEN_REFRESHER_LEASE_NAME when left out, which the manifests set, else token-refresher',
    ),
  namespace: namespaceField()
    .optional()
    .describe("namespace of the Lease; the pod's own when left out; required beside apiServer"),
  leaseDuration: durationField()
    .prefault(formatDuration(leaseDurationMs))
    .describe('a stand-by takes over when the Lease has not been renewed for so long; whole seconds'),
  renewDeadline: durationField()
    .prefault(formatDuration(renewDeadlineMs))
    .describe('the leader stops when it could not renew for so long; less than leaseDuration'),
  retryPeriod: durationField()
    .prefault(formatDuration(retryPeriodMs))
    .describe(
      'the leader renews and a stand-by looks about this often; renewDeadline must be more than 1.2 times it',
    ),
  identity: patternField(IDENTITY, IDENTITY_FORM)
    .optional()
    .describe(
      'what the Lease calls this replica, a random suffix is appended; POD_NAME or HOSTNAME when left out',
    ),
  apiServer: apiServerField(),
}).superRefine((section, context) => {
  const timing = {
    leaseDurationMs: section.leaseDuration,
    renewDeadlineMs: section.renewDeadline,
    retryPeriodMs: section.retryPeriod,
  };
  for (const { field, allowed } of findLeaseTimingProblems(timing)) {
    context.addIssue({ code: 'custom', path: [field], message: allowed });
  }
  if (section.apiServer !== undefined && section.namespace === undefined) {
    const message = "the Lease's namespace: with apiServer there is no pod to take it from";
    context.addIssue({ code: 'custom', path: ['namespace'], message });
  }
});

export const coordinationSchema = z.discriminatedUnion('kind', [noneSchema, kubernetesSchema], {
  error: (issue) => (issue.code === 'invalid_union' ? 'none, kubernetes' : 'a mapping with kind'),
});

/** @returns what is wrong with the name of a Lease that did not come from a configuration; `undefined`: nothing */
export function findLeaseNameProblem(name: string): string | undefined {
  return leaseNameField.safeParse(name).success
    ? undefined
    : `is no name of a Lease; allowed: ${LEASE_NAME_FORM}`;
}

/**
 * @param folder what paths are relative to
 * @param leaseName for a section that names none; see {@link findLeaseNameProblem}
 */
export function toCoordination(
  section: z.output<typeof coordinationSchema>,
  folder: string,
  leaseName = DEFAULT_LEASE_NAME,
): CoordinationConfiguration {
  if (section.kind === 'none') return { kind: 'none' };
  const { namespace, identity, apiServer } = section;
  return {
    kind: 'kubernetes',
    leaseName: section.leaseName ?? leaseName,
    namespace,
    identity,
    timing: {
      leaseDurationMs: section.leaseDuration,
      renewDeadlineMs: section.renewDeadline,
      retryPeriodMs: section.retryPeriod,
    },
    apiServer: resolveApiServer(apiServer, folder),
  };
}
