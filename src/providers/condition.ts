/** Conditions on an answer: what a success is, and when a rule of the error list applies. */
import { isJsonObject, type JsonObject, parseExactJson, parseJson } from '../core/wire/json.ts';
import { type AnswerPath, parsePath, valueAt } from './answer-path.ts';
import type { Condition, Predicate } from './description.ts';
import type { FaultPath, Refuse } from './faults.ts';
import type { TokenResponse } from './provider.ts';

/** An answer and its JSON, parsed once. */
export interface Answer {
  readonly response: TokenResponse;
  /** `undefined` for a body that is no JSON. */
  readonly json: unknown;
  /** `undefined` for anything but an object. */
  readonly object: JsonObject | undefined;
  /** The JSON for what is passed on: numbers that would lose digits are texts. */
  readonly toExactJson: () => unknown;
}

export function readAnswer(response: TokenResponse): Answer {
  const text = response.body.reveal();
  const json = parseJson(text);
  const object = isJsonObject(json) ? json : undefined;
  return { response, json, object, toExactJson: () => parseExactJson(text) };
}

export type Test = (answer: Answer) => boolean;

/** @throws for a text that is no path, which the schema has refused: a bug */
export function compilePath(text: string): AnswerPath {
  const path = parsePath(text);
  if (path === undefined) throw new Error(`${text} is no path`);
  return path;
}

/** What lies at a path of the JSON, or in a header; nothing where neither is named. */
export function compileFinder({
  path,
  header,
}: Pick<Predicate, 'path' | 'header'>): (answer: Answer) => unknown {
  if (path !== undefined) {
    const where = compilePath(path);
    return ({ json }) => valueAt(json, where);
  }
  const name = header?.toLowerCase() ?? '';
  return ({ response }) => response.headers.get(name);
}

/** One predicate, or several by `all` and `any`: everything that is given has to hold. */
export function compileCondition({ all, any, ...own }: Condition, path: FaultPath, refuse: Refuse): Test {
  const isPlain = Object.values(own).some((value) => value !== undefined);
  if (!isPlain && all === undefined && any === undefined)
    refuse(path, 'holds no condition', 'a predicate, all or any');
  const tests = [
    ...(isPlain ? [compilePredicate(own, path, refuse)] : []),
    ...(all ?? []).map((one, index) => compilePredicate(one, [...path, 'all', index], refuse)),
  ];
  const choices = any?.map((one, index) => compilePredicate(one, [...path, 'any', index], refuse));
  return (answer) =>
    tests.every((test) => test(answer)) && (choices === undefined || choices.some((test) => test(answer)));
}

function compilePredicate(predicate: Predicate, path: FaultPath, refuse: Refuse): Test {
  const { status, path: place, header, ...words } = predicate;
  const given = Object.values(words).filter((word) => word !== undefined).length;
  const isAbout = place !== undefined || header !== undefined;
  if (place !== undefined && header !== undefined)
    refuse(path, 'found path and header, which exclude each other', 'one of the two');
  if (!isAbout && status === undefined)
    refuse(path, 'says nothing about what it tests', 'status, path or header');
  if (isAbout && given === 0)
    refuse(path, 'holds no test', 'is, in, not, like, unlike, mentions, exists, absent or saysSuccess');
  if (!isAbout && given > 0) refuse(path, 'tests nothing', 'path or header beside these words');
  const find = compileFinder(predicate);
  return (answer) =>
    (status === undefined || status.some((each) => matchesStatus(answer.response.status, each))) &&
    (!isAbout || holds(find(answer), words));
}

export function matchesStatus(status: number, wanted: number | string): boolean {
  const text = String(wanted);
  return text.endsWith('xx') ? String(status).startsWith(text.slice(0, 1)) : String(status) === text;
}

type Words = Omit<Predicate, 'status' | 'path' | 'header'>;

function holds(value: unknown, words: Words): boolean {
  const text = asText(value);
  const { is, in: list, not, like, unlike, mentions, exists, absent, saysSuccess } = words;
  return (
    (is === undefined || text === is) &&
    (list === undefined || (text !== undefined && list.includes(text))) &&
    (not === undefined || text === undefined || !not.includes(text)) &&
    (like === undefined || (text !== undefined && like.some((form) => isLike(text, form)))) &&
    (unlike === undefined || text === undefined || !unlike.some((form) => isLike(text, form))) &&
    (mentions === undefined || (text !== undefined && mentionsAny(text, mentions))) &&
    (exists === undefined || !isEmpty(value)) &&
    (absent === undefined || isEmpty(value)) &&
    (saysSuccess === undefined ||
      value === undefined ||
      value === null ||
      (text !== undefined && SUCCESS.test(text)))
  );
}

/** Zeros, a status of success (SNAP's too), or a word for it. */
const SUCCESS = /^(?:0+|2\d\d(?:\d{4})?|ok|true|success|successful|succeeded)$/i;

/** `undefined` for what has no text of its own. */
export function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function isLike(text: string, form: string): boolean {
  return (
    text.length === form.length &&
    Array.from(form).every((sign, index) => sign === '?' || sign === text[index])
  );
}

function mentionsAny(text: string, words: readonly string[]): boolean {
  const lower = text.slice(0, 2_000).toLowerCase();
  return words.some((word) => lower.includes(word.toLowerCase()));
}

export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function isEmpty(value: unknown): boolean {
  if (isNothing(value)) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
