/** Parameters of a query or form, headers, and items that are sorted: texts by name, each of which may be left out. */
import type { RequestDescription } from './description.ts';
import type { FaultPath } from './faults.ts';
import { describeParts } from './json-template.ts';
import type { Names } from './names.ts';
import type { Scope } from './scope.ts';
import { fillTemplate, namesIn } from './template.ts';

export interface Parameter {
  readonly key: string;
  readonly names: readonly string[];
  /** Of what is filled in, for messages. */
  readonly what: string;
  /** With a letter in the place of each name. */
  readonly literal: string;
  readonly isPresent: (scope: Scope) => boolean;
  readonly fill: (scope: Scope) => string;
}

export function compileParameters(
  parameters: RequestDescription['query'],
  path: FaultPath,
  names: Names,
): readonly Parameter[] {
  return Object.entries(parameters).map(([key, value]) => {
    const at = [...path, key];
    if (typeof value === 'string') {
      const parts = names.template(value, at);
      return {
        key,
        names: namesIn(parts),
        what: describeParts(parts),
        literal: fillTemplate(parts, () => 'x'),
        isPresent: () => true,
        fill: ({ valueOf }) => fillTemplate(parts, valueOf),
      };
    }
    const { optional } = value;
    names.useOptionally(optional, [...at, 'optional']);
    return {
      key,
      names: [optional],
      what: optional,
      literal: '',
      isPresent: ({ isPresent }) => isPresent(optional),
      fill: ({ valueOf }) => valueOf(optional),
    };
  });
}

/** `name=text&name=text`, of those that are present. @param encode applied to names and texts */
export function joinParameters(
  parameters: readonly Parameter[],
  scope: Scope,
  encode: (text: string) => string,
  { pair = '=', join = '&' }: { readonly pair?: string; readonly join?: string } = {},
): string {
  return parameters
    .filter(({ isPresent }) => isPresent(scope))
    .map(({ key, fill }) => `${encode(key)}${pair}${encode(fill(scope))}`)
    .join(join);
}
