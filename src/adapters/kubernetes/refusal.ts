/**
 * What a Status of the API server (meta/v1) says about a refusal, in words of ours.
 *
 * Guarantee: no text of the server comes out. Reasons, causes and fields are compared with closed sets, and its sentences
 * are only recognised: they hold names of users, policies and whatever an admission webhook cares to write.
 */
import { valueAtPath } from '../../core/wire/json.ts';

/** `metav1.StatusReason`. */
const REASONS: ReadonlySet<string> = new Set([
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'AlreadyExists',
  'Conflict',
  'Gone',
  'Invalid',
  'ServerTimeout',
  'StorageReadError',
  'Timeout',
  'TooManyRequests',
  'BadRequest',
  'MethodNotAllowed',
  'NotAcceptable',
  'RequestEntityTooLarge',
  'UnsupportedMediaType',
  'InternalError',
  'Expired',
  'ServiceUnavailable',
]);

/** `metav1.CauseType` of a field. */
const FIELD_CAUSES: ReadonlySet<string> = new Set([
  'FieldValueNotFound',
  'FieldValueRequired',
  'FieldValueDuplicate',
  'FieldValueInvalid',
  'FieldValueNotSupported',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const FIELDS: ReadonlySet<string> = new Set([
  'metadata.name',
  'metadata.namespace',
  'metadata.resourceVersion',
  'metadata.annotations',
  'metadata.labels',
  'metadata.finalizers',
  'data',
  'immutable',
  'type',
  'spec',
  'spec.holderIdentity',
  'spec.leaseDurationSeconds',
  'spec.acquireTime',
  'spec.renewTime',
  'spec.leaseTransitions',
  'spec.strategy',
  'spec.preferredHolder',
]);

/** The cause when the role of the service account is to blame. */
export const ROLE_CAUSE = 'the role does not allow it';

const WEBHOOK_CAUSE = 'an admission webhook refuses it';
const POLICY_CAUSE = 'an admission policy (ValidatingAdmissionPolicy) refuses it';
/** The causes when it is up to people of the cluster whether it is allowed. */
export const POLICY_CAUSES: ReadonlySet<string> = new Set([WEBHOOK_CAUSE, POLICY_CAUSE]);

const TERMINATING = 'NamespaceTerminating';

/** How the API server begins, or words, what it says about a refusal, and what that means. */
const SENTENCES: readonly (readonly [pattern: RegExp, cause: string])[] = [
  [/because it is being terminated/, 'the namespace is being deleted'],
  [/^namespaces "[^"]*" not found$/, 'the namespace does not exist'],
  [/^admission webhook "/, WEBHOOK_CAUSE],
  [/failed calling webhook "/, 'an admission webhook does not answer, or not as it should'],
  [/ValidatingAdmissionPolicy '/, POLICY_CAUSE],
  [/exceeded quota:/, 'a quota of the namespace (ResourceQuota) is used up'],
  [/^[a-z]+(?:\.[a-z0-9.-]+)? (?:"[^"]*" )?is forbidden: User "[^"]*" cannot [a-z]+ resource/, ROLE_CAUSE],
];

export interface Refusal {
  /** One of `metav1.StatusReason`; `undefined` for any other. */
  readonly reason: string | undefined;
  /** Lower case; `undefined` when nothing is known beyond the reason. */
  readonly cause: string | undefined;
}

/** @param body of an answer whose status is no success, parsed; whatever it is */
export function describeRefusal(body: unknown): Refusal {
  const reason = textAt(body, 'reason');
  const causes = valueAtPath(body, ['details', 'causes']);
  return {
    reason: REASONS.has(reason) ? reason : undefined,
    cause: describeCauses(Array.isArray(causes) ? causes : []) ?? recognise(textAt(body, 'message')),
  };
}

function describeCauses(causes: readonly unknown[]): string | undefined {
  const found = new Set<string>();
  for (const cause of causes) {
    const kind = textAt(cause, 'reason');
    const field = textAt(cause, 'field');
    if (kind === TERMINATING) found.add(`${TERMINATING}, the namespace is being deleted`);
    else if (FIELD_CAUSES.has(kind)) found.add(FIELDS.has(field) ? `${kind} of ${field}` : kind);
  }
  return found.size === 0 ? undefined : [...found].toSorted().join(', ');
}

function recognise(message: string): string | undefined {
  return SENTENCES.find(([pattern]) => pattern.test(message))?.[1];
}

function textAt(object: unknown, field: string): string {
  const value = valueAtPath(object, [field]);
  return typeof value === 'string' ? value : '';
}
