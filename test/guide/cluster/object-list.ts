import type { JsonObject } from '../../../src/core/wire/json.ts';
import { type ApiResource, apiVersionOf } from '../../../src/sandbox/kubernetes/api-resource.ts';
import { objectAt, objectsAt, textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { isReady } from './controller.ts';

export function listOf(
  resource: ApiResource,
  items: readonly JsonObject[],
  resourceVersion: string,
): JsonObject {
  const kind = `${resource.kind}List`;
  return { apiVersion: apiVersionOf(resource), kind, metadata: { resourceVersion }, items };
}

const COLUMNS = ['Name', 'Ready', 'Status', 'Restarts', 'Age'];

/** What `kubectl get pods` prints. */
export function podTable(pods: readonly JsonObject[]): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: COLUMNS.map((name) => ({
      name,
      type: 'string',
      format: '',
      description: '',
      priority: 0,
    })),
    rows: pods.map((pod) => ({
      cells: [textAt(pod, 'metadata', 'name'), isReady(pod) ? '1/1' : '0/1', statusOf(pod), '0', '1s'],
      object: {
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: objectAt(pod, 'metadata'),
      },
    })),
  };
}

function statusOf(pod: JsonObject): string {
  if (textAt(pod, 'metadata', 'deletionTimestamp') !== '') return 'Terminating';
  const [container] = objectsAt(pod, 'status', 'containerStatuses');
  return textAt(container, 'state', 'waiting', 'reason') || textAt(pod, 'status', 'phase');
}
