/** What the schema has to say, in the words of {@link Finding}. */
import type { z } from 'zod';
import { LITERAL_CREDENTIAL } from '../core/credential/reference-schema.ts';
import { mayBeSecret, quote } from '../core/credential/secret-likeness.ts';
import { suggest } from '../core/spelling.ts';
import type { NameRules } from '../core/store-kind.ts';
import { describeExpected } from '../core/wire/field-schemas.ts';
import { isJsonObject, valueAtPath } from '../core/wire/json.ts';
import type { Finding, Path } from './problem.ts';
import { findSlip } from './slip.ts';

type Issue = z.core.$ZodIssue;

/** Of YAML 1.1: with it a mapping was to take over what another one holds. */
const MERGE_KEY = '<<';
const MERGE_UNSUPPORTED = 'merge keys are not supported; give the whole value by an alias';

/** Says that a mapping has a merge key, where it is not known which other keys it may have. */
export function findMergeKey(value: unknown, path: Path): readonly Finding[] {
  if (!isJsonObject(value) || !Object.hasOwn(value, MERGE_KEY)) return [];
  return [{ path: [...path, MERGE_KEY], target: 'key', text: MERGE_UNSUPPORTED }];
}

/**
 * Validates a part of the document.
 * @param base path of the part in the document, which decides what may be shown
 * @param names where the part names secrets
 */
export function findInvalid(
  schema: z.ZodType,
  value: unknown,
  base: Path,
  names?: NameRules,
): readonly Finding[] {
  const parsed = schema.safeParse(value, { error: describeExpected });
  if (parsed.success) return [];
  const findings = parsed.error.issues.flatMap((issue) => toFindings(issue, value, base, names));
  // A value that breaks two rules at once is still one mistake.
  const byPlace = new Map(findings.map((finding) => [JSON.stringify([finding.path, finding.text]), finding]));
  return [...byPlace.values()];
}

/** `found "15x"`, `found a list`, `missing`; says the least about what could be a credential. */
export function describeFound(value: unknown, path: Path): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'found nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'found an empty list' : 'found a list';
  if (isJsonObject(value)) return 'found a mapping';
  if (isSensitive(path)) return `found a ${typeof value === 'string' ? 'string' : typeof value}`;
  if (typeof value === 'number' || typeof value === 'boolean') return `found ${value}`;
  if (typeof value !== 'string') return 'found something else';
  // In a URL a password stands before the @ and a key behind the question mark.
  return /:.*@|:\/\/.*\?/.test(value)
    ? `found a string of ${value.length} characters`
    : `found ${quote(value)}`;
}

/**
 * True below `credentials`, for everything about a customer but its names, for what a receiver of alerts is reached with,
 * and where nobody knows what is meant.
 */
function isSensitive(path: Path): boolean {
  const [section, group, field, innerField, subfield] = path;
  if (section === undefined) return true;
  if (section === 'alerts' && group === 'heartbeat') return field !== 'every';
  if (section === 'alerts') return group === 'sinks' && !PLAIN_SINK_FIELDS.has(String(innerField));
  if (section !== 'providers') return false;
  if (field === undefined || field === 'credentials') return true;
  if (innerField === 'discover') return false;
  return field === 'customers' && !['name', 'secret', 'stateSecret'].includes(String(subfield));
}

const PLAIN_SINK_FIELDS = new Set(['kind', 'name', 'leastSeverity', 'topicArn', 'urls', 'endpoint']);

