/**
 * A Lease as the API server writes it (coordination.k8s.io/v1) and the record in it.
 *
 * Guarantee: whatever else the object holds (labels of a deployment tool, fields of later versions) is sent back
 * unchanged by an update, because an update replaces the whole object.
 */
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { formatMicroTime } from './micro-time.ts';

/** The election's record: the part of `spec` that we read. */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holder: string;
  /** For how long a record without change keeps others away; the holder's promise, not our setting. */
  readonly durationMs: number;
  readonly acquireTime: string | undefined;
  readonly transitions: number;
}

export interface Lease {
  readonly record: LeaseRecord;
  /** The record's exact text: whether it has changed is all that its times are used for. */
  readonly recordText: string;
  readonly resourceVersion: string;
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
}

/** An absent field and an explicit `null` mean the same to Kubernetes. */
const specSchema = z.looseObject({
  holderIdentity: z.string().nullish(),
  leaseDurationSeconds: z.int().min(1).nullish(),
  acquireTime: z.string().nullish(),
  leaseTransitions: z.int().min(0).nullish(),
});

const leaseSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().min(1) }),
  spec: specSchema.nullish(),
});

export type ParsedLease =
  | { readonly ok: true; readonly lease: Lease }
  /** Names the field; quotes nothing. */
  | { readonly ok: false; readonly problem: string };

/** Reads the body of an answer. A record that an election cannot be held on is a problem, never a free lease. */
export function parseLease(body: unknown): ParsedLease {
  const parsed = leaseSchema.safeParse(body);
  if (!parsed.success || !isJsonObject(body)) {
    const path = parsed.error?.issues[0]?.path.join('.') ?? '';
    return { ok: false, problem: path === '' ? 'is no Lease object' : `has a malformed field ${path}` };
  }
  const spec = parsed.data.spec ?? {};
  const holder = spec.holderIdentity ?? '';
  // Somebody holds it and does not say for how long: taking it could make two leaders.
  if (holder !== '' && typeof spec.leaseDurationSeconds !== 'number')
    return { ok: false, problem: 'has a holder and no field spec.leaseDurationSeconds' };
  const record: LeaseRecord = {
    holder,
    durationMs: (spec.leaseDurationSeconds ?? 1) * 1000,
    acquireTime: spec.acquireTime ?? undefined,
    transitions: spec.leaseTransitions ?? 0,
  };
  const { resourceVersion } = parsed.data.metadata;
  return { ok: true, lease: { record, recordText: JSON.stringify(spec), resourceVersion, raw: body } };
}

/** The object that creates a lease. */
export function buildNewLease(name: string, namespace: string, change: LeaseChange): JsonObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace },
    spec: buildSpec(change),
  };
}

/** The object that replaces `lease`; it carries the resourceVersion, so that a change in between is a conflict. */
export function buildLeaseUpdate(lease: Lease, change: LeaseChange): JsonObject {
  const { raw } = lease;
  const spec = isJsonObject(raw['spec']) ? raw['spec'] : {};
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...raw,
    spec: { ...spec, ...buildSpec(change) },
  };
}

function buildSpec(change: LeaseChange): JsonObject {
  const { holder, durationMs, acquiredAtMs, renewedAtMs, transitions, microseconds } = change;
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    ...(acquiredAtMs === undefined ? {} : { acquireTime: formatMicroTime(acquiredAtMs, microseconds) }),
    renewTime: formatMicroTime(renewedAtMs, microseconds),
    leaseTransitions: transitions,
  };
}
