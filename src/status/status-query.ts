/** What part of the tokens somebody wants to see, as the page's form, its links and `/status.json` say it. */
import { TOKEN_STATES, type TokenState } from '../core/board.ts';
import { FAILURE_CODES, type FailureCode } from '../core/failure.ts';

export const STATUS_SORTS = ['worst', 'life', 'name'] as const;
export type StatusSort = (typeof STATUS_SORTS)[number];

export interface StatusQuery {
  /** Name of a provider; `undefined`: all. */
  readonly provider: string | undefined;
  readonly state: TokenState | undefined;
  /** Of tokens whose refreshes fail with it. */
  readonly code: FailureCode | undefined;
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
export const DEFAULT_QUERY: StatusQuery = {
  provider: undefined,
  state: undefined,
  code: undefined,
  text: '',
  sort: 'worst',
  size: 50,
  page: 1,
};

const MAX_TEXT_LENGTH = 200;
const MAX_PAGE = 1_000_000;
const NAMES = ['provider', 'state', 'code', 'q', 'sort', 'size', 'page'];

export type ParsedQuery =
  | { readonly ok: true; readonly query: StatusQuery }
  /** In plain words; quotes nothing of the query. */
  | { readonly ok: false; readonly problem: string };

/** @param search what follows the `?`, which may be there; an empty parameter is none, as forms send them */
export function parseStatusQuery(search: string): ParsedQuery {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!NAMES.includes(name)) return refuse(`there is a parameter that is none of ${NAMES.join(', ')}`);
    if (values.has(name)) return refuse(`${name} is given more than once`);
    if (value.length > MAX_TEXT_LENGTH) return refuse(`${name} is longer than ${MAX_TEXT_LENGTH} characters`);
    values.set(name, value);
  }
  const state = findWord(TOKEN_STATES, values.get('state'));
  if (state === 'none of them') return refuse(`state is none of ${TOKEN_STATES.join(', ')}`);
  const code = findWord(FAILURE_CODES, values.get('code'));
  if (code === 'none of them') return refuse(`code is none of ${FAILURE_CODES.join(', ')}`);
  const sort = findWord(STATUS_SORTS, values.get('sort'));
  if (sort === 'none of them') return refuse(`sort is none of ${STATUS_SORTS.join(', ')}`);
  const size = parseWhole(values.get('size'), MAX_PER_PAGE);
  if (size === 'no number') return refuse(`size is no whole number from 1 to ${MAX_PER_PAGE}`);
  const page = parseWhole(values.get('page'), MAX_PAGE);
  if (page === 'no number') return refuse(`page is no whole number from 1 to ${MAX_PAGE}`);
  return {
    ok: true,
    query: {
      provider: values.get('provider') || undefined,
      state,
      code,
      text: values.get('q') ?? '',
      sort: sort ?? DEFAULT_QUERY.sort,
      size: size ?? DEFAULT_QUERY.size,
      page: page ?? DEFAULT_QUERY.page,
    },
  };
}

/** The other way: empty, or `?` and what differs from {@link DEFAULT_QUERY}. */
export function formatStatusQuery(query: StatusQuery): string {
  const parameters = new URLSearchParams();
  if (query.provider !== undefined) parameters.set('provider', query.provider);
  if (query.state !== undefined) parameters.set('state', query.state);
  if (query.code !== undefined) parameters.set('code', query.code);
  if (query.text !== '') parameters.set('q', query.text);
  if (query.sort !== DEFAULT_QUERY.sort) parameters.set('sort', query.sort);
  if (query.size !== DEFAULT_QUERY.size) parameters.set('size', String(query.size));
  if (query.page !== DEFAULT_QUERY.page) parameters.set('page', String(query.page));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

function refuse(problem: string): ParsedQuery {
  return { ok: false, problem };
}

function findWord<Word extends string>(
  words: readonly Word[],
  value: string | undefined,
): Word | undefined | 'none of them' {
  if (value === undefined || value === '') return undefined;
  return words.find((word) => word === value) ?? 'none of them';
}

function parseWhole(value: string | undefined, most: number): number | undefined | 'no number' {
  if (value === undefined || value === '') return undefined;
  const number = /^\d{1,7}$/.test(value) ? Number(value) : 0;
  return number >= 1 && number <= most ? number : 'no number';
}
