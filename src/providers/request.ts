/**
 * A token request, from its description: checked when the configuration is read, filled in for each attempt.
 *
 * Guarantee: every value is encoded for its place (path, query, form, JSON, Basic, header), so that a credential is sent
 * byte for byte whatever it holds; the host is the configuration's, or one that `hosts` allows; a value that a header cannot
 * carry is refused.
 */
import { fail, type Result, succeed } from '../core/result.ts';
import type { RequestDescription } from './description.ts';
import type { FaultPath } from './faults.ts';
import { compileJson, describeParts } from './json-template.ts';
import type { Names, Uses } from './names.ts';
import { compileParameters, joinParameters, type Parameter } from './parameters.ts';
import type { TokenRequest } from './provider.ts';
import { responseMalformed } from './response-status.ts';
import { type Scope, Unfillable } from './scope.ts';
import { fillTemplate, literalOf, namesIn, type TemplateParts } from './template.ts';
import { resolveEndpoint } from './token-endpoint.ts';

export interface CompiledRequest {
  /** Names of the credentials, values and saved values that it holds. */
  readonly uses: Uses;
  /** What an earlier request has saved decides the host. */
  readonly isHostSaved: boolean;
  /** For what cannot be sent in its place fails with `credentials-rejected`, or `response-malformed` if it was saved. */
  build(scope: Scope, baseUrl: string): Result<TokenRequest>;
}

interface RequestRules {
  readonly allowSecretInUrl: boolean;
  readonly hosts: readonly string[];
  /** Without one, the URL has to be complete. */
  readonly hasBaseUrl: boolean;
}

/** What an HTTP header can carry without any doubt about its bytes. */
const HEADER_TEXT = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
const NO_HEADER_TEXT = 'a line break, outer space or non-ASCII character, which no header can carry';

export function compileRequest(
  request: RequestDescription,
  path: FaultPath,
  names: Names,
  rules: RequestRules,
): CompiledRequest {
  names.startPart();
  const url = compileUrl(request.url, [...path, 'url'], names, rules);
  const query = compileParameters(request.query, [...path, 'query'], names);
  refuseTwins(request, path, names);
  refuseSecretsInUrl([...url.names, ...query.flatMap((one) => one.names)], path, names, rules);
  const headers = compileParameters(request.headers, [...path, 'headers'], names);
  for (const { key, literal } of headers)
    if (!HEADER_TEXT.test(literal)) names.refuse([...path, 'headers', key], `holds ${NO_HEADER_TEXT}`);
  const basic = compileBasic(request, [...path, 'basic'], names);
  const body = compileBody(request.body, [...path, 'body'], names);
  const uses = names.part;
  const { method } = request;
  const ownHeaders = new Set(headers.map(({ key }) => key.toLowerCase()));

  const fill = (scope: Scope, baseUrl: string): TokenRequest => {
    const address = url.fill(scope, baseUrl);
    address.target.search = joinParameters(query, scope, encodeText);
    const filled = body(scope);
    const own = headers
      .filter(({ isPresent }) => isPresent(scope))
      .map((header) => fillHeader(header, scope));
    const all: Record<string, string> = {
      ...(filled === undefined || ownHeaders.has('content-type') ? {} : { 'content-type': filled.type }),
      ...Object.fromEntries(own),
      ...(basic === undefined ? {} : { authorization: basic(scope) }),
    };
    return {
      method,
      url: address.target,
      shown: `${method} ${address.shown}`,
      headers: all,
      body: filled?.text,
    };
  };

  return {
    uses,
    isHostSaved: url.isHostSaved,
    build: (scope, baseUrl) => {
      try {
        return succeed(fill(scope, baseUrl));
      } catch (error) {
        if (!(error instanceof Unfillable)) throw error;
        const { message } = error;
        // The other side's doing, of which no credential is to blame.
        if (error.names.some((name) => names.kindOf(name) === 'saved'))
          return fail(responseMalformed(message));
        return fail({ code: 'credentials-rejected', retry: 'needs-human', message });
      }
    },
  };
}

function fillHeader({ key, names, what, fill }: Parameter, scope: Scope): readonly [string, string] {
  const value = fill(scope);
  if (scope.isPicture !== true && !HEADER_TEXT.test(value))
    throw new Unfillable(`${what} holds ${NO_HEADER_TEXT}`, names);
  return [key.toLowerCase(), value];
}

