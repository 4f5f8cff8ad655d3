/**
 * What an object must be like to be stored. Source: `pkg/apis/core/validation`, `pkg/apis/coordination/validation` and
 * `apimachinery/pkg/api/validation` of Kubernetes 1.36.
 */
import type { JsonObject } from '../../core/wire/json.ts';
import type { FieldError } from './api-refusal.ts';
import type { ApiResource } from './api-resource.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  LEASES,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
} from './api-resources.ts';
import { isSameJson, objectAt, objectsAt, textAt, textListAt, textsAt, valueAt } from './json-tree.ts';

/** Of all values together, decoded. */
const MAX_SECRET_BYTES = 1_048_576;
const MAX_ANNOTATION_BYTES = 262_144;

const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
/** Names of roles and their bindings. */
const PATH_SEGMENT = /^(?!\.{1,2}$)[^/%]+$/;
const DATA_KEY = /^[-._a-zA-Z0-9]+$/;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  "end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DATA_KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
  "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const FINALIZER_RULE = 'name is neither a standard finalizer name nor is it fully qualified';
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
const ROLE_KINDS: ReadonlySet<ApiResource> = new Set([
  ROLES,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  CLUSTER_ROLE_BINDINGS,
]);

/** Everything that is wrong with an object, as a whole and as a change of `former`. */
export function findFieldErrors(
  resource: ApiResource,
  object: JsonObject,
  former: JsonObject | undefined,
): readonly FieldError[] {
  const errors = [...findMetadataErrors(resource, object), ...findFinalizerErrors(object, former)];
  if (resource === SECRETS) errors.push(...findSecretErrors(object, former));
  if (resource === LEASES) errors.push(...findLeaseErrors(object));
  if (ROLE_KINDS.has(resource)) errors.push(...findRoleErrors(object, former));
  return errors;
}

function findMetadataErrors(resource: ApiResource, object: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const name = textAt(object, 'metadata', 'name');
  const [pattern, most, rule] = nameRuleOf(resource);
  if (name === '') errors.push(wrong('metadata.name', 'Required value', 'name or generateName is required'));
  else if (!pattern.test(name)) errors.push(badValue('metadata.name', name, rule));
  else if (name.length > most)
    errors.push(badValue('metadata.name', name, `must be no more than ${most} characters`));
  for (const [key, value] of Object.entries(textsAt(object, 'metadata', 'labels'))) {
    errors.push(...findKeySlips(key).map((slip) => badValue('metadata.labels', key, slip)));
    if (value.length > 63)
      errors.push(badValue('metadata.labels', value, 'must be no more than 63 characters'));
    else if (value !== '' && !QUALIFIED.test(value))
      errors.push(badValue('metadata.labels', value, VALUE_RULE));
  }
  const annotations = Object.entries(textsAt(object, 'metadata', 'annotations'));
  for (const [key] of annotations)
    errors.push(
      ...findKeySlips(key.toLowerCase()).map((slip) => badValue('metadata.annotations', key, slip)),
    );
  const sizeBytes = annotations.reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value), 0);
  if (sizeBytes > MAX_ANNOTATION_BYTES)
    errors.push(
      wrong('metadata.annotations', 'Too long', `may not be more than ${MAX_ANNOTATION_BYTES} bytes`),
    );
  return errors;
}

function nameRuleOf(resource: ApiResource): readonly [pattern: RegExp, most: number, rule: string] {
  if (resource === NAMESPACES) return [LABEL, 63, LABEL_RULE];
  if (!ROLE_KINDS.has(resource)) return [SUBDOMAIN, 253, SUBDOMAIN_RULE];
  return [PATH_SEGMENT, Number.POSITIVE_INFINITY, "may not contain '/' or '%', nor be '.' or '..'"];
}

function findSecretErrors(object: JsonObject, former: JsonObject | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(textsAt(object, 'data'))) {
    errors.push(...findDataKeySlips(key).map((slip) => badValue(`data[${key}]`, key, slip)));
    sizeBytes += Buffer.byteLength(value, 'base64');
  }
  if (sizeBytes > MAX_SECRET_BYTES)
    errors.push(wrong('data', 'Too long', `may not be more than ${MAX_SECRET_BYTES} bytes`));
  if (former === undefined) return errors;
  const type = textAt(object, 'type');
  if (type !== textAt(former, 'type')) errors.push(badValue('type', type, 'field is immutable'));
  if (valueAt(former, 'immutable') === true) {
    const detail = 'field is immutable when `immutable` is set';
    if (object['immutable'] !== true) errors.push(wrong('immutable', 'Forbidden', detail));
    if (!isSameJson(objectAt(object, 'data'), objectAt(former, 'data')))
      errors.push(wrong('data', 'Forbidden', detail));
  }
  return errors;
}

