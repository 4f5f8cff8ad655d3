/** What part of the tokens somebody wants to see, as the page's form, its links and `/status.json` say it. */
import * as z from 'zod';
import { TOKEN_STATES, type TokenState } from '../core/board.ts';
import { FAILURE_CODES, type FailureCode } from '../core/failure.ts';
import type { Parsed } from '../core/result.ts';

export const STATUS_SORTS = ['worst', 'life', 'name'] as const;
export type StatusSort = (typeof STATUS_SORTS)[number];

export interface StatusQuery {
  /** Name of a provider; `null`: all, as of what follows. */
  readonly provider: string | null;
  readonly state: TokenState | null;
  /** Of tokens whose refreshes fail with it. */
  readonly code: FailureCode | null;
  /** In the name of the token or its secret, in either case; empty: all. */
  readonly text: string;
  /** `worst`: by state, then by life left. `life`: the least life left first. */
  readonly sort: StatusSort;
  /** Tokens on a page, 1 to {@link MAX_PER_PAGE}. */
  readonly size: number;
  /** From 1. */
  readonly page: number;
}

export const MAX_PER_PAGE = 200;
const MAX_TEXT_LENGTH = 200;
const MAX_PAGE = 1_000_000;

const parametersSchema = z.object({
  provider: z.string().nullable().default(null),
  state: wordField('state', TOKEN_STATES).nullable().default(null),
  code: wordField('code', FAILURE_CODES).nullable().default(null),
  q: z.string().default(''),
  sort: wordField('sort', STATUS_SORTS).default('worst'),
  size: numberField('size', MAX_PER_PAGE).default(50),
  page: numberField('page', MAX_PAGE).default(1),
});
const NAMES = parametersSchema.keyof().options;
const DEFAULTS = parametersSchema.parse({});
export const DEFAULT_QUERY = queryOf(DEFAULTS);

/** In plain words; quotes nothing of the query. */
export type ParsedQuery = Parsed<{ readonly query: StatusQuery }>;

/** @param search what follows the `?`, which may be there; an empty parameter is none, as forms send them */
export function parseStatusQuery(search: string): ParsedQuery {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!Object.hasOwn(DEFAULTS, name))
      return refuse(`there is a parameter that is none of ${NAMES.join(', ')}`);
    if (values.has(name)) return refuse(`${name} is given more than once`);
    if (value.length > MAX_TEXT_LENGTH) return refuse(`${name} is longer than ${MAX_TEXT_LENGTH} characters`);
    values.set(name, value);
  }
  const given = Object.fromEntries(values.entries().filter(([, value]) => value !== ''));
  const parsed = parametersSchema.safeParse(given);
  return parsed.success
    ? { ok: true, query: queryOf(parsed.data) }
    : refuse(parsed.error.issues[0]?.message ?? '');
}

/** The other way: empty, or `?` and what differs from {@link DEFAULT_QUERY}. */
export function formatStatusQuery({ text: q, ...others }: StatusQuery): string {
  const values = { ...others, q };
  const search = new URLSearchParams();
  for (const name of NAMES) if (values[name] !== DEFAULTS[name]) search.set(name, String(values[name]));
  return search.size === 0 ? '' : `?${search.toString()}`;
}

function queryOf({ q: text, ...others }: z.output<typeof parametersSchema>): StatusQuery {
  return { ...others, text };
}

function refuse(problem: string): ParsedQuery {
  return { ok: false, problem };
}

function wordField<const Word extends string>(name: string, words: readonly Word[]) {
  return z.enum(words, `${name} is none of ${words.join(', ')}`);
}

function numberField(name: string, most: number) {
  const allowed = `${name} is no whole number from 1 to ${most}`;
  const digits = z.string().regex(/^\d{1,7}$/, allowed);
  return digits.transform(Number).pipe(z.int().min(1, allowed).max(most, allowed));
}
