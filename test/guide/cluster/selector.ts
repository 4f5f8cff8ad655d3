import type { JsonObject } from '../../../src/core/wire/json.ts';
import { textAt, textsAt } from '../json-tree.ts';

/** `a=b,c=d` of a query, for labels and for `metadata.name`. */
export interface Selection {
  readonly labels: string | null;
  readonly fields: string | null;
}

export function isSelected(object: JsonObject, { labels, fields }: Selection): boolean {
  const own = textsAt(object, 'metadata', 'labels');
  return (
    pairs(labels).every(([key, value]) => own[key] === value) &&
    pairs(fields).every(([path, value]) => textAt(object, ...path.split('.')) === value)
  );
}

export function matchesLabels(object: JsonObject, wanted: Readonly<Record<string, string>>): boolean {
  const own = textsAt(object, 'metadata', 'labels');
  return Object.entries(wanted).every(([key, value]) => own[key] === value);
}

function pairs(text: string | null): readonly (readonly [string, string])[] {
  return (text ?? '')
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [, key, value] = /^([^=!]+)==?(.*)$/.exec(pair) ?? [];
      if (key === undefined || value === undefined) throw new Error(`selector ${pair} is not known here`);
      return [key, value];
    });
}
