import { isJsonObject, type JsonObject } from '../core/wire/json.ts';

/** A shorter part takes no more place than the reference to it. */
const MIN_LENGTH = 80;

/** A part is named after what it is the schema of, not after the keyword that leads to it. */
const KEYWORDS = new Set([
  'additionalProperties',
  'allOf',
  'anyOf',
  'else',
  'items',
  'oneOf',
  'properties',
  'propertyNames',
  'then',
]);

/** What a use of a part says of its own, and the part. */
type Split = (schema: JsonObject) => { readonly own: JsonObject; readonly part: JsonObject };

/**
 * A JSON Schema without references in which what was there several times stands once, below `$defs`: parts that are the
 * same, and parts that differ in nothing but description and default.
 */
export function shareParts(schema: JsonObject): JsonObject {
  const whole = hoist(schema, (part) => ({ own: {}, part }));
  const defaults = hoist(whole, ({ default: usual, ...part }) => ({ own: given({ default: usual }), part }));
  return hoist(defaults, ({ description, default: usual, ...part }) => ({
    own: given({ description, default: usual }),
    part,
  }));
}

function given(annotations: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(annotations).filter(([, text]) => text !== undefined));
}

function hoist({ $defs: former = {}, ...schema }: JsonObject, split: Split): JsonObject {
  const counts = new Map<string, number>();
  const count = (value: unknown): void => {
    if (isSchema(value)) {
      const text = JSON.stringify(split(value).part);
      const times = counts.get(text) ?? 0;
      counts.set(text, times + 1);
      // What is inside is shared with it.
      if (times > 0) return;
    }
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(count);
  };
  count(schema);
  count(former);

  const names = new Map<string, string>();
  const defs = new Map<string, unknown>(
    Object.keys(isJsonObject(former) ? former : {}).map((name) => [name, {}]),
  );
  const build = (value: unknown, key: string): unknown => {
    if (!isSchema(value)) return rebuild(value, key);
    const { own, part } = split(value);
    const text = JSON.stringify(part);
    if (text.length < MIN_LENGTH || counts.get(text) === 1) return rebuild(value, key);
    const known = names.get(text);
    const name = known ?? freeName(key, defs);
    if (known === undefined) {
      names.set(text, name);
      defs.set(name, {});
      defs.set(name, rebuild(part, key));
    }
    return { ...own, $ref: `#/$defs/${name}` };
  };
  const rebuild = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => build(item, key));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, build(part, KEYWORDS.has(name) ? key : name)]),
    );
  };
  const shared = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, build(part, name)]));
  const rebuilt = Object.entries(isJsonObject(former) ? former : {}).map(([name, part]) => [
    name,
    build(part, name),
  ]);
  return { ...shared, $defs: { ...Object.fromEntries(defs), ...Object.fromEntries(rebuilt) } };
}

/** And no mapping of properties: that has schemas for values. */
function isSchema(value: unknown): value is JsonObject {
  return isJsonObject(value) && (typeof value['type'] === 'string' || Array.isArray(value['anyOf']));
}

function freeName(wanted: string, taken: ReadonlyMap<string, unknown>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted}${number}`;
    if (!taken.has(name)) return name;
  }
}
