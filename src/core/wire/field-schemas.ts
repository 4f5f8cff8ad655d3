/**
 * The values that occur in several sections. Convention: **the message of a schema says what is allowed**, in words
 * that follow `allowed:`; what was found is told apart from it, because it may have to be kept quiet. Texts carry the same
 * words into the JSON Schema as `errorMessage`: editors show it in place of the pattern, and docs/configuration.md has it.
 */
import * as z from 'zod';
import {
  FETCH_LIMIT_FORM,
  FETCH_LIMIT_PATTERN,
  type FetchLimit,
  parseFetchLimit,
} from '../limits/fetch-limit.ts';
import type { VersionBudget } from '../limits/version-pace.ts';
import { DURATION_FORM, DURATION_PATTERN, formatDuration, parseDuration } from './duration.ts';
import { parseServiceUrl, URL_FORM } from './service-url.ts';

/** A mapping that refuses unknown keys; its message is the list of the known ones. */
export function mapping<const Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? keys : `a mapping with ${keys}`),
  });
}

interface DurationLimits {
  readonly leastMs?: number;
  readonly mostMs?: number;
}

/** A duration as text, parsed to milliseconds; both limits inclusive. */
export function durationField({ leastMs, mostMs }: DurationLimits = {}): z.ZodType<number, string> {
  const limits = [
    ...(leastMs === undefined ? [] : [`at least ${formatDuration(leastMs)}`]),
    ...(mostMs === undefined ? [] : [`at most ${formatDuration(mostMs)}`]),
  ];
  const allowed = [DURATION_FORM, ...limits].join(', ');
  return z
    .string(allowed)
    .regex(DURATION_PATTERN, allowed)
    .transform((text, context) => {
      const parsed = parseDuration(text);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: `${allowed} (this is ${parsed.problem})` });
      else if (parsed.durationMs < (leastMs ?? 0) || parsed.durationMs > (mostMs ?? parsed.durationMs)) {
        context.addIssue({ code: 'custom', message: allowed });
      } else return parsed.durationMs;
      return z.NEVER;
    })
    .meta({ errorMessage: allowed });
}

/**
 * A text of a given form. The JSON Schema has the pattern, and Helm reads that with RE2: no look-ahead or look-behind, and no
 * count above 1000 (`max` says such a limit).
 */
export function patternField(pattern: RegExp, allowed: string): z.ZodString {
  // One problem for one text, however much is wrong with it.
  return z.string(allowed).regex(pattern, { error: allowed, abort: true }).meta({ errorMessage: allowed });
}

/** The path of a file or folder. */
export function pathField(allowed: string): z.ZodString {
  return patternField(/^[^\n\r\0]+$/, allowed).max(1024, allowed);
}

/** A name that a template can have filled in: of a credential, an option, or what a description calculates. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
export const NAME_FORM = 'a letter, then letters, digits and underscores, at most 64';

/** RFC 1123 label: what Kubernetes allows for the name of a namespace, and we for names that may be part of others. */
export const LABEL_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A name that may be part of others: of a provider, a sink, an installation. */
export function labelField(): z.ZodString {
  return patternField(LABEL_PATTERN, 'lower-case letters, digits and inner hyphens, at most 63');
}

/** Any text that is not empty. @param most length in characters, inclusive */
export function shortTextField(most: number, allowed: string): z.ZodString {
  return z.string(allowed).min(1, allowed).max(most, allowed).meta({ errorMessage: allowed });
}

/** A whole number, both limits inclusive. */
export function wholeNumberField(least: number, most: number): z.ZodInt {
  const allowed = `a whole number from ${least} to ${most}`;
  return z.int(allowed).min(least, allowed).max(most, allowed);
}

/** An address that credentials may be sent to, without its trailing slash. */
export function urlField(): z.ZodType<string, string> {
  return parsedField(z.string(URL_FORM), parseServiceUrl, URL_FORM);
}

export function fetchLimitField(): z.ZodType<FetchLimit, string> {
  const text = z.string(FETCH_LIMIT_FORM).regex(FETCH_LIMIT_PATTERN, FETCH_LIMIT_FORM);
  return parsedField(text, parseFetchLimit, FETCH_LIMIT_FORM);
}

/** @param parse undefined: the text is not allowed */
function parsedField<Value>(
  text: z.ZodString,
  parse: (text: string) => Value | undefined,
  allowed: string,
): z.ZodType<Value, string> {
  return text
    .transform((given, context) => {
      const value = parse(given);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: allowed });
      return z.NEVER;
    })
    .meta({ errorMessage: allowed });
}

export function versionBudgetField(): z.ZodType<VersionBudget, VersionBudget> {
  const allowed = 'a whole number from 1, or none';
  return z.union([z.int(allowed).min(1, allowed), z.literal('none')], allowed);
}

/** What is allowed, for schemas that do not say it themselves. */
export function describeExpected(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'too_small':
      return `at least ${String(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `at most ${String(issue.maximum)}${unitOf(issue.origin)}`;
    case 'invalid_format':
      return issue.format === 'regex' ? `a text that matches ${issue.pattern ?? 'a pattern'}` : issue.format;
    default:
      return 'another value';
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}
