/** All objects of a cluster, with versions, as an API server keeps them in etcd. */
import type { Clock, Random } from '../../core/ports.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { ApiRefusal } from './api-refusal.ts';
import { type ApiResource, apiVersionOf } from './api-resource.ts';
import { NAMESPACES } from './api-resources.ts';
import { isSameJson, objectAt, textAt } from './json-tree.ts';
import { manageFields } from './managed-fields.ts';

export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: ApiResource;
  readonly object: JsonObject;
}

export interface ObjectStoreOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'uuid'>;
  /** Told of each change when it has taken place. */
  readonly onChange?: (change: ObjectChange) => void;
}

/** What a client may not set: taken from the object that is there. */
const SERVER_FIELDS = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
] as const;
/** Of all objects together: a sandbox does not grow without end. */
const MAX_STORED_BYTES = 67_108_864;

interface Stored {
  readonly object: JsonObject;
  readonly bytes: number;
}

export class ObjectStore {
  readonly #options: ObjectStoreOptions;
  readonly #objects = new Map<string, Stored>();
  #version = 1000;
  #bytes = 0;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.#version;
  }

  get(resource: ApiResource, namespace: string, name: string): JsonObject | undefined {
    return this.#objects.get(keyOf(resource, namespace, name))?.object;
  }

  /** In the order of their names. Of all namespaces when that is empty. */
  list(resource: ApiResource, namespace = ''): readonly JsonObject[] {
    const start = namespace === '' ? keyStart(resource) : `${keyStart(resource)}${namespace}/`;
    return [...this.#objects]
      .filter(([key]) => key.startsWith(start))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { object }]) => object);
  }

  /** The object as it would be stored, with the version that it would have. Equal bytes are no change. */
  prepare(resource: ApiResource, sent: JsonObject, manager: string): JsonObject {
    const metadata = objectAt(sent, 'metadata');
    const former = this.get(resource, textAt(metadata, 'namespace'), textAt(metadata, 'name'));
    const before = objectAt(former, 'metadata');
    const nowText = this.#nowText();
    const { resourceVersion: _, ...written } = without(metadata, SERVER_FIELDS);
    const kept = Object.fromEntries(
      SERVER_FIELDS.flatMap((key) => (before[key] === undefined ? [] : [[key, before[key]]])),
    );
    const object = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...without(sent, ['apiVersion', 'kind', 'metadata']),
      metadata: {
        ...written,
        ...(former === undefined ? { uid: this.#options.random.uuid(), creationTimestamp: nowText } : kept),
      },
    };
    if (former !== undefined && isSame(former, object)) return former;
    const writer = { manager, apiVersion: apiVersionOf(resource), time: nowText };
    const managed = manageFields(object, former, writer);
    const managedFields = managed.length === 0 ? {} : { managedFields: managed };
    const resourceVersion = String(this.#version + 1);
    const others = without(object.metadata, ['managedFields']);
    return { ...object, metadata: { ...others, resourceVersion, ...managedFields } };
  }

  /** @param object of {@link prepare}, called right before */
  keep(resource: ApiResource, object: JsonObject): JsonObject {
    const key = keyOfObject(resource, object);
    const former = this.#objects.get(key);
    if (former?.object === object) return object;
    const bytes = JSON.stringify(object).length;
    if (this.#bytes - (former?.bytes ?? 0) + bytes > MAX_STORED_BYTES)
      throw new ApiRefusal(500, '', 'etcdserver: mvcc: database space exceeded');
    this.#bytes += bytes - (former?.bytes ?? 0);
    this.#version += 1;
    this.#objects.set(key, { object, bytes });
    this.#options.onChange?.({ type: former === undefined ? 'ADDED' : 'MODIFIED', resource, object });
    return object;
  }

  remove(resource: ApiResource, object: JsonObject): void {
    const key = keyOfObject(resource, object);
    const former = this.#objects.get(key);
    if (former === undefined) return;
    this.#objects.delete(key);
    this.#bytes -= former.bytes;
    this.#version += 1;
    this.#options.onChange?.({ type: 'DELETED', resource, object });
  }

  /** Marks the object as being deleted, which it is once its finalizers are gone. */
  markDeleted(resource: ApiResource, object: JsonObject): JsonObject {
    const metadata = objectAt(object, 'metadata');
    if (textAt(metadata, 'deletionTimestamp') !== '') return object;
    const going = {
      ...metadata,
      deletionTimestamp: this.#nowText(),
      ...(resource === NAMESPACES ? {} : { deletionGracePeriodSeconds: 0 }),
      resourceVersion: String(this.#version + 1),
    };
    return this.keep(resource, { ...object, metadata: going });
  }

  #nowText(): string {
    return `${new Date(this.#options.clock.now()).toISOString().slice(0, 19)}Z`;
  }
}

function keyStart({ group, plural }: ApiResource): string {
  return `${group}/${plural}/`;
}

function keyOf(resource: ApiResource, namespace: string, name: string): string {
  return `${keyStart(resource)}${namespace}/${name}`;
}

function keyOfObject(resource: ApiResource, object: JsonObject): string {
  return keyOf(resource, textAt(object, 'metadata', 'namespace'), textAt(object, 'metadata', 'name'));
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function isSame(former: JsonObject, object: JsonObject): boolean {
  const { metadata, ...rest } = former;
  const bare = { ...rest, metadata: without(objectAt(metadata), ['resourceVersion', 'managedFields']) };
  const { metadata: ours, ...others } = object;
  return isSameJson(bare, { ...others, metadata: without(objectAt(ours), ['managedFields']) });
}
