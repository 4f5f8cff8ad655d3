/** What the rules of a description find in an answer, for whoever writes one: places, types and lengths, never a value. */
import { isJsonObject } from '../core/json.ts';
import type { Answer } from './condition.ts';

/** `{ access_token: text of 1024, expires_in: number }`: names, types and lengths. */
export function describeShape({ response, json }: Answer): string {
  const text = response.body.reveal();
  if (text.trim() === '') return 'nothing';
  return json === undefined ? `no JSON, ${text.length} characters` : shapeOf(json, 0);
}

const DEEPEST = 4;
const MOST_ITEMS = 24;
/** Of an answer's own names only what looks like one is shown: a server may put anything there. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,40}$/;

function shapeOf(value: unknown, depth: number): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `text of ${value.length}`;
  if (Array.isArray(value))
    return value.length === 0
      ? 'an empty list'
      : `list of ${value.length}: ${depth < DEEPEST ? shapeOf(value[0], depth + 1) : '...'}`;
  if (!isJsonObject(value)) return typeof value;
  if (depth >= DEEPEST) return '{ ... }';
  const entries = Object.entries(value);
  const shown = entries
    .slice(0, MOST_ITEMS)
    .map(
      ([name, item]) => `${NAME.test(name) ? name : `a name of ${name.length}`}: ${shapeOf(item, depth + 1)}`,
    );
  return `{ ${[...shown, ...(entries.length > MOST_ITEMS ? [`${entries.length - MOST_ITEMS} more`] : [])].join(', ')} }`;
}
