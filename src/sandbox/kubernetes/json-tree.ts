/** Reading what a program has sent, as JSON, along a path. */
import { isJsonObject, type JsonObject } from '../../core/wire/json.ts';

/** What is at the end of the path; `undefined` when there is nothing. */
export function valueAt(tree: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isJsonObject(node) ? node[key] : undefined), tree);
}

/** The object at the end of the path; an empty one when there is none. */
export function objectAt(tree: unknown, ...path: readonly string[]): JsonObject {
  const found = valueAt(tree, ...path);
  return isJsonObject(found) ? found : {};
}

/** The text at the end of the path; an empty one when there is none. */
export function textAt(tree: unknown, ...path: readonly string[]): string {
  const found = valueAt(tree, ...path);
  return typeof found === 'string' ? found : '';
}

/** The number at the end of the path; 0 when there is none. */
export function numberAt(tree: unknown, ...path: readonly string[]): number {
  const found = valueAt(tree, ...path);
  return typeof found === 'number' ? found : 0;
}

/** The objects of the list at the end of the path; none when there is no list. */
export function objectsAt(tree: unknown, ...path: readonly string[]): readonly JsonObject[] {
  const found = valueAt(tree, ...path);
  return Array.isArray(found) ? found.filter((item) => isJsonObject(item)) : [];
}

/** The texts of the list at the end of the path; none when there is no list. */
export function textListAt(tree: unknown, ...path: readonly string[]): readonly string[] {
  const found = valueAt(tree, ...path);
  return Array.isArray(found) ? found.filter((item) => typeof item === 'string') : [];
}

/** Texts by key of the object at the end of the path; what is no text is left out. */
export function textsAt(tree: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(objectAt(tree, ...path)).flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, value] as const] : [],
    ),
  );
}

/** The tree with another value at the end of the path; objects on the way are made where there are none. */
export function withValue(tree: unknown, path: readonly string[], value: unknown): JsonObject {
  const [key, ...rest] = path;
  const node = isJsonObject(tree) ? tree : {};
  if (key === undefined) throw new Error('a path has a key');
  return { ...node, [key]: rest.length === 0 ? value : withValue(node[key], rest, value) };
}

/** Without fields that are null, at any depth: an API server takes them for fields that are left out. */
export function withoutNulls(tree: JsonObject): JsonObject {
  const clean = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(clean);
    return isJsonObject(node) ? withoutNulls(node) : node;
  };
  const entries = Object.entries(tree).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, clean(value)]));
}

/** As JSON, in which neither the order of keys nor one without a value means anything. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSameJson(item, other[index]));
  if (!isJsonObject(one) || !isJsonObject(other)) return one === other;
  return [...Object.keys(one), ...Object.keys(other)].every((key) => isSameJson(one[key], other[key]));
}
