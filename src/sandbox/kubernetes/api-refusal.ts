/** A `Status` (meta/v1) that says no, worded as Kubernetes 1.36 does. */
import type { JsonObject } from '../../core/wire/json.ts';
import type { ApiResource } from './api-resource.ts';

interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

interface RefusalDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** What an object of a request is called. */
export interface ObjectName {
  readonly resource: ApiResource;
  /** Empty when it has none yet. */
  readonly name: string;
}

/** Thrown where it is found, and sent as the answer. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly reason: string;
  readonly details: RefusalDetails | undefined;

  constructor(status: number, reason: string, message: string, details?: RefusalDetails) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): JsonObject {
    const { status: code, reason, message, details } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === '' ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

/** `leases.coordination.k8s.io` */
export function qualify({ group, plural }: ApiResource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** @param kind what the object is, as the answer has it: mostly its resource in plural */
export function detailsOf(
  { resource: { group }, name }: { readonly resource: Pick<ApiResource, 'group'>; readonly name: string },
  kind: string,
): RefusalDetails {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind };
}

export function badRequest(message: string): ApiRefusal {
  return new ApiRefusal(400, 'BadRequest', message);
}

export function unauthorized(): ApiRefusal {
  return new ApiRefusal(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(object: ObjectName, why: string, causes: readonly StatusCause[] = []): ApiRefusal {
  const { resource, name } = object;
  const what = name === '' ? qualify(resource) : `${qualify(resource)} "${name}"`;
  const more = causes.length === 0 ? {} : { causes };
  const details = { ...detailsOf(object, resource.plural), ...more };
  return new ApiRefusal(403, 'Forbidden', `${what} is forbidden: ${why}`, details);
}

export function notFound(object: ObjectName): ApiRefusal {
  const message = `${qualify(object.resource)} "${object.name}" not found`;
  return new ApiRefusal(404, 'NotFound', message, detailsOf(object, object.resource.plural));
}

export function noSuchPath(): ApiRefusal {
  return new ApiRefusal(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** @param isGoing a finalizer holds back the one that is there */
export function alreadyExists(object: ObjectName, isGoing: boolean): ApiRefusal {
  const message = `${qualify(object.resource)} "${object.name}" already exists`;
  return new ApiRefusal(
    409,
    'AlreadyExists',
    isGoing ? `object is being deleted: ${message}` : message,
    detailsOf(object, object.resource.plural),
  );
}

export function conflict(object: ObjectName, why: string): ApiRefusal {
  const message = `Operation cannot be fulfilled on ${qualify(object.resource)} "${object.name}": ${why}`;
  return new ApiRefusal(409, 'Conflict', message, detailsOf(object, object.resource.plural));
}

/** What is wrong with a field: the kind is one of `field.ErrorType`, as messages word it. */
export interface FieldError {
  readonly field: string;
  readonly kind: keyof typeof CAUSE_TYPES;
  readonly detail: string;
}

const CAUSE_TYPES = {
  'Invalid value': 'FieldValueInvalid',
  'Required value': 'FieldValueRequired',
  Forbidden: 'FieldValueForbidden',
  'Too long': 'FieldValueTooLong',
  'Unsupported value': 'FieldValueNotSupported',
} as const;

/** @param resource what is invalid, by its group and kind */
export function invalid(
  { resource, name }: { readonly resource: Pick<ApiResource, 'group' | 'kind'>; readonly name: string },
  errors: readonly FieldError[],
): ApiRefusal {
  const { kind, group } = resource;
  const told = errors.map(({ field, kind: type, detail }) => ({
    reason: CAUSE_TYPES[type],
    message: detail === '' ? type : `${type}: ${detail}`,
    field,
  }));
  const list = told.map(({ field, message }) => `${field}: ${message}`);
  const text = list.length === 1 ? list.join('') : `[${list.join(', ')}]`;
  const what = group === '' ? kind : `${kind}.${group}`;
  const details = { ...detailsOf({ resource, name }, kind), causes: told };
  return new ApiRefusal(422, 'Invalid', `${what} "${name}" is invalid: ${text}`, details);
}

export function notSupported(): ApiRefusal {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiRefusal(405, 'MethodNotAllowed', message, {});
}

export function unknownFormat(accepted: string): ApiRefusal {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new ApiRefusal(415, 'UnsupportedMediaType', message);
}

export function expired(): ApiRefusal {
  return new ApiRefusal(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter.',
  );
}
