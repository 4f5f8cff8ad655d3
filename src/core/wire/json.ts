import type * as z from 'zod';

/** A parsed JSON object whose fields are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a plain JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object in a field; empty when there is none. */
export function objectIn(object: JsonObject, field: string): JsonObject {
  const value = object[field];
  return isJsonObject(value) ? value : {};
}

/** What lies at a path of own keys and indexes; `undefined` when nothing does. */
export function valueAtPath(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => {
    if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
    return typeof step === 'string' && isJsonObject(value) && Object.hasOwn(value, step)
      ? value[step]
      : undefined;
  }, root);
}

/** Parses JSON; `undefined` for anything that is not JSON, so that a caller can never quote a parser's message. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Which fields of a JSON object a schema refuses, for messages; quotes nothing of them. */
export function nameWrongFields({ issues }: z.ZodError): string {
  return [...new Set(issues.map(({ path }) => path.join('.') || 'not a JSON object'))].join(', ');
}

const MANY_DIGITS = /\d{16}/;

/** As {@link parseJson}; a whole number with more digits than a number can keep, such as an id, becomes its text. */
export function parseExactJson(text: string): unknown {
  if (!MANY_DIGITS.test(text)) return parseJson(text);
  try {
    return JSON.parse(text, (_, value: unknown, ...rest: readonly unknown[]) =>
      typeof value === 'number' && !Number.isSafeInteger(value) ? (wholeNumber(rest[0]) ?? value) : value,
    );
  } catch {
    return undefined;
  }
}

/** @param context what a reviver is told of a value: the text that stands there */
function wholeNumber(context: unknown): string | undefined {
  const source = isJsonObject(context) ? context['source'] : undefined;
  return typeof source === 'string' && /^-?\d+$/.test(source) ? source : undefined;
}
