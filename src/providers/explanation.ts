/** What the rules of a description find in an answer, for the author of one: places, types and lengths, never a value. */

import type { SecretText } from '../core/secret-text.ts';
import { isJsonObject } from '../core/wire/json.ts';
import { recogniseCode } from '../core/wire/recognised-text.ts';
import type { Answer } from './condition.ts';

/** `{ access_token: text of 1024, expires_in: number }`: names, types and lengths. */
export function describeShape({ response, json }: Answer, secrets: readonly SecretText[]): string {
  const text = response.body.reveal();
  if (text.trim() === '') return 'nothing';
  return json === undefined ? `no JSON, ${text.length} characters` : shapeOf(json, 0, secrets);
}

const DEEPEST = 4;
const MAX_ITEMS = 24;
/** `access_token`, `accessToken`, `expires-in`. */
const WORDS = /^[A-Za-z]+(?:[_.-][A-Za-z]+)*$/;

/** A server may put anything in the place of a name: shown is what plain words make up, and not a digit beside them. */
function isShown(name: string, secrets: readonly SecretText[]): boolean {
  const code = name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
  return WORDS.test(name) && recogniseCode(code, secrets) !== undefined;
}

function shapeOf(value: unknown, depth: number, secrets: readonly SecretText[]): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `text of ${value.length}`;
  if (Array.isArray(value))
    return value.length === 0
      ? 'an empty list'
      : `list of ${value.length}: ${depth < DEEPEST ? shapeOf(value[0], depth + 1, secrets) : '...'}`;
  if (!isJsonObject(value)) return typeof value;
  if (depth >= DEEPEST) return '{ ... }';
  const entries = Object.entries(value);
  const shown = entries
    .slice(0, MAX_ITEMS)
    .map(
      ([name, item]) =>
        `${isShown(name, secrets) ? name : `a name of ${name.length}`}: ${shapeOf(item, depth + 1, secrets)}`,
    );
  return `{ ${[...shown, ...(entries.length > MAX_ITEMS ? [`${entries.length - MAX_ITEMS} more`] : [])].join(', ')} }`;
}
