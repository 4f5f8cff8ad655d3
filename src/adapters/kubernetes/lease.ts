/**
 * A Lease as the API server writes it (coordination.k8s.io/v1) and the record in it.
 *
 * Guarantee: whatever else the object holds (labels of a deployment tool, fields of later versions) is sent back
 * unchanged by an update, because an update replaces the whole object. A record that somebody has edited manually is read
 * for what it is still good for: an election is never stopped for good by a field that is missing or malformed.
 */

import * as z from 'zod';
import type { Parsed } from '../../core/result.ts';
import { LABEL_PATTERN } from '../../core/wire/field-schemas.ts';
import { isJsonObject, type JsonObject, objectIn } from '../../core/wire/json.ts';
import { formatMicroTime } from './micro-time.ts';

/** The election's record: the part of `spec` that we read. */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holder: string;
  /**
   * For how long a record without change keeps others away; the holder's promise, not our setting. `undefined`: the
   * record does not say.
   */
  readonly durationMs: number | undefined;
  readonly acquireTime: string | undefined;
  readonly transitions: number;
}

export interface Lease {
  readonly record: LeaseRecord;
  /** The record's exact text: whether it has changed is all that its times are used for. */
  readonly recordText: string;
  readonly resourceVersion: string;
  /** Of its last writer, see {@link LeaseChange.installation}; `undefined`: it does not say. */
  readonly installation: string | undefined;
  /** Of its last writer, see {@link LeaseChange.rejectionsAt}; `undefined`: it does not say, or names no address. */
  readonly rejectionsAt: string | undefined;
  /** `undefined`: the server does not say. */
  readonly namespace: string | undefined;
  /** The whole object, to be sent back by an update. */
  readonly raw: JsonObject;
}

/** What we write into `spec`. */
export interface LeaseChange {
  readonly holder: string;
  readonly durationMs: number;
  /** `undefined` keeps what is there: our own term goes on. */
  readonly acquiredAtMs: number | undefined;
  readonly renewedAtMs: number;
  readonly transitions: number;
  /** 0-999, different from the last write's; see {@link formatMicroTime}. */
  readonly microseconds: number;
  /** Which providers it keeps tokens of (`isSameInstallation`): a stand-by sees whether its own are cared for. */
  readonly installation: string;
  /** `10.0.0.7:8081`, where it takes reports of refused tokens: other replicas pass theirs on; `undefined`: nowhere. */
  readonly rejectionsAt?: string | undefined;
}

const INSTALLATION = 'token-refresher/installation';
const REJECTIONS_AT = 'token-refresher/rejections-at';
/** An address and a port, and nothing that would have to be looked up. */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]{2,39}\]):\d{1,5}$/;

/** What we call a holder whose name cannot be read: somebody, and not us. */
export const UNREADABLE_HOLDER = '(unreadable)';
const PLAIN_NAME = /^[\w(][\w.:@/()-]{0,252}$/;
/** What a replica appends to its name, so that a restarted one does not take itself for its former self. */
const SUFFIX = /_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** RFC 1123 subdomain, what Kubernetes allows for the name of a pod. */
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
/** int32: the API server refuses more, so that counting goes on from 0. */
const MAX_TRANSITIONS = 2_147_483_647;

/** An absent field and an explicit `null` mean the same to Kubernetes. What is malformed counts as absent. */
const specSchema = z.looseObject({
  holderIdentity: z.string().nullish().catch(UNREADABLE_HOLDER),
  leaseDurationSeconds: z.int().min(1).nullish().catch(undefined),
  acquireTime: z.string().nullish().catch(undefined),
  leaseTransitions: z.int().min(0).max(MAX_TRANSITIONS).nullish().catch(undefined),
});

const leaseSchema = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string().min(1),
    namespace: z.string().regex(LABEL_PATTERN).nullish().catch(undefined),
    annotations: z
      .looseObject({
        [INSTALLATION]: z.string().optional(),
        [REJECTIONS_AT]: z.string().regex(ADDRESS).optional().catch(undefined),
      })
      .nullish()
      .catch(undefined),
  }),
  spec: specSchema.nullish(),
});

