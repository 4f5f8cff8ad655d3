/** How a successful answer is read: where its token is, when it ends, the refresh token, further fields. */

import { type Failed, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { MAX_FIELD_LENGTH, MAX_FIELDS } from '../core/token/document.ts';
import type { FetchedToken, RefreshTokenGrant } from '../core/token/token.ts';
import type { JsonObject } from '../core/wire/json.ts';
import { isJsonObject } from '../core/wire/json.ts';
import { type AnswerPath, parentAt, valueAt } from './answer-path.ts';
import {
  type Answer,
  asText,
  compileCondition,
  compileFinder,
  compilePath,
  isNothing,
  matchesStatus,
  type Test,
} from './condition.ts';
import type { Description, ExpiryRule, TokenPlace } from './description.ts';
import type { FaultPath, Refuse } from './faults.ts';
import type { Explained, RequestContext } from './provider.ts';
import { isSuccessStatus } from './response-status.ts';
import {
  type AnswerField,
  acceptToken,
  notAnObject,
  type RefreshTokenFields,
  salvageRefresh,
  shows,
} from './token-answer.ts';

type Success = NonNullable<Description['success']>;

/** What a success is: what is said, or 2xx by default. `undefined`: nothing is said of more than the status. */
export function compileSuccess(
  success: Success | undefined,
  path: FaultPath,
  refuse: Refuse,
): { readonly hasStatus: Test; readonly holds: Test | undefined } {
  if (success === undefined)
    return { hasStatus: ({ response }) => isSuccessStatus(response.status), holds: undefined };
  const { status, all, any } = success;
  return {
    hasStatus: ({ response }) => status.some((each) => matchesStatus(response.status, each)),
    holds: (all ?? any) === undefined ? undefined : compileCondition({ all, any }, path, refuse),
  };
}

export interface TokenReader {
  /** The access token as the answer has it, of any type. */
  findToken(answer: Answer): unknown;
  /** Of an answer in which the token cannot be: no JSON object (or list, if its path begins so) where it has a path. */
  refuseUnreadable(answer: Answer): Failed | undefined;
  accept(answer: Answer, context: RequestContext, secrets: readonly SecretText[]): Result<FetchedToken>;
  /** What lies in the places that are described. */
  explain(answer: Answer): readonly Explained[];
  salvage(answer: Answer): RefreshTokenGrant | undefined;
}

export function compileTokenReader(
  description: Description,
  documentedLifetimeSeconds: number,
  refuse: Refuse,
): TokenReader {
  const place = compilePlace(description.token, ['token'], refuse);
  const { scheme } = description;
  const schemePath = typeof scheme === 'string' ? undefined : compilePath(scheme.path);
  // As it is written: `none`, and `O-Bearer`, which is another word than Bearer to its API.
  const fixedScheme = typeof scheme === 'string' ? scheme : undefined;
  const expiries = description.expiry.flatMap((rule, index) =>
    compileExpiry(rule, ['expiry', index], refuse),
  );
  const ttlMs = description.expiry.map(({ ttl }) => ttl).find((ttl) => ttl !== undefined);
  const refresh = compileRefresh(description.refresh, refuse);
  const publish = Object.entries(description.publish).map(([name, path]) => ({
    name,
    path: compilePath(path),
  }));
  for (const { name, path } of publish)
    if (SECRET_NAME.test(path.steps.findLast((step) => typeof step === 'string') ?? ''))
      refuse(
        ['publish', name],
        'is a token or secret by its name',
        'fields that readers may log; the access token is in the document already',
      );
  if (publish.length > MAX_FIELDS)
    refuse(['publish'], `found ${publish.length} fields`, `at most ${MAX_FIELDS}`);
  const known = {
    documentedLifetimeSeconds: ttlMs === undefined ? documentedLifetimeSeconds : ttlMs / 1000,
    isSilent: ttlMs !== undefined && expiries.length === 0,
  };

  return {
    findToken: (answer) => place.find(answer),
    refuseUnreadable: (answer) => (place.canHold(answer) ? undefined : notAnObject(answer.response)),
    explain: (answer) => [
      { what: 'token', found: `in ${place.name}: ${kindOf(place.find(answer))}` },
      ...expiries.map((read) => {
        const { field, found } = read(answer);
        return { what: 'expiry', found: `in ${field}: ${kindOf(found)}` };
      }),
      ...(refresh === undefined ? [] : [{ what: 'refresh token', found: kindOf(refresh(answer).token) }]),
    ],
    accept: (answer, context, secrets) => {
      const [expiry = UNSTATED, ...otherExpiries] = orderExpiries(expiries.map((read) => read(answer)));
      const refreshFields = refresh?.(answer);
      const accepted = acceptToken(answer.response, context, {
        accessToken: { field: place.name, value: place.find(answer) },
        tokenType: schemePath === undefined ? undefined : valueAt(answer.json, schemePath),
        expiry,
        otherExpiries,
        beside: place.beside(answer),
        ...known,
        refresh: refreshFields,
        secrets,
      });
      if (!accepted.ok) return accepted;
      const { value } = accepted;
      const isMissed = description.refresh?.rotates === 'always' && value.refreshToken === undefined;
      const token = {
        ...value,
        tokenType: fixedScheme ?? value.tokenType,
        notes: isMissed ? [...value.notes, NO_NEXT] : value.notes,
      };
      if (publish.length === 0) return succeed(token);
      const found = readFields(answer, publish, [...secrets, ...secretsOf(token)]);
      return succeed({ ...token, fields: found.fields, notes: [...token.notes, ...found.notes] });
    },
    salvage: (answer) => salvageRefresh(answer.response, refresh?.(answer)),
  };
}

const NO_NEXT =
  'without a next refresh token, though there should always be one: the present one may be spent';

/** Where nothing is described: what an answer says of the expiry under any usual name counts anyway. */
const UNSTATED: AnswerField = { field: 'expires_in', value: undefined };

/** What is there comes first: what is described first has to be right where it is there. */
function orderExpiries(fields: readonly AnswerField[]): readonly AnswerField[] {
  const isThere = ({ value }: AnswerField): boolean => !isNothing(value);
  return [...fields.filter(isThere), ...fields.filter((field) => !isThere(field))];
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  return typeof value === 'string'
    ? `text of ${value.length}`
    : Array.isArray(value)
      ? 'a list'
      : typeof value;
}

interface Place {
  /** For messages: `data.token`, `the header authorization`. */
  readonly name: string;
  /** False for an answer that is no JSON, or neither object nor list, where the path of the token begins in one. */
  canHold(answer: Answer): boolean;
  find(answer: Answer): unknown;
  /** What stands beside the token. */
  beside(answer: Answer): JsonObject;
}

function compilePlace(token: TokenPlace, path: FaultPath, refuse: Refuse): Place {
  const given = Object.keys(token);
  if (given.length !== 1)
    refuse(
      path,
      given.length === 0 ? 'names no place' : `found ${given.join(' and ')}, which exclude each other`,
      'one of path, header, cookie and body',
    );
  const root = ({ object }: Answer): JsonObject => object ?? {};
  if (token.header !== undefined) {
    const name = token.header.toLowerCase();
    return {
      name: `the header ${name}`,
      canHold: () => true,
      find: ({ response }) => response.headers.get(name),
      beside: root,
    };
  }
  if (token.cookie !== undefined) {
    const { cookie } = token;
    return {
      name: `the cookie ${cookie}`,
      canHold: () => true,
      find: ({ response }) => readCookie(response.headers.get('set-cookie'), cookie),
      beside: root,
    };
  }
  if (token.body !== undefined)
    return {
      name: 'the body',
      canHold: () => true,
      find: ({ response }) => response.body.reveal(),
      beside: () => ({}),
    };
  const where: AnswerPath = compilePath(token.path ?? 'access_token');
  return {
    name: where.text,
    canHold: ({ json, object }) =>
      typeof where.steps[0] === 'number' ? Array.isArray(json) : object !== undefined,
    find: ({ json }) => valueAt(json, where),
    beside: ({ json }) => {
      const parent = parentAt(json, where);
      return isJsonObject(parent) ? parent : {};
    },
  };
}

function readCookie(lines: string | undefined, name: string): string | undefined {
  for (const line of (lines ?? '').split('\n')) {
    const [pair = ''] = line.split(';', 1);
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

function compileExpiry(
  rule: ExpiryRule,
  path: FaultPath,
  refuse: Refuse,
): readonly ((answer: Answer) => AnswerField & { readonly found: unknown })[] {
  const given = [rule.path, rule.header, rule.jwt, rule.ttl].filter((value) => value !== undefined).length;
  if (given !== 1)
    refuse(path, given === 0 ? 'names no place' : 'names several places', 'one of path, header, jwt and ttl');
  const { as, zone } = rule;
  if (zone !== undefined && as !== 'iso')
    refuse(
      [...path, 'zone'],
      `says nothing of ${as}`,
      'zone beside as: iso, whose time may be written without one',
    );
  const field = rule.path ?? (rule.header === undefined ? undefined : `header ${rule.header.toLowerCase()}`);
  if (field === undefined) return [];
  const find = compileFinder(rule);
  return [
    (answer) => {
      const found = find(answer);
      return { field, found, value: readAs(found, as, zone) };
    },
  ];
}

/** Not an expiry in any form: it is reported as such, and ignored. */
const UNUSABLE = Object.freeze({});

/** A value in a form that the common reader of expiries understands as what it is. */
function readAs(value: unknown, as: ExpiryRule['as'], zone: string | undefined): unknown {
  const text = asText(value);
  if (text === undefined) return value;
  switch (as) {
    case 'minutes':
      return scaled(text, 60);
    case 'milliseconds':
      return scaled(text, 1 / 1000);
    case 'epoch-seconds':
    case 'epoch-milliseconds':
      // Smaller ones would be taken for a lifetime.
      return text === '' || Number(text) > (as === 'epoch-seconds' ? 1e9 : 1e12) ? value : UNUSABLE;
    case 'iso':
      return zone !== undefined && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(text)
        ? `${text.replace(' ', 'T')}${zone}`
        : value;
    default:
      return value;
  }
}

/** No token lives so long; more digits are no duration. */
const ABSURD_S = 999_999_999_999;

function scaled(text: string, factor: number): unknown {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number)) return text === '' ? text : UNUSABLE;
  // With its unit, or a long one would be taken for milliseconds; in digits, which alone are a duration.
  return number > 0 ? `${Math.min(number * factor, ABSURD_S).toFixed(3)}s` : number;
}

function compileRefresh(
  refresh: Description['refresh'],
  refuse: Refuse,
): ((answer: Answer) => RefreshTokenFields) | undefined {
  if (refresh === undefined) return undefined;
  const { token, expiry, ttl } = refresh;
  if ((token.path === undefined) === (token.header === undefined))
    refuse(['refresh', 'token'], 'names no place, or two', 'one of path and header');
  const findToken = compileFinder(token);
  const findExpiry = compileFinder(expiry ?? {});
  return (answer) => {
    const stated = readAs(findExpiry(answer), expiry?.as ?? 'auto', undefined);
    return {
      token: findToken(answer),
      expiry:
        isNothing(stated) || Number(stated) === 0
          ? { field: 'refresh.ttl', value: ttl === undefined ? undefined : ttl / 1000 }
          : { field: expiry?.path ?? 'refresh.expiry', value: stated },
    };
  };
}

const FIELD_TEXT = /^[^\p{Cc}]+$/u;

function secretsOf({ accessToken, refreshToken }: FetchedToken): readonly SecretText[] {
  return refreshToken === undefined ? [accessToken] : [accessToken, refreshToken];
}

/** What is never for readers, by the name that it has in answers. */
const SECRET_NAME = /(?:^|[^a-z])(?:refresh|access|id)[-_]?token$|secret|password/i;

/** Further fields for readers, none of which is a secret. */
function readFields(
  { toExactJson }: Answer,
  publish: readonly { readonly name: string; readonly path: AnswerPath }[],
  secrets: readonly SecretText[],
): { readonly fields: Readonly<Record<string, string>>; readonly notes: readonly string[] } {
  const fields: Record<string, string> = {};
  const notes: string[] = [];
  const json = toExactJson();
  for (const { name, path } of publish) {
    const text = asText(valueAt(json, path));
    if (text === undefined || text === '') notes.push(`nothing to publish as ${name} in ${path.text}`);
    else if (text.length > MAX_FIELD_LENGTH || !FIELD_TEXT.test(text))
      notes.push(`${path.text} is too long or holds control characters, and is not published as ${name}`);
    else if (secrets.some((secret) => shows(text, secret)))
      notes.push(`${path.text} holds a credential or token, and is not published as ${name}`);
    else fields[name] = text;
  }
  return { fields, notes };
}
