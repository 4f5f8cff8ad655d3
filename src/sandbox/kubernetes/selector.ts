import type { JsonObject } from '../../core/wire/json.ts';
import { badRequest } from './api-refusal.ts';
import { textAt, textsAt } from './json-tree.ts';

/** Of a query. */
export interface Selection {
  /** `a=b,c!=d,e in (f,g),h,!i` */
  readonly labels: string | null;
  /** `metadata.name=a,type!=b` */
  readonly fields: string | null;
}

const REQUIREMENT =
  /^(?:(?<key>[\w./-]+)\s*(?:(?<sign>==?|!=)\s*(?<value>[\w.-]*)|\s(?<set>in|notin)\s*\((?<values>[^()]*)\))?|!(?<absent>[\w./-]+))$/;
const FIELD = /^(?<path>[^=!]+)(?<sign>==?|!=)(?<value>.*)$/;
/** Those that every kind knows, and what Secrets add. */
const FIELDS = new Set(['metadata.name', 'metadata.namespace', 'type']);

/** @throws {ApiRefusal} for a selector that says nothing */
export function isSelected(object: JsonObject, { labels, fields }: Selection): boolean {
  const own = textsAt(object, 'metadata', 'labels');
  return (
    split(labels, /,(?![^(]*\))/).every((text) => meets(own, text)) &&
    split(fields, /,/).every((text) => hasField(object, text))
  );
}

function meets(own: Readonly<Record<string, string>>, text: string): boolean {
  const found = REQUIREMENT.exec(text)?.groups;
  if (found === undefined) throw badRequest(`unable to parse requirement: ${JSON.stringify(text)}`);
  const { key = '', sign, value = '', set, values = '', absent } = found;
  if (absent !== undefined) return own[absent] === undefined;
  if (sign === '!=') return own[key] !== value;
  if (sign !== undefined) return own[key] === value;
  if (set === undefined) return own[key] !== undefined;
  const isListed = values.split(',').some((each) => each.trim() === own[key]);
  return isListed === (set === 'in');
}

function hasField(object: JsonObject, text: string): boolean {
  const found = FIELD.exec(text)?.groups;
  if (found === undefined) throw badRequest(`invalid selector: ${JSON.stringify(text)}; can't understand it`);
  const { path = '', sign, value } = found;
  if (!FIELDS.has(path)) throw badRequest(`field label not supported: ${path}`);
  return (textAt(object, ...path.split('.')) === value) === (sign !== '!=');
}

function split(text: string | null, separator: RegExp): readonly string[] {
  return (text ?? '')
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
