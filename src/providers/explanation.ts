/** What the rules of a description find in an answer, for whoever writes one: places, types and lengths, never a value. */
import { isJsonObject } from '../core/json.ts';
import { recogniseCode } from '../core/recognised-text.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { Answer } from './condition.ts';

/** `{ access_token: text of 1024, expires_in: number }`: names, types and lengths. */
export function describeShape({ response, json }: Answer, secrets: readonly SecretText[]): string {
  const text = response.body.reveal();
  if (text.trim() === '') return 'nothing';
  return json === undefined ? `no JSON, ${text.length} characters` : shapeOf(json, 0, secrets);
}

const DEEPEST = 4;
const MOST_ITEMS = 24;
/** A server may put anything in the place of a name: shown is what names are made of. */
function isShown(name: string, secrets: readonly SecretText[]): boolean {
  return recogniseCode(splitWords(name), secrets) !== undefined;
}

/** `accessToken` and `expires-in` as `access_token` and `expires_in`. */
function splitWords(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z]+/g, '_')
    .replace(/^_|_$/g, '')
    .toLowerCase();
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
    .slice(0, MOST_ITEMS)
    .map(
      ([name, item]) =>
        `${isShown(name, secrets) ? name : `a name of ${name.length}`}: ${shapeOf(item, depth + 1, secrets)}`,
    );
  return `{ ${[...shown, ...(entries.length > MOST_ITEMS ? [`${entries.length - MOST_ITEMS} more`] : [])].join(', ')} }`;
}
