/** JSON structures with `${name}` in their texts: built as structures, so that no value can break out of its place. */

import { NAME_FORM, NAME_PATTERN } from '../core/wire/field-schemas.ts';
import { isJsonObject } from '../core/wire/json.ts';
import type { FaultPath } from './faults.ts';
import type { Names } from './names.ts';
import { type Scope, Unfillable } from './scope.ts';
import { fillTemplate, literalOf, namesIn } from './template.ts';

/** In place of a field that is left out. */
const LEFT_OUT = Symbol('left out');

type Fill = (scope: Scope) => unknown;

const WRAPPERS = ['number', 'boolean', 'optional', 'object', 'now'] as const;

interface JsonTemplateOptions {
  /** `{ now: SECONDS }` is the moment of the request, so many seconds later: in claims. */
  readonly hasMoments?: boolean;
}

/** @returns what fills the structure in; names are looked up in `names` */
export function compileJson(
  value: unknown,
  path: FaultPath,
  names: Names,
  options: JsonTemplateOptions = {},
): (scope: Scope, nowMs?: number) => unknown {
  let momentMs = 0;
  const compile = (node: unknown, at: FaultPath, isRoot: boolean): Fill => {
    if (typeof node === 'string') {
      const parts = names.template(node, at);
      return ({ valueOf }) => fillTemplate(parts, valueOf);
    }
    if (Array.isArray(node)) {
      const items = node.map((item: unknown, index) => compile(item, [...at, index], false));
      return (scope) => items.map((item) => item(scope)).filter((item) => item !== LEFT_OUT);
    }
    if (!isJsonObject(node)) return () => node;
    const keys = Object.keys(node);
    const [only] = keys;
    const wrapper = keys.length === 1 && !isRoot ? WRAPPERS.find((each) => each === only) : undefined;
    return wrapper === undefined
      ? compileFields(node, at)
      : compileWrapper(wrapper, node[wrapper], [...at, wrapper], at);
  };
  const compileFields = (node: Readonly<Record<string, unknown>>, at: FaultPath): Fill => {
    const fields = Object.entries(node).map(([key, item]) => {
      const parts = names.template(key, [...at, key]);
      for (const part of parts)
        if (typeof part !== 'string')
          names.refuse([...at, key], 'the name of a field may hold options alone', undefined, {
            target: 'key',
          });
      return [literalOf(parts), compile(item, [...at, key], false)] as const;
    });
    // Options may make the same name of two.
    if (new Set(fields.map(([key]) => key)).size < fields.length)
      names.refuse(at, 'has a field that stands here twice');
    return (scope) =>
      Object.fromEntries(
        fields.flatMap(([key, fill]) => {
          const filled = fill(scope);
          return filled === LEFT_OUT ? [] : [[key, filled]];
        }),
      );
  };
  const compileWrapper = (
    wrapper: (typeof WRAPPERS)[number],
    inner: unknown,
    at: FaultPath,
    outer: FaultPath,
  ): Fill => {
    if (wrapper === 'object' && isJsonObject(inner)) return compileFields(inner, at);
    if (wrapper === 'now' && options.hasMoments === true && typeof inner === 'number')
      return () => Math.floor(momentMs / 1000) + inner;
    if (wrapper === 'now' || wrapper === 'object') {
      return compileFields({ [wrapper]: inner }, outer);
    }
    if (typeof inner !== 'string') {
      names.refuse(at, 'not a text', wrapper === 'optional' ? NAME_FORM : 'a text with ${name}');
      return () => LEFT_OUT;
    }
    if (wrapper === 'optional') {
      if (!NAME_PATTERN.test(inner)) names.refuse(at, 'not a name', NAME_FORM);
      names.useOptionally(inner, at);
      return ({ isPresent, valueOf }) => (isPresent(inner) ? valueOf(inner) : LEFT_OUT);
    }
    const parts = names.template(inner, at);
    return ({ valueOf, isPicture }) => {
      const text = fillTemplate(parts, valueOf);
      if (isPicture === true) return text;
      const read = wrapper === 'number' ? readNumber(text) : readBoolean(text);
      if (read === undefined)
        throw new Unfillable(
          wrapper === 'number'
            ? `${describeParts(parts)} is no number that JSON holds as it is written`
            : `${describeParts(parts)} is neither true nor false`,
          namesIn(parts),
        );
      return read;
    };
  };
  const fill = compile(value, path, true);
  return (scope, nowMs = 0) => {
    momentMs = nowMs;
    return fill(scope);
  };
}

/** Not of `007`, `1.50`, twenty digits or with a space: another number or text would be sent. */
function readNumber(text: string): number | undefined {
  const number = Number(text);
  return Number.isFinite(number) && JSON.stringify(number) === text ? number : undefined;
}

function readBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

/** `shopId`, for messages. */
export function describeParts(parts: readonly (string | { readonly name: string })[]): string {
  const names = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
  return names.length === 0 ? 'the text' : names.join(' and ');
}
