/** Writes of objects: create, replace, patch, apply, delete, each validated as strictly as the client asks for. */
import { isJsonObject, type JsonObject } from '../../../src/core/wire/json.ts';
import type { Target } from '../../../src/sandbox/kubernetes/api-target.ts';
import { objectAt, textAt, withoutNulls, withValue } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { applyPatch } from '../../../src/sandbox/kubernetes/patch.ts';
import { parseManifests } from '../../support/manifest.ts';
import { StrictSchemas } from '../../support/strict-schemas.ts';
import { NAMESPACES, PODS } from './api-resource.ts';
import { notFound, refusal } from './api-status.ts';
import { markDeleted } from './controller.ts';
import { type ObjectStore, withoutServerFields } from './object-store.ts';

/** Helm's. It is the one that manages all that it applies, so what it sends is the whole object. */
const SERVER_SIDE_APPLY = 'application/apply-patch+yaml';

export interface WriteAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

export class ObjectApi {
  readonly #store: ObjectStore;
  readonly #schemas = new StrictSchemas();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  write(method: string, target: Target, type: string, body: unknown): WriteAnswer {
    switch (method) {
      case 'POST':
        return this.#create(target, isJsonObject(body) ? body : {});
      case 'PATCH': {
        const present = this.#store.get(target.resource, target.namespace, target.name);
        if (type === SERVER_SIDE_APPLY)
          return present === undefined
            ? this.#create(target, objectAt(body))
            : this.#save(target, { ...placedAt(target, body), ...keptStatus(present) }, 200);
        return present === undefined
          ? { status: 404, body: notFound(target) }
          : this.#save(target, applyPatch(type, present, body), 200);
      }
      case 'PUT':
        return this.#store.get(target.resource, target.namespace, target.name) === undefined
          ? { status: 404, body: notFound(target) }
          : this.#save(target, placedAt(target, body), 200);
      case 'DELETE':
        return this.#delete(target);
      default:
        return { status: 405, body: refusal(405, 'MethodNotAllowed', `${method} is not known here`) };
    }
  }

  #create(target: Target, object: JsonObject): WriteAnswer {
    const { resource, namespace } = target;
    const name = textAt(object, 'metadata', 'name');
    if (resource.isNamespaced) {
      const home = this.#store.get(NAMESPACES, '', namespace);
      if (home === undefined)
        return { status: 404, body: notFound({ ...target, resource: NAMESPACES, name: namespace }) };
      const stated = textAt(object, 'metadata', 'namespace');
      if (stated !== '' && stated !== namespace)
        return { status: 400, body: refusal(400, 'BadRequest', 'the namespaces do not match') };
    }
    if (this.#store.get(resource, namespace, name) !== undefined)
      return {
        status: 409,
        body: refusal(409, 'AlreadyExists', `${resource.plural} "${name}" already exists`),
      };
    return this.#save(target, placedAt(target, object), 201);
  }

  #save({ resource, query }: Target, sent: JsonObject, status: number): WriteAnswer {
    const object = withoutNulls(sent);
    const problems = this.#problemsOf(withoutServerFields(object));
    if (problems.length > 0) {
      const message = `${resource.kind} in version "${resource.version}" cannot be handled: ${problems.join('; ')}`;
      return { status: 400, body: refusal(400, 'BadRequest', message) };
    }
    const isDryRun = query.get('dryRun') === 'All';
    return { status, body: isDryRun ? object : this.#store.put(resource, object) };
  }

  #problemsOf(object: JsonObject): readonly string[] {
    try {
      return parseManifests(JSON.stringify(object)).flatMap((manifest) => this.#schemas.problems(manifest));
    } catch (error) {
      return [error instanceof Error ? error.message : 'no object of Kubernetes'];
    }
  }

  #delete(target: Target): WriteAnswer {
    const { resource, namespace, name } = target;
    const object = this.#store.get(resource, namespace, name);
    if (object === undefined) return { status: 404, body: notFound(target) };
    if (resource === PODS) return { status: 200, body: markDeleted(this.#store, object) };
    if (resource === NAMESPACES) {
      const now = `${new Date().toISOString().slice(0, 19)}Z`;
      const going = withValue(object, ['metadata', 'deletionTimestamp'], now);
      return { status: 200, body: this.#store.put(resource, going) };
    }
    this.#store.remove(resource, object);
    const done = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
    return {
      status: 200,
      body: { ...done, details: { name, kind: resource.plural, uid: textAt(object, 'metadata', 'uid') } },
    };
  }
}

/** With the namespace of the path, which a client may leave out. */
function placedAt({ resource, namespace }: Target, object: unknown): JsonObject {
  return resource.isNamespaced ? withValue(object, ['metadata', 'namespace'], namespace) : objectAt(object);
}

function keptStatus({ status }: JsonObject): JsonObject {
  return status === undefined ? {} : { status };
}
