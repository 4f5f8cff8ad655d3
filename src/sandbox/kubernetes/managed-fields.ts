/** `metadata.managedFields` of plain writes (operation `Update`): who wrote which field last. */
import { isJsonObject, type JsonObject } from '../../core/wire/json.ts';
import { objectAt, objectsAt, textAt } from './json-tree.ts';

interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
}

const OWN = new Set(['apiVersion', 'kind']);
/** Of metadata: all else is the server's. */
const WRITTEN_METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences'];
/** Not a character of a key. */
const SEPARATOR = '\n';
const under = (path: string, key: string): string => `${path}${SEPARATOR}${key}`;
const SETS = new Set([under('metadata', 'finalizers')]);
const MAPS = new Set(['data', under('metadata', 'labels'), under('metadata', 'annotations')]);

/** @param former before the write, with its managed fields; `undefined` for a new object */
export function manageFields(
  object: JsonObject,
  former: JsonObject | undefined,
  writer: Writer,
): readonly JsonObject[] {
  const now = leavesOf(object);
  const before = former === undefined ? new Map<string, string>() : leavesOf(former);
  const changed = new Set([...now].flatMap(([path, text]) => (before.get(path) === text ? [] : [path])));
  const entries = objectsAt(former, 'metadata', 'managedFields');
  const mine = entries.find((entry) => textAt(entry, 'manager') === writer.manager);
  const own = mine === undefined ? changed : new Set([...pathsOf(mine), ...changed]);
  const kept = entries.flatMap((entry) => {
    if (entry === mine) return [];
    const left = [...pathsOf(entry)].filter((path) => now.has(path) && !changed.has(path));
    return left.length === 0 ? [] : [{ ...entry, fieldsV1: treeOf(left) }];
  });
  const held = [...own].filter((path) => now.has(path));
  if (held.length === 0) return kept;
  const { manager, apiVersion, time } = writer;
  return [
    ...kept,
    { manager, operation: 'Update', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1: treeOf(held) },
  ];
}

/** Path of each field that has a writer, and what is there, as text. */
function leavesOf(object: JsonObject): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const walk = (node: unknown, path: string): void => {
    if (isJsonObject(node)) {
      const entries = Object.entries(node);
      // A map that has anything is a field too, a structure is not.
      if (entries.length > 0 && MAPS.has(path)) leaves.set(under(path, '.'), '');
      for (const [key, value] of entries) walk(value, under(path, key));
    } else if (SETS.has(path)) {
      const items: readonly unknown[] = Array.isArray(node) ? node : [];
      for (const item of items) walk(true, under(path, `v:${JSON.stringify(item)}`));
      if (items.length > 0) leaves.set(under(path, '.'), '');
    } else leaves.set(path, JSON.stringify(node));
  };
  for (const [key, value] of Object.entries(object))
    if (!OWN.has(key) && key !== 'metadata') walk(value, key);
  for (const key of WRITTEN_METADATA) walk(objectAt(object, 'metadata')[key] ?? {}, under('metadata', key));
  return leaves;
}

function treeOf(paths: readonly string[]): JsonObject {
  const root: Record<string, unknown> = {};
  for (const path of paths) {
    let node = root;
    for (const key of path.split(SEPARATOR)) {
      const name = key === '.' || key.startsWith('v:') ? key : `f:${key}`;
      const next: Record<string, unknown> = { ...objectAt(node, name) };
      node[name] = next;
      node = next;
    }
  }
  return root;
}

function pathsOf(entry: JsonObject): ReadonlySet<string> {
  const paths = new Set<string>();
  const walk = (node: JsonObject, path: readonly string[]): void => {
    const fields = Object.entries(node);
    if (fields.length === 0) paths.add(path.join(SEPARATOR));
    for (const [key, value] of fields) walk(objectAt(value), [...path, key.replace(/^f:/, '')]);
  };
  walk(objectAt(entry, 'fieldsV1'), []);
  return paths;
}
