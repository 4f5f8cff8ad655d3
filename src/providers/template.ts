/**
 * Texts with `${name}` in them: a name stands for a credential, a computed value, an option or the customer.
 *
 * Guarantee: one pass. What a name stands for is never looked into again, so a password `x${y}` is sent as it is.
 */

import type { Parsed } from '../core/result.ts';
import { NAME_PATTERN } from '../core/wire/field-schemas.ts';

/** Literal texts, and names of what is filled in. */
export type TemplateParts = readonly (string | { readonly name: string })[];

/** The problem continues the name of the setting. */
type ParsedTemplate = Parsed<{ readonly parts: TemplateParts }>;

/** `$${` is a literal `${`. */
const MARK = /\$?\$\{/g;

export function parseTemplate(text: string): ParsedTemplate {
  const parts: (string | { readonly name: string })[] = [];
  let literal = '';
  let at = 0;
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    if (index < at) continue;
    literal += text.slice(at, index);
    at = index + mark.length;
    if (mark === '$${') {
      literal += '${';
      continue;
    }
    const end = text.indexOf('}', at);
    if (end < 0) return { ok: false, problem: 'has a ${ without its }; a literal one is written $${' };
    const name = text.slice(at, end);
    if (!NAME_PATTERN.test(name))
      return { ok: false, problem: 'has a ${…} that holds no name; a literal ${ is written $${' };
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push({ name });
    at = end + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push(literal);
  return { ok: true, parts };
}

export function namesIn(parts: TemplateParts): readonly string[] {
  return parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** @param encode applied to what is filled in, not to the literal text around it */
export function fillTemplate(
  parts: TemplateParts,
  valueOf: (name: string) => string,
  encode: (value: string) => string = (value) => value,
): string {
  return parts.map((part) => (typeof part === 'string' ? part : encode(valueOf(part.name)))).join('');
}

/** The literal text of a template, without what is filled in. */
export function literalOf(parts: TemplateParts): string {
  return parts.filter((part) => typeof part === 'string').join('');
}