interface CompiledUrl {
  /** What the path holds. */
  readonly names: readonly string[];
  readonly isHostSaved: boolean;
  fill(scope: Scope, baseUrl: string): { readonly target: URL; readonly shown: string };
}

/** What URLs leave out of a path, however it is escaped. */
const DOTS = /^(?:\.|%2e){1,2}$/i;

const ABSOLUTE = /^(https?:\/\/[^/?#]*)(.*)$/s;

function compileUrl(
  text: string,
  path: FaultPath,
  names: Names,
  { hosts, hasBaseUrl }: RequestRules,
): CompiledUrl {
  const [, origin, rest = text] = ABSOLUTE.exec(text) ?? [];
  if (origin === undefined && !hasBaseUrl)
    names.refuse(path, 'is a path, and there is no baseUrl', 'https://HOST/PATH, or a baseUrl beside it');
  const restParts = names.template(rest, path);
  // An option may bring them too.
  const literal = literalOf(restParts);
  if (literal.includes('#')) names.refuse(path, 'has a fragment', 'an address without #');
  if (literal.includes('?'))
    names.refuse(
      path,
      'has a query',
      'an address without one: parameters belong below query, which kind http has',
    );
  const originParts = origin === undefined ? undefined : names.template(origin, path);
  for (const part of originParts ?? []) {
    if (typeof part === 'string' || (names.kindOf(part.name) === 'saved' && hosts.length > 0)) continue;
    names.refuse(
      path,
      `the host depends on ${part.name}`,
      'a host that is written here, or an option; what an earlier request has saved only with hosts',
    );
  }
  const isFixed = originParts?.every((part) => typeof part === 'string') ?? false;
  const isHostSaved = originParts !== undefined && !isFixed;
  if (originParts !== undefined && isFixed) checkOrigin(literalOf(originParts), path, names);
  else if (origin?.startsWith('http:') === true)
    for (const host of hosts) checkOrigin(`http://${host}`, path, names);
  else if (originParts !== undefined)
    checkOrigin(
      fillTemplate(originParts, () => 'x'),
      path,
      names,
    );
  const filledIn = namesIn(restParts);
  return {
    names: filledIn,
    isHostSaved,
    fill: (scope, baseUrl) => {
      const filled = fillTemplate(restParts, scope.valueOf, encodeText);
      if (isHostSaved && scope.isPicture === true) {
        const pictured = fillTemplate(originParts, scope.valueOf);
        return {
          target: new URL(`https://saved.invalid${filled}`),
          shown: `${pictured}${templateOf(restParts)}`,
        };
      }
      const base = originParts === undefined ? baseUrl : fillTemplate(originParts, scope.valueOf);
      if (isHostSaved) verifyHost(originParts, scope, base, hosts);
      if (filledIn.length > 0 && filled.split('/').some((segment) => DOTS.test(segment)))
        throw new Unfillable(
          `${filledIn.join(' and ')} would be a step up in the path of the address`,
          filledIn,
        );
      const target = resolveEndpoint(base, filled);
      // The template, so that no message shows what was filled in.
      return { target, shown: resolveShown(target, base, restParts) };
    },
  };
}

function resolveShown(target: URL, base: string, parts: TemplateParts): string {
  if (namesIn(parts).length === 0) return `${target.origin}${target.pathname}`;
  return `${target.origin}${new URL(base).pathname.replace(/\/+$/, '')}${templateOf(parts)}`;
}

function templateOf(parts: TemplateParts): string {
  return parts.map((part) => (typeof part === 'string' ? part : `{${part.name}}`)).join('');
}

function checkOrigin(origin: string, path: FaultPath, names: Names): void {
  try {
    resolveEndpoint(origin, '/');
  } catch {
    names.refuse(
      path,
      'is no address that credentials may be sent to',
      'https, or http for loopback hosts, without credentials in it',
    );
  }
}

/** No user, port, path or query that a server has chosen, and no host but those that are listed. */
function verifyHost(
  parts: TemplateParts,
  { valueOf }: Scope,
  origin: string,
  hosts: readonly string[],
): void {
  const names = namesIn(parts);
  const what = names.join(' and ');
  if (names.some((name) => !/^[A-Za-z0-9.-]+$/.test(valueOf(name))))
    throw new Unfillable(`${what}, saved by an earlier request, is no name of a host`, names);
  const host = URL.parse(origin)?.hostname;
  if (host === undefined || !hosts.includes(host))
    throw new Unfillable(`${what}, saved by an earlier request, is a host that hosts does not list`, names);
}

/** `expect` and `upgrade` ask for answers that are none to the request. */
const MADE_BY_HTTP: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'expect',
]);

