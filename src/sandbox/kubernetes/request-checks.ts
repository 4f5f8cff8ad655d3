/** What a server verifies of a request before it acts: its body, its place, its options, and what it was based on. */
import { isJsonObject, type JsonObject, parseJson } from '../../core/wire/json.ts';
import {
  type ApiRefusal,
  badRequest,
  conflict,
  invalid,
  type ObjectName,
  unknownFormat,
} from './api-refusal.ts';
import { apiVersionOf } from './api-resource.ts';
import type { Target } from './api-target.ts';
import type { User } from './identities.ts';
import { textAt, textsAt } from './json-tree.ts';
import { findFieldErrors } from './object-rules.ts';
import { decodeObject } from './object-types.ts';
import { PROTOBUF } from './protobuf.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** What the options of a write are called. */
const OPTIONS = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
};

/** Without one the body is taken for JSON. */
const MEDIA_TYPES = new Set(['', 'application/json', PROTOBUF]);

export interface ParsedRequest {
  readonly target: Target;
  readonly verb: Verb;
  readonly user: User;
  readonly manager: string;
  readonly contentType: string;
  readonly body: string;
}

export function readObject({ body, contentType, target: { resource } }: ParsedRequest): JsonObject {
  if (!MEDIA_TYPES.has(contentType.split(';')[0] ?? ''))
    throw unknownFormat('application/json, application/yaml, application/vnd.kubernetes.protobuf');
  const sent = parseJson(body);
  const { kind } = resource;
  const apiVersion = apiVersionOf(resource);
  if (!isJsonObject(sent)) throw badRequest(`the object provided is unrecognized (must be of type ${kind})`);
  const stated = sent['kind'] ?? kind;
  if (stated !== kind)
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}), found another kind`);
  if ((sent['apiVersion'] ?? apiVersion) !== apiVersion)
    throw badRequest(`${kind} cannot be handled as a ${kind}: no such kind is registered for its apiVersion`);
  return decodeObject(resource, sent);
}

/** @throws {ApiRefusal} where the object says another place than the path does */
export function verifyPlace(sent: JsonObject, { resource, namespace, name }: Target): void {
  const stated = textAt(sent, 'metadata', 'name');
  if (name !== '' && stated !== name)
    throw badRequest(
      stated === ''
        ? `the name of the object (${name} based on URL) was undeterminable: name must be provided`
        : `the name of the object (${stated}) does not match the name on the URL (${name})`,
    );
  const home = textAt(sent, 'metadata', 'namespace');
  if (resource.isNamespaced && home !== '' && home !== namespace)
    throw badRequest(
      name === ''
        ? 'the namespace of the provided object does not match the namespace sent on the request'
        : `the namespace of the object (${home}) does not match the namespace on the request (${namespace})`,
    );
}

/** Of a deletion, which names the kind where an update names the resource. */
export function verifyPreconditions(
  { resource, name }: Target,
  former: JsonObject,
  wanted: Readonly<Record<string, string>>,
): void {
  const before = textsAt(former, 'metadata');
  for (const [field, what, happened] of [
    ['uid', 'UID', 'deleted and then recreated'],
    ['resourceVersion', 'ResourceVersion', 'modified'],
  ] as const) {
    const expected = wanted[field] ?? '';
    if (expected !== '' && expected !== before[field])
      throw conflict(
        { resource: { ...resource, plural: resource.kind }, name },
        `the ${what} in the precondition (${expected}) does not match the ${what} in record (${before[field]}). ` +
          `The object might have been ${happened}`,
      );
  }
}

/** As etcd's side of the server words it. */
export function describeOtherUid(
  { resource, namespace, name }: Target,
  wanted = '',
  present: string,
): string {
  const key = ['/registry', resource.plural, namespace, name].filter((part) => part !== '').join('/');
  return (
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
    `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${present}`
  );
}

export function withoutVersion({ resource, name }: Target): ApiRefusal {
  return invalid({ resource: { ...resource, kind: resource.plural }, name }, [
    {
      field: 'metadata.resourceVersion',
      kind: 'Invalid value',
      detail: '0x0: must be specified for an update',
    },
  ]);
}

/** @throws {ApiRefusal} for another dry run than that of everything */
export function verifyDryRun(verb: Verb, query: URLSearchParams): void {
  const dryRun = query.get('dryRun') ?? '';
  if (dryRun === '' || dryRun === 'All' || !(verb in OPTIONS)) return;
  throw invalid({ resource: { group: 'meta.k8s.io', kind: Reflect.get(OPTIONS, verb) }, name: '' }, [
    {
      field: 'dryRun',
      kind: 'Unsupported value',
      detail: `[]string{${JSON.stringify(dryRun)}}: supported values: "All"`,
    },
  ]);
}

export function verifyFields(object: ObjectName, decoded: JsonObject, former: JsonObject | undefined): void {
  const errors = findFieldErrors(object.resource, decoded, former);
  if (errors.length > 0) throw invalid(object, errors);
}
