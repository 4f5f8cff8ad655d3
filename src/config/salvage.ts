import type { z } from 'zod';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import type { Finding } from './problem.ts';

/** What of a mapping can be relied on, although other parts of it may be wrong. */
export interface Salvaged<Value> {
  /** The valid fields, defaults filled in. */
  readonly value: Value;
  /** True when the field was written and is wrong: whatever `value` holds for it is not what the user meant. */
  readonly isInvalid: (field: string) => boolean;
}

/**
 * Keeps the fields that nobody complained about, so that one mistake does not hide the next.
 * @param schema takes any subset of the fields (`.partial()`), and ignores unknown ones
 * @param findings what is wrong with this mapping
 * @param depth length of the mapping's own path
 */
export function salvage<Value>(
  schema: z.ZodType<Value>,
  raw: unknown,
  findings: readonly Finding[],
  depth: number,
): Salvaged<Value> {
  const mapping: JsonObject = isJsonObject(raw) ? raw : {};
  const isBroken = raw !== undefined && !isJsonObject(raw);
  const invalid = new Set(findings.map(({ path }) => String(path[depth])));
  const kept = Object.fromEntries(Object.entries(mapping).filter(([key]) => !invalid.has(key)));
  return {
    value: schema.parse(kept),
    isInvalid: (field) => isBroken || invalid.has(field),
  };
}
