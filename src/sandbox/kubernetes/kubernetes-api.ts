/**
 * An API server without a network: who may do what, versions and conflicts, validation, as Kubernetes 1.36 does it for
 * the kinds of `api-resources.ts`.
 *
 * Guarantee: a write takes place whole or not at all; between the look at a version and the write there is nothing else.
 * `test/sandbox/kubernetes/real-cluster.test.ts` compares it with a real one.
 * Non-guarantee: no watches, no server-side apply, no admission but that of namespaces; nothing happens by itself:
 * a namespace that is being deleted stays there. Anonymous requests are refused with 401, as by servers that allow none.
 */

import type { Clock, Random } from '../../core/ports.ts';
import type { SecretText } from '../../core/secret-text.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../core/wire/json.ts';
import { type Attempt, isAllowed } from './access-rules.ts';
import {
  ApiRefusal,
  alreadyExists,
  badRequest,
  conflict,
  detailsOf,
  expired,
  forbidden,
  noSuchPath,
  notFound,
  notSupported,
  type ObjectName,
  unauthorized,
  unknownFormat,
} from './api-refusal.ts';
import { type ApiResource, apiVersionOf, describeApi } from './api-resource.ts';
import {
  KNOWN_RESOURCES,
  LEASES,
  NAMESPACES,
  OWN_ACCESS_REVIEWS,
  ROLES,
  SERVICE_ACCOUNTS,
} from './api-resources.ts';
import { findTarget, type Target } from './api-target.ts';
import { Identities, type ServiceAccount, type TokenRequest, type User } from './identities.ts';
import { objectAt, textAt, textsAt, valueAt, withoutNulls, withValue } from './json-tree.ts';
import { finalizersOf } from './object-rules.ts';
import { type ObjectChange, ObjectStore } from './object-store.ts';
import { decodeObject, decodeValues } from './object-types.ts';
import { applyPatch } from './patch.ts';
import {
  describeOtherUid,
  type ParsedRequest,
  readObject,
  type Verb,
  verifyDryRun,
  verifyFields,
  verifyPlace,
  verifyPreconditions,
  withoutVersion,
} from './request-checks.ts';
import { answerReview, REVIEWS } from './reviews.ts';
import { isSelected } from './selector.ts';

export interface ApiRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly userAgent?: string | undefined;
  readonly contentType?: string | undefined;
  readonly body: string;
}

export interface ApiAnswer {
  readonly status: number;
  /** May hold a secret in plain text. */
  readonly body: JsonObject;
  readonly retryAfterSeconds?: number;
}

export interface KubernetesApiOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'uuid'>;
  readonly onChange?: (change: ObjectChange) => void;
}

