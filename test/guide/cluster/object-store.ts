/** All objects of the cluster, with versions and watches, as an API server keeps them. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { type ApiResource, apiVersionOf } from '../../../src/sandbox/kubernetes/api-resource.ts';
import { numberAt, objectAt, textAt, withValue } from '../../../src/sandbox/kubernetes/json-tree.ts';

export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: ApiResource;
  readonly object: JsonObject;
}

/** Fields of metadata that are the server's to set. */
const SERVER_FIELDS = new Set(['uid', 'creationTimestamp', 'resourceVersion', 'generation']);

export function nameOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'name');
}

export function namespaceOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'namespace');
}

export class ObjectStore {
  readonly #objects = new Map<string, JsonObject>();
  readonly #watchers = new Set<(change: ObjectChange) => void>();
  readonly #history: ObjectChange[] = [];
  #version = 1000;

  get version(): string {
    return String(this.#version);
  }

  /** @returns what ends it */
  watch(onChange: (change: ObjectChange) => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  get(resource: ApiResource, namespace: string, name: string): JsonObject | undefined {
    return this.#objects.get(keyOf(resource, namespace, name));
  }

  /** Of all namespaces when that is empty. */
  list(resource: ApiResource, namespace = ''): readonly JsonObject[] {
    const start = `${resource.group}/${resource.plural}/${namespace === '' ? '' : `${namespace}/`}`;
    return [...this.#objects].filter(([key]) => key.startsWith(start)).map(([, object]) => object);
  }

  /** Puts a new object there, or another state of one. The generation counts changes of anything but the status. */
  put(resource: ApiResource, object: JsonObject): JsonObject {
    const key = keyOf(resource, namespaceOf(object), nameOf(object));
    const present = this.#objects.get(key);
    const isSame = present !== undefined && JSON.stringify(present) === JSON.stringify(object);
    if (isSame) return present;
    this.#version += 1;
    const isNewSpec = JSON.stringify(present?.['spec']) !== JSON.stringify(object['spec']);
    const metadata = {
      ...objectAt(object, 'metadata'),
      uid: textAt(present, 'metadata', 'uid') || randomUUID(),
      creationTimestamp:
        textAt(present, 'metadata', 'creationTimestamp') || `${new Date().toISOString().slice(0, 19)}Z`,
      resourceVersion: String(this.#version),
      generation: numberAt(present, 'metadata', 'generation') + (isNewSpec ? 1 : 0),
    };
    const stored = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
    this.#objects.set(key, stored);
    this.#tell({ type: present === undefined ? 'ADDED' : 'MODIFIED', resource, object: stored });
    return stored;
  }

  putStatus(resource: ApiResource, object: JsonObject, status: JsonObject): void {
    const present = this.get(resource, namespaceOf(object), nameOf(object));
    if (present !== undefined) this.put(resource, { ...present, status });
  }

  remove(resource: ApiResource, object: JsonObject): void {
    if (!this.#objects.delete(keyOf(resource, namespaceOf(object), nameOf(object)))) return;
    this.#version += 1;
    const last = withValue(object, ['metadata', 'resourceVersion'], String(this.#version));
    this.#tell({ type: 'DELETED', resource, object: last });
  }

  /** What has happened after a version that somebody has seen. */
  changesSince(version: number): readonly ObjectChange[] {
    return this.#history.filter(
      ({ object }) => Number(textAt(object, 'metadata', 'resourceVersion')) > version,
    );
  }

  #tell(change: ObjectChange): void {
    this.#history.push(change);
    for (const watcher of this.#watchers) watcher(change);
  }
}

/** The object as somebody wrote it, without what the server has added. */
export function withoutServerFields(object: JsonObject): JsonObject {
  const metadata = Object.entries(objectAt(object, 'metadata')).filter(([key]) => !SERVER_FIELDS.has(key));
  const { status: _, ...rest } = object;
  return { ...rest, metadata: Object.fromEntries(metadata) };
}

function keyOf({ group, plural }: ApiResource, namespace: string, name: string): string {
  return `${group}/${plural}/${namespace}/${name}`;
}