function toFindings(
  issue: Issue,
  root: unknown,
  base: Path,
  names: NameRules | undefined,
): readonly Finding[] {
  const ownPath = issue.path.filter((segment) => typeof segment !== 'symbol');
  const path = [...base, ...ownPath];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(key, path, issue.message));
  const meant =
    issue.code === 'invalid_union' ? findMeantForm(issue.errors, valueAtPath(root, ownPath)) : undefined;
  if (meant !== undefined) {
    return meant.flatMap((inner) =>
      toFindings({ ...inner, path: [...issue.path, ...inner.path] }, root, base, names),
    );
  }
  const params: Readonly<Record<string, unknown>> = issue.code === 'custom' ? (issue.params ?? {}) : {};
  if (issue.message === LITERAL_CREDENTIAL) return [{ path, text: LITERAL_CREDENTIAL }];
  const value = valueAtPath(root, ownPath);
  if (issue.code === 'invalid_key') return [unusableKey(path, issue)];
  const target = params['target'] === 'key' ? 'key' : 'value';
  const given = Array.isArray(params['candidates']) ? params['candidates'].map(String) : [];
  const candidates = issue.code === 'invalid_value' ? issue.values.map(String) : given;
  const suggestion = typeof value === 'string' && !isSensitive(path) ? suggest(value, candidates) : undefined;
  const stated = params['found'];
  if (typeof stated === 'string') return [{ path, target, text: stated, allowed: issue.message, suggestion }];
  if (target === 'key')
    return [{ path, target, text: 'not a usable key', allowed: issue.message, suggestion }];
  const slip = isSensitive(path) ? undefined : findSlip(value, issue.message, isTextWanted(issue), names);
  const text = `${describeFound(value, path)}${slip?.text ?? ''}`;
  return [{ path, target, text, allowed: issue.message, suggestion: suggestion ?? slip?.suggestion }];
}

/** The mapping's own message says nothing of its keys. */
function unusableKey(path: Path, { issues, message }: z.core.$ZodIssueInvalidKey): Finding {
  const parent = path.slice(0, -1);
  const isHidden = mayBeSecret(String(path.at(-1)));
  const allowed = issues[0]?.message ?? message;
  const text = isHidden ? 'holds a key that is not usable' : 'not a usable key';
  return { path, target: 'key', text, allowed, ...(isHidden ? { shownPath: parent } : {}) };
}

function isTextWanted(issue: Issue): boolean {
  if (issue.code === 'invalid_union')
    return issue.errors.flat().some((inner) => inner.path.length === 0 && isTextWanted(inner));
  return issue.code === 'invalid_type' && issue.expected === 'string';
}

/**
 * Of several forms that a value may have, the one that it has: a list or a mapping with a mistake somewhere inside, the
 * one that lacks least.
 */
function findMeantForm(forms: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  const meant = forms.filter((issues) =>
    issues.every(
      (issue) => issue.path.length > 0 || (issue.code === 'unrecognized_keys' && hasKnownKey(value, issue)),
    ),
  );
  const lacking = (issues: readonly Issue[]): number =>
    issues.filter(({ path }) => valueAtPath(value, path) === undefined).length;
  const least = Math.min(...meant.map(lacking));
  const best = meant.filter((issues) => lacking(issues) === least);
  return best.length === 1 ? best[0] : undefined;
}

/** Where no key is known, or nearly, another form is meant: customers by name, where a list is wanted. */
function hasKnownKey(value: unknown, { keys, message }: z.core.$ZodIssueUnrecognizedKeys): boolean {
  const known = message.split(', ');
  const present = isJsonObject(value) ? Object.keys(value) : [];
  return present.length > keys.length || keys.some((key) => suggest(key, known) !== undefined);
}

/** @param knownKeys by the convention of `field-schemas.ts` the message of the mapping: `name, kind, …` */
function unknownKey(key: string, parent: Path, knownKeys: string): Finding {
  const path = [...parent, key];
  const suggestion = suggest(key, knownKeys.split(', '));
  // `appSecret: { hunter2 }` is YAML for a mapping with the key hunter2: such a key is not shown.
  const isHidden =
    mayBeSecret(key) ||
    (parent.length > 2 && isSensitive(parent) && suggestion === undefined && key !== MERGE_KEY);
  const unknown = key === MERGE_KEY ? MERGE_UNSUPPORTED : 'unknown key';
  const text = isHidden ? 'holds an unknown key' : unknown;
  return {
    path,
    target: 'key',
    text,
    allowed: knownKeys,
    suggestion,
    ...(isHidden ? { shownPath: parent } : {}),
  };
}