function findLeaseErrors(object: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = objectAt(object, 'spec');
  if (duration !== undefined && !(Number.isInteger(duration) && Number(duration) > 0))
    errors.push(badValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  if (transitions !== undefined && !(Number.isInteger(transitions) && Number(transitions) >= 0))
    errors.push(badValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  return errors;
}

function findFinalizerErrors(object: JsonObject, former: JsonObject | undefined): readonly FieldError[] {
  const field = 'metadata.finalizers';
  const names = finalizersOf(object);
  const errors = names.flatMap((name, index) =>
    STANDARD_FINALIZERS.has(name) || (name.includes('/') && findKeySlips(name).length === 0)
      ? []
      : [badValue(`${field}[${index}]`, name, FINALIZER_RULE)],
  );
  if (textAt(former, 'metadata', 'deletionTimestamp') === '') return errors;
  const added = names.filter((name) => !finalizersOf(former).includes(name));
  if (added.length === 0) return errors;
  const list = added.map((name) => JSON.stringify(name)).join(', ');
  const rule = 'no new finalizers can be added if the object is being deleted, found new finalizers';
  return [...errors, wrong(field, 'Forbidden', `${rule} []string{${list}}`)];
}

export function finalizersOf(object: JsonObject | undefined): readonly string[] {
  return textListAt(object, 'metadata', 'finalizers');
}

function findRoleErrors(object: JsonObject, former: JsonObject | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, rule] of objectsAt(object, 'rules').entries())
    for (const [field, why] of [
      ['verbs', 'verbs must contain at least one value'],
      ['apiGroups', 'resource rules must supply at least one api group'],
      ['resources', 'resource rules must supply at least one resource'],
    ] as const) {
      const list = rule[field];
      const isAbout = field === 'verbs' || rule['nonResourceURLs'] === undefined;
      if (isAbout && !(Array.isArray(list) && list.length > 0))
        errors.push(wrong(`rules[${index}].${field}`, 'Required value', why));
    }
  const before = objectAt(former, 'roleRef');
  if (former !== undefined && !isSameJson(before, objectAt(object, 'roleRef')))
    errors.push(badValue('roleRef', objectAt(object, 'roleRef'), 'cannot change roleRef'));
  return errors;
}

/** What keeps a text from being `prefix.example/name` or `name`. */
function findKeySlips(key: string): readonly string[] {
  const parts = key.split('/');
  if (parts.length > 2)
    return [
      `a qualified name ${NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const [name = '', prefix] = parts.toReversed();
  const slips: string[] = [];
  if (prefix === '') slips.push('prefix part must be non-empty');
  else if (prefix !== undefined && !SUBDOMAIN.test(prefix)) slips.push(`prefix part ${SUBDOMAIN_RULE}`);
  else if (prefix !== undefined && prefix.length > 253)
    slips.push('prefix part must be no more than 253 characters');
  if (name === '') slips.push('name part must be non-empty');
  else if (name.length > 63) slips.push('name part must be no more than 63 characters');
  if (!QUALIFIED.test(name)) slips.push(`name part ${NAME_RULE}`);
  return slips;
}

/** What keeps a key of a Secret from being the name of a file. */
function findDataKeySlips(key: string): readonly string[] {
  if (key.length > 253) return ['must be no more than 253 characters'];
  if (!DATA_KEY.test(key)) return [DATA_KEY_RULE];
  if (key === '.' || key === '..') return [`must not be '${key}'`];
  return key.startsWith('..') ? ["must not start with '..'"] : [];
}

function wrong(field: string, kind: FieldError['kind'], detail: string): FieldError {
  return { field, kind, detail };
}

function badValue(field: string, value: unknown, rule: string): FieldError {
  return wrong(field, 'Invalid value', `${JSON.stringify(value)}: ${rule}`);
}