/**
 * Reads the body of an answer. What is no Lease at all is a problem, never a free lease; it names the field and quotes
 * nothing.
 */
export function parseLease(body: unknown): Parsed<{ readonly lease: Lease }> {
  const parsed = leaseSchema.safeParse(body);
  if (!parsed.success || !isJsonObject(body)) {
    const path = parsed.error?.issues[0]?.path.join('.') ?? '';
    return { ok: false, problem: path === '' ? 'is no Lease object' : `has a malformed field ${path}` };
  }
  const spec = parsed.data.spec ?? {};
  const { leaseDurationSeconds } = spec;
  const record: LeaseRecord = {
    holder: spec.holderIdentity ?? '',
    durationMs: typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds * 1000 : undefined,
    acquireTime: spec.acquireTime ?? undefined,
    transitions: spec.leaseTransitions ?? 0,
  };
  const { resourceVersion, annotations } = parsed.data.metadata;
  const namespace = parsed.data.metadata.namespace ?? undefined;
  const installation = annotations?.[INSTALLATION];
  const rejectionsAt = annotations?.[REJECTIONS_AT];
  const recordText = JSON.stringify(body['spec'] ?? {});
  return {
    ok: true,
    lease: { record, recordText, resourceVersion, installation, rejectionsAt, namespace, raw: body },
  };
}

/** A holder as messages may call it, which is the name of its pod as a rule. The field takes any text. */
export function nameHolder(holder: string): string {
  return PLAIN_NAME.test(holder) ? holder.replace(SUFFIX, '') : '(a name that is not shown)';
}

/**
 * The command that brings the status page of the holder, which is a pod beside the Lease.
 * @returns `undefined` when no pod can have that name, or its namespace is not known
 */
export function describeReach({ record, namespace }: Lease, port: number): string | undefined {
  const pod = nameHolder(record.holder);
  if (namespace === undefined || !SUBDOMAIN.test(pod)) return undefined;
  return `kubectl -n ${namespace} port-forward pod/${pod} ${port}`;
}

/** The object that creates a lease. */
export function buildNewLease(name: string, namespace: string, change: LeaseChange): JsonObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace, annotations: annotationsOf(change) },
    spec: buildSpec(change),
  };
}

/** The object that would create a lease that nobody holds. */
export function buildUnheldLease(name: string, namespace: string): JsonObject {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec: {} };
}

/** The object that replaces `lease`; it carries the resourceVersion, so that a change in between is a conflict. */
export function buildLeaseUpdate(lease: Lease, change: LeaseChange): JsonObject {
  const { raw } = lease;
  const spec = objectIn(raw, 'spec');
  const metadata = objectIn(raw, 'metadata');
  // Where a former holder takes reports says nothing of this one.
  const { [REJECTIONS_AT]: _, ...kept } = objectIn(metadata, 'annotations');
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...raw,
    metadata: {
      ...metadata,
      annotations: { ...kept, ...annotationsOf(change) },
    },
    spec: { ...spec, ...buildSpec(change) },
  };
}

function annotationsOf({ installation, rejectionsAt }: LeaseChange): JsonObject {
  return {
    [INSTALLATION]: installation,
    ...(rejectionsAt === undefined ? {} : { [REJECTIONS_AT]: rejectionsAt }),
  };
}

/** The same object with other annotations, for who does not hold it too; see {@link buildLeaseUpdate}. */
export function buildAnnotatedLease(
  { raw }: Lease,
  annotations: Readonly<Record<string, string>>,
): JsonObject {
  const metadata = objectIn(raw, 'metadata');
  return {
    ...raw,
    metadata: { ...metadata, annotations: { ...objectIn(metadata, 'annotations'), ...annotations } },
  };
}

function buildSpec(change: LeaseChange): JsonObject {
  const { holder, durationMs, acquiredAtMs, renewedAtMs, transitions, microseconds } = change;
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    ...(acquiredAtMs === undefined ? {} : { acquireTime: formatMicroTime(acquiredAtMs, microseconds) }),
    renewTime: formatMicroTime(renewedAtMs, microseconds),
    leaseTransitions: transitions % (MAX_TRANSITIONS + 1),
  };
}
