/** The three patches that kubectl sends: merge (RFC 7386), strategic merge, and of JSON Patch `replace`. */
import { isJsonObject, type JsonObject } from '../../core/wire/json.ts';
import { textAt, valueAt, withValue } from './json-tree.ts';

/** What tells the items of a list apart, by the list's name. Source: `patchMergeKey` in Kubernetes' API types. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumes: 'name',
  topologySpreadConstraints: 'topologyKey',
};

/** @throws for a patch of a type, or with a directive, that is not known here */
export function applyPatch(type: string, object: JsonObject, patch: unknown): JsonObject {
  switch (type) {
    case 'application/merge-patch+json':
      return mergeObjects(object, patch, undefined);
    case 'application/strategic-merge-patch+json':
      return mergeObjects(object, patch, MERGE_KEYS);
    case 'application/json-patch+json':
      return (Array.isArray(patch) ? patch : []).reduce<JsonObject>(applyOperation, object);
    default:
      throw new Error(`patches of type ${type} are not known here`);
  }
}

function applyOperation(object: JsonObject, operation: unknown): JsonObject {
  if (textAt(operation, 'op') !== 'replace') throw new Error(`${textAt(operation, 'op')} is not known here`);
  const path = textAt(operation, 'path').split('/').slice(1);
  return withValue(object, path, valueAt(operation, 'value'));
}

type MergeKeys = Readonly<Record<string, string>> | undefined;

function mergeObjects(present: unknown, patch: unknown, keys: MergeKeys): JsonObject {
  const result = new Map(isJsonObject(present) ? Object.entries(present) : []);
  for (const [key, value] of Object.entries(isJsonObject(patch) ? patch : {})) {
    if (key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$retainKeys')) {
      const kept: readonly unknown[] = Array.isArray(value) ? value : [];
      for (const each of result.keys()) if (!kept.includes(each)) result.delete(each);
    } else if (key.startsWith('$')) throw new Error(`directive ${key} is not known here`);
    else if (value === null) result.delete(key);
    else result.set(key, mergeValues(result.get(key), value, keys, keys?.[key]));
  }
  return Object.fromEntries(result);
}

function mergeValues(present: unknown, value: unknown, keys: MergeKeys, key: string | undefined): unknown {
  if (Array.isArray(value) && key !== undefined) return mergeLists(present, value, keys, key);
  return isJsonObject(value) ? mergeObjects(present, value, keys) : value;
}

function mergeLists(
  present: unknown,
  patch: readonly unknown[],
  keys: MergeKeys,
  key: string,
): readonly unknown[] {
  const items: unknown[] = Array.isArray(present) ? [...present] : [];
  for (const item of patch) {
    const at = items.findIndex((each) => valueAt(each, key) === valueAt(item, key));
    if (valueAt(item, '$patch') === 'delete') {
      if (at >= 0) items.splice(at, 1);
    } else if (at >= 0) items[at] = mergeObjects(items[at], item, keys);
    else items.push(mergeObjects({}, item, keys));
  }
  return items;
}
