/**
 * Deployments and namespaces, brought to what is wanted: replica sets by template, one pod more at a time, none less
 * than wanted ready. After Kubernetes' deployment controller with `maxSurge: 1, maxUnavailable: 0`, the only strategy
 * that is known here.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import {
  numberAt,
  objectAt,
  objectsAt,
  textAt,
  textsAt,
  withValue,
} from '../../../src/sandbox/kubernetes/json-tree.ts';
import { API_RESOURCES, DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS } from './api-resource.ts';
import { nameOf, namespaceOf, type ObjectStore } from './object-store.ts';

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

export class Controller implements Disposable {
  readonly #store: ObjectStore;
  readonly #stopWatching: () => void;
  #isPlanned = false;

  constructor(store: ObjectStore) {
    this.#store = store;
    this.#stopWatching = store.watch(() => {
      if (this.#isPlanned) return;
      this.#isPlanned = true;
      setImmediate(() => {
        this.#isPlanned = false;
        this.#reconcile();
      });
    });
  }

  [Symbol.dispose](): void {
    this.#stopWatching();
  }

  #reconcile(): void {
    for (const namespace of this.#store.list(NAMESPACES)) this.#empty(namespace);
    for (const replicaSet of this.#store.list(REPLICA_SETS)) {
      if (this.#store.list(DEPLOYMENTS, namespaceOf(replicaSet)).some((owner) => owns(owner, replicaSet)))
        continue;
      for (const pod of this.#podsOf(replicaSet)) markDeleted(this.#store, pod);
      this.#store.remove(REPLICA_SETS, replicaSet);
    }
    for (const deployment of this.#store.list(DEPLOYMENTS)) this.#roll(deployment);
  }

  /** A namespace that is to go takes everything in it along. */
  #empty(namespace: JsonObject): void {
    if (textAt(namespace, 'metadata', 'deletionTimestamp') === '') return;
    for (const resource of API_RESOURCES.filter(({ isNamespaced }) => isNamespaced)) {
      for (const object of this.#store.list(resource, nameOf(namespace))) {
        if (resource === PODS) markDeleted(this.#store, object);
        else this.#store.remove(resource, object);
      }
    }
    if (this.#store.list(PODS, nameOf(namespace)).length === 0) this.#store.remove(NAMESPACES, namespace);
  }

  #roll(deployment: JsonObject): void {
    const namespace = namespaceOf(deployment);
    const current = this.#replicaSetFor(deployment);
    const wanted = numberAt(deployment, 'spec', 'replicas');
    const owned = this.#store.list(REPLICA_SETS, namespace).filter((each) => owns(deployment, each));
    const alive = owned.flatMap((each) => this.#podsOf(each)).filter(isAlive);
    const updated = this.#podsOf(current).filter(isAlive);
    const outdated = alive.filter((pod) => !updated.includes(pod));
    // One more than wanted, but only beside pods that are to go.
    if (updated.length < wanted && alive.length < wanted + (outdated.length > 0 ? 1 : 0)) {
      this.#createPod(current);
      return;
    }
    const [oldest] = outdated;
    if (oldest !== undefined && alive.filter(isReady).length > wanted) markDeleted(this.#store, oldest);
    const ready = alive.filter(isReady).length;
    this.#store.putStatus(DEPLOYMENTS, deployment, {
      observedGeneration: numberAt(deployment, 'metadata', 'generation'),
      replicas: alive.length,
      updatedReplicas: updated.length,
      readyReplicas: ready,
      availableReplicas: ready,
      unavailableReplicas: Math.max(0, wanted - ready),
      // Nothing is waited for that will not come: a person sees the same after ten minutes.
      conditions: updated.some(isStuck)
        ? [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }]
        : [],
    });
  }

  /** The replica set of the deployment's template, with the newest revision. */
  #replicaSetFor(deployment: JsonObject): JsonObject {
    const template = objectAt(deployment, 'spec', 'template');
    const hash = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
    const owned = this.#store
      .list(REPLICA_SETS, namespaceOf(deployment))
      .filter((each) => owns(deployment, each));
    const present = owned.find((each) => textAt(each, 'metadata', 'labels', HASH) === hash);
    const newest = Math.max(0, ...owned.map(revisionOf));
    if (present !== undefined && revisionOf(present) === newest) return present;
    const labels = { ...textsAt(template, 'metadata', 'labels'), [HASH]: hash };
    const revision = String(newest + 1);
    const replicaSet = this.#store.put(REPLICA_SETS, {
      metadata: {
        name: `${nameOf(deployment)}-${hash}`,
        namespace: namespaceOf(deployment),
        labels,
        annotations: { [REVISION]: revision },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: nameOf(deployment),
            uid: textAt(deployment, 'metadata', 'uid'),
            controller: true,
          },
        ],
      },
      spec: {
        replicas: numberAt(deployment, 'spec', 'replicas'),
        selector: { matchLabels: labels },
        template: withValue(template, ['metadata', 'labels'], labels),
      },
    });
    const annotations = { ...textsAt(deployment, 'metadata', 'annotations'), [REVISION]: revision };
    this.#store.put(DEPLOYMENTS, withValue(deployment, ['metadata', 'annotations'], annotations));
    return replicaSet;
  }

  #createPod(replicaSet: JsonObject): void {
    this.#store.put(PODS, {
      metadata: {
        ...objectAt(replicaSet, 'spec', 'template', 'metadata'),
        name: `${nameOf(replicaSet)}-${randomUUID().slice(0, 5)}`,
        namespace: namespaceOf(replicaSet),
      },
      spec: objectAt(replicaSet, 'spec', 'template', 'spec'),
      status: { phase: 'Pending' },
    });
  }

  #podsOf(replicaSet: JsonObject): readonly JsonObject[] {
    const hash = textAt(replicaSet, 'metadata', 'labels', HASH);
    return this.#store
      .list(PODS, namespaceOf(replicaSet))
      .filter((pod) => textAt(pod, 'metadata', 'labels', HASH) === hash);
  }
}

/** What the kubelet takes for the order to stop a pod. */
export function markDeleted(store: ObjectStore, pod: JsonObject): JsonObject {
  if (!isAlive(pod)) return pod;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  return store.put(PODS, withValue(pod, ['metadata', 'deletionTimestamp'], now));
}

export function isReady(pod: JsonObject): boolean {
  return objectsAt(pod, 'status', 'conditions').some(({ status }) => status === 'True');
}

function isAlive(pod: JsonObject): boolean {
  return textAt(pod, 'metadata', 'deletionTimestamp') === '';
}

function isStuck(pod: JsonObject): boolean {
  return objectsAt(pod, 'status', 'containerStatuses').some(({ state }) => 'waiting' in objectAt(state));
}

function owns(deployment: JsonObject, replicaSet: JsonObject): boolean {
  const [owner] = objectsAt(replicaSet, 'metadata', 'ownerReferences');
  return textAt(owner, 'uid') === textAt(deployment, 'metadata', 'uid');
}

function revisionOf(replicaSet: JsonObject): number {
  return Number(textAt(replicaSet, 'metadata', 'annotations', REVISION));
}