const METHODS: Readonly<Record<string, readonly [one: Verb, all: Verb]>> = {
  GET: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
};
const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export class KubernetesApi {
  readonly #store: ObjectStore;
  readonly identities: Identities;
  /** Lists that began before this version cannot be continued. */
  #oldestVersion = 0;

  constructor(options: KubernetesApiOptions) {
    this.#store = new ObjectStore(options);
    this.identities = new Identities({
      ...options,
      findAccount: ({ namespace, name }) => {
        const account = this.#store.get(SERVICE_ACCOUNTS, namespace, name);
        return account === undefined ? undefined : textAt(account, 'metadata', 'uid');
      },
    });
  }

  /** @param isDenied true: as if no role allowed it */
  handle(request: ApiRequest, { isDenied = false } = {}): ApiAnswer {
    try {
      return this.#answer(request, isDenied);
    } catch (error) {
      if (error instanceof ApiRefusal) return answerRefusal(error);
      throw error;
    }
  }

  /** Puts an object there as somebody with all rights does who is not asked for versions: a test, or the sandbox. */
  put(object: JsonObject): JsonObject {
    const resource = KNOWN_RESOURCES.find(
      (each) => each.kind === object['kind'] && apiVersionOf(each) === object['apiVersion'],
    );
    if (resource === undefined) throw new Error(`${textAt(object, 'kind')} is not known here`);
    const decoded = decodeValues(resource, object);
    return this.#store.keep(resource, this.#store.prepare(resource, decoded, 'kubectl'));
  }

  find(resource: ApiResource, namespace: string, name: string): JsonObject | undefined {
    return this.#store.get(resource, namespace, name);
  }

  list(resource: ApiResource, namespace = ''): readonly JsonObject[] {
    return this.#store.list(resource, namespace);
  }

  remove(resource: ApiResource, namespace: string, name: string): void {
    const object = this.#store.get(resource, namespace, name);
    if (object !== undefined) this.#store.remove(resource, object);
  }

  createNamespace(name: string): void {
    this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase: 'Active' } });
  }

  /** The account is created if need be. */
  issueToken(request: TokenRequest): SecretText {
    const { namespace, name } = request;
    this.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
    return this.identities.issue(request);
  }

  /** Replaces what an account may do in a namespace: its Role and the binding have its name. */
  grantRole(
    { namespace, name }: ServiceAccount,
    rules: readonly JsonObject[],
    home: string = namespace,
  ): void {
    const apiVersion = apiVersionOf(ROLES);
    const metadata = { name, namespace: home };
    const roleRef = { apiGroup: ROLES.group, kind: 'Role', name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace }];
    this.put({ apiVersion, kind: 'Role', metadata, rules });
    this.put({ apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects });
  }

  /** Forgets all versions but the current ones, as etcd does every few minutes. */
  compact(): void {
    this.#oldestVersion = this.#store.version + 1;
  }

  #answer(
    { method, path, authorization, userAgent, contentType, body }: ApiRequest,
    isDenied: boolean,
  ): ApiAnswer {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const known = this.identities.authenticate(token);
    if (!known.ok) throw unauthorized();
    const { pathname, searchParams } = new URL(path, 'http://cluster');
    const about = method === 'GET' ? describeApi(pathname, KNOWN_RESOURCES) : undefined;
    if (about !== undefined) return { status: 200, body: about };
    const target = findTarget(pathname, searchParams, KNOWN_RESOURCES);
    const verbs = METHODS[method];
    if (verbs === undefined) throw notSupported();
    if (target === undefined || target.subresource !== '') throw noSuchPath();
    const isWatch = method === 'GET' && /^(?:1|true)$/.test(searchParams.get('watch') ?? '');
    const verb = isWatch ? 'watch' : verbs[target.name === '' ? 1 : 0];
    const { user } = known;
    this.#authorize(user, verb, target, isDenied);
    const manager = /^[^/\s]{1,128}/.exec(userAgent ?? '')?.[0] ?? 'unknown';
    return this.#carryOut({ target, verb, user, manager, contentType: contentType ?? '', body });
  }

  #authorize(user: User, verb: Verb, { resource, namespace, name, query }: Target, isDenied: boolean): void {
    const { group, plural } = resource;
    // A list of one object by its name is a look at that object.
    const [, selected = ''] = /^metadata\.name==?(.+)$/.exec(query.get('fieldSelector') ?? '') ?? [];
    // A namespace is within itself.
    const home = resource === NAMESPACES ? name : namespace;
    const attempt: Attempt = {
      verb,
      group,
      resource: plural,
      namespace: home,
      name: verb === 'create' ? '' : name || selected,
    };
    // Everybody may ask about themselves (ClusterRole system:basic-user).
    if (!isDenied && (isAllowed(this.#store, user, attempt) || resource === OWN_ACCESS_REVIEWS)) return;
    const scope = home === '' ? 'at the cluster scope' : `in the namespace "${home}"`;
    throw forbidden(
      { resource, name: attempt.name },
      `User "${user.username}" cannot ${verb} resource "${plural}" in API group "${group}" ${scope}`,
    );
  }

  #carryOut(request: ParsedRequest): ApiAnswer {
    const { target, verb } = request;
    const { resource } = target;
    verifyDryRun(verb, target.query);
    if (REVIEWS.has(resource)) return this.#review(request);
    switch (verb) {
      case 'get':
        return { status: 200, body: this.#existing(target) };
      case 'list':
        return { status: 200, body: this.#listPage(target) };
      case 'create':
        if (target.name !== '' || resource.isNamespaced === (target.namespace === '')) throw notSupported();
        return this.#create(request, readObject(request));
      case 'update':
        return this.#update(request, readObject(request));
      case 'patch':
        return this.#patch(request);
      case 'delete':
        return { status: 200, body: this.#delete(request) };
      case 'watch':
      case 'deletecollection':
        throw notSupported();
    }
  }

  #review(request: ParsedRequest): ApiAnswer {
    const { target, verb, user } = request;
    const { resource } = target;
    if (target.name !== '') throw noSuchPath();
    if (verb !== 'create') throw notSupported();
    const sent = readObject(request);
    const status = answerReview(resource, sent, user, {
      identities: this.identities,
      isAllowed: (who, attempt) => isAllowed(this.#store, who, attempt),
    });
    const { kind } = resource;
    const asked = { apiVersion: apiVersionOf(resource), kind, metadata: {}, spec: sent['spec'] ?? {} };
    return { status: 201, body: { ...asked, status } };
  }

  #existing(target: Target): JsonObject {
    const object = this.#store.get(target.resource, target.namespace, target.name);
    if (object === undefined) throw notFound(target);
    return object;
  }

  #listPage({ resource, namespace, query }: Target): JsonObject {
    const selection = { labels: query.get('labelSelector'), fields: query.get('fieldSelector') };
    const all = this.#store.list(resource, namespace).filter((object) => isSelected(object, selection));
    const limit = Number(query.get('limit') ?? '0');
    const token = query.get('continue') ?? '';
    const begun = parseJson(Buffer.from(token, 'base64url').toString('utf8'));
    if (token !== '' && !isJsonObject(begun))
      throw badRequest('invalid continue token: continue key is not valid');
    const version = Number(valueAt(begun, 'rv') ?? this.#store.version);
    if (version < this.#oldestVersion) throw expired();
    const start = textAt(begun, 'start');
    const rest = all.filter((object) => keyOf(object) > start);
    const items = limit > 0 ? rest.slice(0, limit) : rest;
    const last = items.at(-1);
    const next =
      last === undefined || items.length === rest.length
        ? {}
        : {
            continue: Buffer.from(JSON.stringify({ rv: version, start: keyOf(last) })).toString('base64url'),
            // Of a selection, a server does not know.
            ...(selection.labels === null && selection.fields === null
              ? { remainingItemCount: rest.length - items.length }
              : {}),
          };
    return {
      kind: `${resource.kind}List`,
      apiVersion: apiVersionOf(resource),
      metadata: { resourceVersion: String(version), ...next },
      // Items of a list do not say what they are.
      items: items.map((object) => withoutNulls({ ...object, kind: null, apiVersion: null })),
    };
  }

  #create(request: ParsedRequest, decoded: JsonObject): ApiAnswer {
    const { target } = request;
    const { resource, namespace } = target;
    verifyPlace(decoded, target);
    const name = textAt(decoded, 'metadata', 'name');
    if (resource.isNamespaced) this.#admit({ resource, name }, namespace);
    verifyFields({ resource, name }, decoded, undefined);
    if (textAt(decoded, 'metadata', 'resourceVersion') !== '')
      throw new ApiRefusal(500, '', 'resourceVersion should not be set on objects to be created');
    const present = this.#store.get(resource, namespace, name);
    if (present !== undefined) throw alreadyExists({ resource, name }, isGoing(present));
    const begun = { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
    return this.#write(request, resource === NAMESPACES ? { ...decoded, ...begun } : decoded, 201);
  }

  /** Admission by the namespace's life (plugin NamespaceLifecycle). */
  #admit(object: ObjectName, namespace: string): void {
    const home = this.#store.get(NAMESPACES, '', namespace);
    if (home === undefined) throw notFound({ resource: NAMESPACES, name: namespace });
    if (textAt(home, 'metadata', 'deletionTimestamp') === '') return;
    throw forbidden(
      object,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }

  #update(request: ParsedRequest, decoded: JsonObject): ApiAnswer {
    const { target } = request;
    if (target.name === '') throw notSupported();
    const { resource, namespace, name } = target;
    verifyPlace(decoded, target);
    const { uid, resourceVersion } = textsAt(decoded, 'metadata');
    const former = this.#store.get(resource, namespace, name);
    // Comes before the question whether there is such an object, which then has no uid.
    const present = textAt(former, 'metadata', 'uid');
    if ((uid ?? '') !== '' && uid !== present) throw conflict(target, describeOtherUid(target, uid, present));
    // Leases are created by an update too, and then allow none that names no version.
    if (former === undefined && resource === LEASES) return this.#createByUpdate(request, decoded);
    if (former === undefined) throw notFound(target);
    if (resource === LEASES && (resourceVersion ?? '') === '') throw withoutVersion(target);
    if ((resourceVersion ?? '') !== '' && resourceVersion !== textAt(former, 'metadata', 'resourceVersion'))
      throw conflict(target, MODIFIED);
    verifyFields(target, decoded, former);
    return this.#write(request, decoded, 200);
  }

  #createByUpdate(request: ParsedRequest, decoded: JsonObject): ApiAnswer {
    const { target, user } = request;
    this.#authorize(user, 'create', target, false);
    this.#admit(target, target.namespace);
    verifyFields(target, decoded, undefined);
    return this.#write(request, decoded, 201);
  }

  #patch(request: ParsedRequest): ApiAnswer {
    const { target, contentType, body } = request;
    if (target.name === '') throw notSupported();
    const former = this.#existing(target);
    const patch = parseJson(body);
    if (patch === undefined) throw badRequest('error decoding patch: invalid character');
    const type = contentType.split(';')[0] ?? '';
    if (!/^application\/(?:merge-patch|strategic-merge-patch|json-patch)\+json$/.test(type))
      throw unknownFormat(
        'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json',
      );
    const patched = withoutNulls(applyPatch(type, former, patch));
    return this.#update(request, decodeObject(target.resource, patched));
  }

  #write({ target, manager }: ParsedRequest, decoded: JsonObject, status: number): ApiAnswer {
    const { resource, namespace, query } = target;
    const placed = resource.isNamespaced ? withValue(decoded, ['metadata', 'namespace'], namespace) : decoded;
    const prepared = this.#store.prepare(resource, placed, query.get('fieldManager') ?? manager);
    if (query.get('dryRun') === 'All')
      return { status, body: status === 201 ? withoutVersionOf(prepared) : prepared };
    const kept = this.#store.keep(resource, prepared);
    // The last finalizer of an object that is being deleted has gone.
    if (isGoing(kept) && finalizersOf(kept).length === 0) this.#store.remove(resource, kept);
    return { status, body: kept };
  }

  #delete({ target, body }: ParsedRequest): JsonObject {
    const { resource, name, query } = target;
    const object = this.#existing(target);
    verifyPreconditions(target, object, textsAt(parseJson(body), 'preconditions'));
    if (query.get('dryRun') !== 'All') {
      if (resource === NAMESPACES)
        return this.#store.markDeleted(resource, { ...object, status: { phase: 'Terminating' } });
      if (finalizersOf(object).length > 0) return this.#store.markDeleted(resource, object);
      this.#store.remove(resource, object);
    }
    const details = {
      ...detailsOf({ resource, name }, resource.plural),
      uid: textAt(object, 'metadata', 'uid'),
    };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  }
}

export function answerRefusal(refusal: ApiRefusal): ApiAnswer {
  const { retryAfterSeconds } = refusal.details ?? {};
  return {
    status: refusal.status,
    body: refusal.toStatus(),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

/** What is not kept has no version. */
function withoutVersionOf(object: JsonObject): JsonObject {
  const { resourceVersion: _, ...metadata } = objectAt(object, 'metadata');
  return { ...object, metadata };
}

function isGoing(object: JsonObject): boolean {
  return textAt(object, 'metadata', 'deletionTimestamp') !== '';
}

function keyOf(object: JsonObject): string {
  return `${textAt(object, 'metadata', 'namespace')}/${textAt(object, 'metadata', 'name')}`;
}