/** Two headers of the same name in different case, or one that Basic makes. */
function refuseTwins({ headers, basic }: RequestDescription, path: FaultPath, names: Names): void {
  const seen = new Set(basic === undefined ? [] : ['authorization']);
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    const refuse = (text: string, allowed: string): void =>
      names.refuse([...path, 'headers', name], text, allowed, { target: 'key' });
    if (seen.has(lower)) refuse('stands here twice', 'each header once, and no authorization beside basic');
    if (MADE_BY_HTTP.has(lower)) refuse('is made by HTTP itself', 'other headers');
    seen.add(lower);
  }
}

/** @param shown names in path and query; what may stand in the host `hosts` says */
function refuseSecretsInUrl(
  shown: readonly string[],
  path: FaultPath,
  names: Names,
  { allowSecretInUrl }: RequestRules,
): void {
  if (allowSecretInUrl) return;
  const secret = shown.find((name) => names.isSecret(name));
  if (secret === undefined) return;
  names.refuse(
    [...path, 'url'],
    `the address holds the credential ${secret}, and proxies and servers log addresses`,
    'credentials in headers or body, or allowSecretInUrl: true where the API wants nothing else',
  );
}

function compileBasic(
  { basic }: RequestDescription,
  path: FaultPath,
  names: Names,
): ((scope: Scope) => string) | undefined {
  if (basic === undefined) return undefined;
  const user = names.template(basic.user, [...path, 'user']);
  const password = names.template(basic.password, [...path, 'password']);
  const isForm = basic.encoding === 'form';
  const encode = isForm ? encodeFormText : (text: string): string => text;
  return ({ valueOf, isPicture }) => {
    if (isPicture === true) return `Basic ${fillTemplate(user, valueOf)}:${fillTemplate(password, valueOf)}`;
    const name = encode(fillTemplate(user, valueOf));
    const secret = encode(fillTemplate(password, valueOf));
    // RFC 7617, 2: the first colon ends the name, and neither part holds control characters.
    if (name.includes(':'))
      throw new Unfillable(
        `${describeParts(user)} holds a colon, which a user name in Basic cannot`,
        namesIn(user),
      );
    if (/\p{Cc}/u.test(name + secret))
      throw new Unfillable(
        `${describeParts([...user, ...password])} holds a line break or control character, which Basic cannot carry`,
        namesIn([...user, ...password]),
      );
    return `Basic ${Buffer.from(`${name}:${secret}`, 'utf8').toString('base64')}`;
  };
}

interface FilledBody {
  readonly type: string;
  readonly text: string;
}

function compileBody(
  body: RequestDescription['body'],
  path: FaultPath,
  names: Names,
): (scope: Scope) => FilledBody | undefined {
  if (body === 'none') return () => undefined;
  const given = Object.keys(body).filter((key) => ['json', 'form', 'text'].includes(key));
  if (given.length !== 1)
    names.refuse(
      path,
      given.length === 0 ? 'holds nothing to send' : `found ${given.join(' and ')}, which exclude each other`,
      'one of json, form and text, or none',
    );
  if (body.form !== undefined) {
    const fields = compileParameters(body.form, [...path, 'form'], names);
    return (scope) => ({
      type: 'application/x-www-form-urlencoded',
      text: joinParameters(fields, scope, encodeFormText),
    });
  }
  if (body.text !== undefined) {
    const parts = names.template(body.text, [...path, 'text']);
    return ({ valueOf }) => ({ type: 'text/plain; charset=utf-8', text: fillTemplate(parts, valueOf) });
  }
  const json = compileJson(body.json, [...path, 'json'], names);
  return (scope) => ({ type: 'application/json', text: JSON.stringify(json(scope)) });
}

/** For a part of a path or query: all but the unreserved characters of RFC 3986 is escaped. */
function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `application/x-www-form-urlencoded`, as RFC 6749 (appendix B) has it. */
export function encodeFormText(text: string): string {
  return encodeText(text).replaceAll('%20', '+');
}
