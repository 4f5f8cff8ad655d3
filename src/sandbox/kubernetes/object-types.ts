/**
 * The fields that an object has, and their types: what is of another type is refused, what is unknown is dropped without a
 * word, as a server does for clients that do not ask for more. Other kinds than Secrets and Leases are kept as they are.
 */
import * as z from 'zod';
import { isJsonObject, type JsonObject } from '../../core/wire/json.ts';
import { type ApiRefusal, badRequest } from './api-refusal.ts';
import type { ApiResource } from './api-resource.ts';
import { LEASES, SECRETS } from './api-resources.ts';
import { textsAt, valueAt, withoutNulls } from './json-tree.ts';

const textsSchema = z.record(z.string(), z.string());
const objectsSchema = z.array(z.looseObject({}));

const metadataSchema = z
  .object({
    name: z.string(),
    generateName: z.string(),
    namespace: z.string(),
    selfLink: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.int(),
    creationTimestamp: z.string(),
    deletionTimestamp: z.string(),
    deletionGracePeriodSeconds: z.int(),
    labels: textsSchema,
    annotations: textsSchema,
    ownerReferences: objectsSchema,
    finalizers: z.array(z.string()),
    managedFields: objectsSchema,
  })
  .partial();

const typeMetaShape = { apiVersion: z.string().optional(), kind: z.string().optional() };

const secretSchema = z.object({
  ...typeMetaShape,
  metadata: metadataSchema.optional(),
  // Whether it is base64 is looked at later.
  data: textsSchema.optional(),
  stringData: textsSchema.optional(),
  type: z.string().optional(),
  immutable: z.boolean().optional(),
});

const leaseSchema = z.object({
  ...typeMetaShape,
  metadata: metadataSchema.optional(),
  spec: z
    .object({
      holderIdentity: z.string(),
      leaseDurationSeconds: z.int32(),
      acquireTime: z.string(),
      renewTime: z.string(),
      leaseTransitions: z.int32(),
      strategy: z.string(),
      preferredHolder: z.string(),
    })
    .partial()
    .default({}),
});

const otherSchema = z.looseObject({ metadata: metadataSchema.optional() });

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MICRO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}(?:Z|[+-]\d{2}:\d{2})$/;

/** As the server understands what was sent. @throws {ApiRefusal} for a field of another type than the kind has */
export function decodeObject(resource: ApiResource, sent: JsonObject): JsonObject {
  const schema = resource === SECRETS ? secretSchema : resource === LEASES ? leaseSchema : otherSchema;
  const parsed = schema.safeParse(resource === SECRETS ? readData(sent) : withoutNulls(sent));
  if (parsed.success) return decodeValues(resource, parsed.data);
  const path = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  throw unreadable(resource, `json: cannot unmarshal field ${resource.kind}.${path}`);
}

/** A key of a Secret that is null is there, without bytes. */
function readData({ data, ...rest }: JsonObject): JsonObject {
  if (data === undefined || data === null) return withoutNulls(rest);
  if (!isJsonObject(data)) return { ...rest, data };
  const bytes = Object.entries(data).map(([key, value]) => [key, value ?? '']);
  return { ...withoutNulls(rest), data: Object.fromEntries(bytes) };
}

/** Of an object whose fields have the types of its kind. */
export function decodeValues(resource: ApiResource, object: JsonObject): JsonObject {
  if (resource === SECRETS) return decodeSecret(object);
  if (resource !== LEASES) return object;
  for (const field of ['acquireTime', 'renewTime']) {
    const time = valueAt(object, 'spec', field) ?? undefined;
    if (time !== undefined && !(typeof time === 'string' && MICRO_TIME.test(time)))
      throw unreadable(resource, `cannot parse ${field} as a time with microseconds`);
  }
  return object;
}

function decodeSecret({ data, stringData, type, ...rest }: JsonObject): JsonObject {
  const encoded: Record<string, string> = {};
  for (const [key, value] of Object.entries(textsAt(data))) {
    const text = value.replace(/[\r\n]/g, '');
    if (!BASE64.test(text)) throw unreadable(SECRETS, `illegal base64 data at input byte 0 (data.${key})`);
    // It keeps the bytes, and writes them in its own way.
    encoded[key] = Buffer.from(text, 'base64').toString('base64');
  }
  for (const [key, value] of Object.entries(textsAt(stringData)))
    encoded[key] = Buffer.from(value, 'utf8').toString('base64');
  return {
    ...rest,
    ...(Object.keys(encoded).length === 0 ? {} : { data: encoded }),
    type: type === undefined || type === '' ? 'Opaque' : type,
  };
}

function unreadable({ kind, version }: ApiResource, why: string): ApiRefusal {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}
