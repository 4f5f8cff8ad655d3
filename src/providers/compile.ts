/**
 * A description becomes a kind: checked when the configuration is read, every name known and used, every value legal in
 * its place; a fetch only fills it in.
 */

import type { Credentials } from '../core/credential/credential-reading.ts';
import type { Random } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token/token.ts';
import { recogniseCode } from '../core/wire/recognised-text.ts';
import { formatMoment, formatPeriod } from '../core/wire/time-text.ts';
import { type AnswerPath, valueAt } from './answer-path.ts';
import { usableRefreshToken } from './chain.ts';
import { type Answer, compilePath, isNothing, readAnswer } from './condition.ts';
import { requireCredential } from './credential-value.ts';
import type { Description } from './description.ts';
import { describeShape } from './explanation.ts';
import { compileFailures, type FailureReader, type PresentedRequest } from './failure.ts';
import type { Fault, FaultPath } from './faults.ts';
import { Names } from './names.ts';
import type { ShortForm } from './oauth2.ts';
import type {
  Configured,
  CredentialFields,
  Explained,
  PreparedKind,
  RequestContext,
  TokenAttempt,
  TokenRequest,
  TokenResponse,
} from './provider.ts';
import { type CompiledRequest, compileRequest } from './request.ts';
import { responseMalformed } from './response-status.ts';
import { type Scope, Unfillable } from './scope.ts';
import { compileSuccess, compileTokenReader, type TokenReader } from './token-reader.ts';
import { type CompiledValue, type ComputeValue, compileValue } from './values.ts';

export interface CompileInput {
  readonly description: Description;
  /** Texts of options by name. */
  readonly options: ReadonlyMap<string, string>;
  /** Shared by all tokens of the provider. */
  readonly credentials: CredentialFields;
  /** Of each customer; `undefined` without customers; `any`: whatever is named and not among the others. */
  readonly customerCredentials: CredentialFields | 'any' | undefined;
  /** Names that no text uses because the program does. */
  readonly usedElsewhere?: readonly string[];
  readonly documentedLifetimeSeconds: number;
  readonly baseUrl: string | undefined;
  readonly settingsToCheck?: ShortForm['settingsToCheck'] | undefined;
}

/** `refreshToken` of a chain: the newest one, or the seed among the credentials. */
const REFRESH_TOKEN = 'refreshToken';

/** Forms of values that what they were computed from can be read from. */
const READABLE: ReadonlySet<string> = new Set(['text', 'base64', 'base64url', 'hex', 'sorted', 'jwt']);

export function compile(input: CompileInput): Configured {
  const { description, options, credentials } = input;
  const listed = input.customerCredentials === 'any' ? {} : (input.customerCredentials ?? {});
  const names = new Names(options, { acceptsUnknown: input.customerCredentials === 'any' });
  const { faults, refuse } = names;
  const chain = description.refresh;
  if (chain !== undefined) names.declare(REFRESH_TOKEN, 'refreshToken', ['refresh']);
  if (input.customerCredentials !== undefined) names.declare('customer', 'customer', ['customers']);
  for (const name of Object.keys({ ...credentials, ...listed }))
    if (name !== REFRESH_TOKEN || chain === undefined)
      names.declare(name, 'credential', ['credentials', name]);

  const later = [description.values, ...description.steps.map(({ save }) => save)].flatMap(Object.keys);
  names.announce(later);
  const values = Object.entries(description.values).map(([name, node]) => {
    names.startPart();
    const value = compileValue(name, node, ['values', name], names);
    const isOfChance = 'now' in node || 'random' in node;
    const isReadable = READABLE.has(Object.keys(node)[0] ?? '');
    names.declare(name, 'value', ['values', name]);
    names.noteValue(name, { isReadable, isOfChance });
    return { ...value, isSecret: !isOfChance };
  });

  const rules = {
    allowSecretInUrl: description.allowSecretInUrl,
    hosts: description.hosts,
    hasBaseUrl: input.baseUrl !== undefined,
  };
  const steps = description.steps.map((step, index): CompiledStep => {
    const request = compileRequest(step, ['steps', index], names, rules);
    const success = compileSuccess(step.success, ['steps', index, 'success'], refuse);
    const save = Object.entries(step.save).map(([name, path]) => {
      names.declare(name, 'saved', ['steps', index, 'save', name]);
      return { name, path: compilePath(path) };
    });
    return { request, success, save };
  });
  const base = compileRequest(description.request, ['request'], names, rules);
  const refreshRequest =
    chain?.request === undefined
      ? undefined
      : compileRequest(chain.request, ['refresh', 'request'], names, rules);
  const beginning = [...steps.map(({ request }) => request), base];
  const requests = refreshRequest === undefined ? beginning : [...beginning, refreshRequest];
  // Nothing else begins the chain.
  const needsRefreshToken = beginning.some(({ uses }) => uses.needed.has(REFRESH_TOKEN));
  const isGiven = Object.hasOwn({ ...credentials, ...listed }, REFRESH_TOKEN);
  const seedOfCustomers =
    chain !== undefined && input.customerCredentials === 'any' && !isGiven ? [REFRESH_TOKEN] : [];
  if (chain !== undefined && needsRefreshToken && !isGiven && seedOfCustomers.length === 0)
    refuse(
      ['refresh'],
      'the base request presents a refresh token, and there is none to begin with',
      'refreshToken among the credentials, or { optional: refreshToken } in the base request',
      { needsWhole: true },
    );
  // While a refresh token is held no step is taken.
  const saved = [...(refreshRequest?.uses.used ?? [])].find((name) => names.kindOf(name) === 'saved');
  if (saved !== undefined)
    refuse(
      ['refresh', 'request'],
      `needs ${saved}, which is not there: steps come before the base request alone`,
      'credentials, values and the refresh token',
    );
  if (chain !== undefined && !requests.some(({ uses }) => uses.used.has(REFRESH_TOKEN)))
    refuse(
      ['refresh'],
      'no request presents the refresh token',
      'a request below refresh, or ${refreshToken} in the base request',
      { needsWhole: true },
    );
  if (description.hosts.length > 0 && !requests.some(({ isHostSaved }) => isHostSaved))
    refuse(['hosts'], 'is used nowhere', 'an address whose host a step has saved, or no hosts', {
      target: 'key',
      needsWhole: true,
    });
  reportUnused(input, listed, names);
  const success = compileSuccess(description.success, ['success'], refuse);
  const reader = compileTokenReader(description, input.documentedLifetimeSeconds, refuse);
  const failures = compileFailures(description, refuse);
  if (faults.length > 0) return { ok: false, faults: withoutTwins(faults) };

  const isLeftOut = (name: string): boolean =>
    name === REFRESH_TOKEN && chain !== undefined ? !needsRefreshToken : !names.all.needed.has(name);
  const ofCustomers = input.customerCredentials === 'any' ? [...names.accepted, ...seedOfCustomers] : [];
  const named = { ...listed, ...Object.fromEntries(ofCustomers.map((name) => [name, { description: '' }])) };
  const customerCredentials: CredentialFields = Object.fromEntries(
    Object.entries(named).map(([name, field]) => [
      name,
      isLeftOut(name) ? { ...field, optional: true } : field,
    ]),
  );
  const required = [...Object.entries(credentials), ...Object.entries(customerCredentials)].flatMap(
    ([name, { optional }]) => (optional === true ? [] : [name]),
  );
  const shared: Shared = {
    steps,
    base,
    refreshRequest,
    requests,
    hasChain: chain !== undefined,
    success,
    reader,
    failures,
    fixedScheme: typeof description.scheme === 'string' ? description.scheme : undefined,
    secretValues: new Set([
      ...values.flatMap(({ name, isSecret }) => (isSecret ? [name] : [])),
      ...steps.flatMap(({ save }) => save.map(({ name }) => name)),
    ]),
    credentialNames: [...new Set(required)],
    settingsToCheck: input.settingsToCheck,
  };
  return {
    ok: true,
    configured: {
      hasChain: chain !== undefined,
      chainFallback:
        chain === undefined || chain.whenRefused === 'needs-human' || needsRefreshToken
          ? 'none'
          : 'start-again',
      reissue: description.reissue,
      notBeforeExpiryMs: description.notBeforeExpiry ?? 0,
      baseUrl: input.baseUrl ?? originOf(description.request.url),
      customerCredentials,
      prepare: (given) => prepare(given, values, shared),
      picture: (baseUrl) => picture(shared, baseUrl),
      explain: (response, nowMs, lifetimeMs) =>
        // Of an answer that was recorded nobody knows what was presented.
        new DescribedAttempt({ ...shared, steps: [] }, new Map(), {
          nowMs,
          lifetimeMs,
          random: NO_CHANCE,
          chain: undefined,
          baseUrl: '',
        }).explain(response),
    },
  };
}

/** Nothing is built with it. */
const NO_CHANCE: Random = { next: () => 0, uuid: () => '' };

function originOf(url: string): string | undefined {
  return URL.parse(url)?.origin;
}

function listNames(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' and ');
}

function reportUnused(
  { description, credentials, usedElsewhere = [] }: CompileInput,
  customerCredentials: CredentialFields,
  names: Names,
): void {
  const report = (section: FaultPath, declared: object, instead: string): void => {
    for (const name of Object.keys(declared))
      if (!names.all.used.has(name) && !usedElsewhere.includes(name))
        names.refuse([...section, name], 'is used nowhere', `\${${name}} in a ${instead}`, {
          target: 'key',
          unused: name,
          needsWhole: true,
        });
  };
  report(['values'], description.values, 'text, or no such value');
  report(['credentials'], { ...credentials, ...customerCredentials }, 'text, or no such credential');
  for (const [index, { save }] of description.steps.entries())
    report(['steps', index, 'save'], save, 'later text');
}

function withoutTwins(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify([fault.path, fault.text]), fault])).values()];
}

interface CompiledStep {
  readonly request: CompiledRequest;
  readonly success: ReturnType<typeof compileSuccess>;
  readonly save: readonly { readonly name: string; readonly path: ReturnType<typeof compilePath> }[];
}

interface Shared {
  readonly steps: readonly CompiledStep[];
  readonly base: CompiledRequest;
  readonly refreshRequest: CompiledRequest | undefined;
  /** All of these. */
  readonly requests: readonly CompiledRequest[];
  readonly hasChain: boolean;
  readonly success: ReturnType<typeof compileSuccess>;
  readonly reader: TokenReader;
  readonly failures: FailureReader;
  /** Computed or saved ones. */
  readonly secretValues: ReadonlySet<string>;
  /** The configuration's word before the token; `undefined`: the answer says it. */
  readonly fixedScheme: string | undefined;
  /** Those that nothing can do without. */
  readonly credentialNames: readonly string[];
  readonly settingsToCheck: CompileInput['settingsToCheck'];
}

function prepare(
  credentials: Credentials,
  values: readonly CompiledValue[],
  shared: Shared,
): Result<PreparedKind> {
  for (const name of shared.credentialNames) {
    const given = requireCredential(credentials, name);
    if (!given.ok) return given;
  }
  const computations: (readonly [string, ComputeValue])[] = [];
  for (const { name, prepare: prepareValue } of values) {
    const prepared = prepareValue(credentials);
    if (!prepared.ok) return prepared;
    computations.push([name, prepared.value]);
  }
  return succeed({
    begin: async (context) => {
      const attempt = new DescribedAttempt(shared, credentials, context);
      const computed = await attempt.compute(computations);
      return computed.ok ? succeed(attempt) : computed;
    },
  });
}

const CERTIFICATE = 'tls.certificate';

class DescribedAttempt implements TokenAttempt {
  readonly #shared: Shared;
  readonly #credentials: Credentials;
  readonly #context: RequestContext;
  readonly #spent: SecretText | undefined;
  readonly #computed = new Map<string, string>();
  readonly #scope: Scope;
  /** How many steps. */
  #taken = 0;

  constructor(shared: Shared, credentials: Credentials, context: RequestContext) {
    this.#shared = shared;
    this.#credentials = credentials;
    this.#context = context;
    // The seed among the credentials is the managed token's to choose: after a start without one it must not come again.
    this.#spent = shared.hasChain ? usableRefreshToken(context) : undefined;
    this.#scope = {
      valueOf: (name) => requireWellFormed(name, this.#find(name) ?? ''),
      isPresent: (name) => (this.#find(name) ?? '') !== '',
    };
  }

  async compute(computations: readonly (readonly [string, ComputeValue])[]): Promise<Result<void>> {
    try {
      for (const [name, computeValue] of computations)
        this.#computed.set(name, await computeValue(this.#scope, this.#context));
      return succeed(undefined);
    } catch (error) {
      if (!(error instanceof Unfillable)) throw error;
      return fail({ code: 'credentials-rejected', retry: 'needs-human', message: error.message });
    }
  }

  #find(name: string): string | undefined {
    if (name === REFRESH_TOKEN && this.#shared.hasChain) return this.#spent?.reveal();
    if (name === 'customer') return this.#context.customer;
    return this.#computed.get(name) ?? this.#credentials.get(name)?.reveal();
  }

  /** While a refresh token is held: no step is taken then. */
  get #refreshRequest(): CompiledRequest | undefined {
    return this.#spent === undefined ? undefined : this.#shared.refreshRequest;
  }

  /** `undefined`: the request for the token is next. */
  get #step(): CompiledStep | undefined {
    return this.#refreshRequest === undefined ? this.#shared.steps[this.#taken] : undefined;
  }

  get #request(): CompiledRequest {
    return this.#refreshRequest ?? this.#step?.request ?? this.#shared.base;
  }

  get presentsRefreshToken(): boolean {
    return this.#spent !== undefined && this.#request.uses.used.has(REFRESH_TOKEN);
  }

  request(): Result<TokenRequest> {
    return this.#request.build(this.#scope, this.#context.baseUrl);
  }

  take(response: TokenResponse): Result<FetchedToken | 'next'> {
    const answer = readAnswer(response);
    const step = this.#step;
    return step === undefined ? this.#readToken(answer) : this.#save(answer, step);
  }

  salvageRefreshToken(response: TokenResponse): ReturnType<TokenAttempt['salvageRefreshToken']> {
    const answer = readAnswer(response);
    const isLast = this.#step === undefined;
    return isLast && this.#isSuccess(answer) ? this.#shared.reader.salvage(answer) : undefined;
  }

  explain(response: TokenResponse): readonly Explained[] {
    const answer = readAnswer(response);
    const shape = {
      what: 'answer',
      found: `${response.status}, ${describeShape(answer, this.#presented.secrets)}`,
    };
    if (this.#step !== undefined) return [shape];
    const { reader, failures } = this.#shared;
    const isSuccess = this.#isSuccess(answer);
    const found = [shape, { what: 'success', found: isSuccess ? 'yes' : 'no' }, ...reader.explain(answer)];
    const result = this.#readToken(answer);
    if (!result.ok) {
      const rule = failures.ruleFor(answer);
      return [
        ...found,
        { what: 'error rule', found: rule === undefined ? 'none applies' : `errors[${rule}]` },
        { what: 'failure', found: `${result.failure.code}: ${result.failure.message}` },
      ];
    }
    const { value } = result;
    const livesMs = value.expiresInSeconds * 1000;
    return [
      ...found,
      {
        what: 'authorization',
        found: value.tokenType === 'none' ? 'the token alone' : `${this.#showScheme(value)} and the token`,
      },
      {
        what: 'lives',
        found: `${formatPeriod(livesMs)}, until ${formatMoment(value.expiresAtMs, value.expiresAtMs - livesMs)}`,
      },
      ...Object.keys(value.fields).map((name) => ({
        what: `published ${name}`,
        found: `text of ${value.fields[name]?.length ?? 0}`,
      })),
      ...value.notes.map((note) => ({ what: 'note', found: note })),
    ];
  }

  /** An answer may hold anything in the place of a word. */
  #showScheme({ tokenType }: FetchedToken): string {
    const isKnown =
      tokenType === this.#shared.fixedScheme ||
      recogniseCode(tokenType, this.#presented.secrets) !== undefined;
    return isKnown ? tokenType : `a word of ${tokenType.length}`;
  }

  #readToken(answer: Answer): Result<FetchedToken> {
    const { reader, success, failures } = this.#shared;
    const unreadable = success.hasStatus(answer) ? reader.refuseUnreadable(answer) : undefined;
    if (unreadable !== undefined) return unreadable;
    const isWithoutToken = isNothing(reader.findToken(answer));
    if (
      !this.#isSuccess(answer) ||
      (isWithoutToken && (failures.ruleFor(answer) !== undefined || failures.statesFailure(answer)))
    )
      return fail(failures.classify(answer, this.#presented));
    return reader.accept(answer, this.#context, this.#presented.secrets);
  }

  /** Where nothing is described, a token counts more than what is said beside it. */
  #isSuccess(answer: Answer): boolean {
    const { success, reader, failures } = this.#shared;
    if (!success.hasStatus(answer)) return false;
    if (success.holds !== undefined) return success.holds(answer);
    return !isNothing(reader.findToken(answer)) || !failures.statesFailure(answer);
  }

  #save(answer: Answer, { success, save }: CompiledStep): Result<'next'> {
    const { failures } = this.#shared;
    const json = answer.toExactJson();
    const texts = save.map(({ name, path }) => ({ name, path, text: textAt(json, path) }));
    const isError = failures.ruleFor(answer) !== undefined || failures.statesFailure(answer);
    if (
      !success.hasStatus(answer) ||
      success.holds?.(answer) === false ||
      (isError && texts.some(({ text }) => text === undefined))
    )
      return fail(failures.classify(answer, this.#presented));
    const answered = `${answer.response.call} answered ${answer.response.status}`;
    for (const { name, path, text } of texts) {
      if (text === undefined)
        return fail(
          responseMalformed(`${answered} without ${path.text}, which is needed for the next request`),
        );
      this.#computed.set(name, text);
    }
    this.#taken += 1;
    return succeed('next');
  }

  get #presented(): PresentedRequest {
    const { secretValues, credentialNames, settingsToCheck } = this.#shared;
    const { used } = this.#request.uses;
    const computed = [...this.#computed].flatMap(([name, text]) =>
      secretValues.has(name) ? [new SecretText(text)] : [],
    );
    return {
      secrets: [
        ...this.#credentials.values(),
        ...(this.#spent === undefined ? [] : [this.#spent]),
        ...computed,
      ],
      credentialNames: [
        // A server that knows its clients by their certificates refuses those in the same words.
        listNames([...credentialNames, ...(this.#credentials.has(CERTIFICATE) ? [CERTIFICATE] : [])]) ||
          'the credentials',
        ...(settingsToCheck?.(this.#credentials) ?? []),
      ].join(', and '),
      hasSpentRefreshToken: this.presentsRefreshToken,
      isRefreshTokenAlone: this.presentsRefreshToken && used.size === 1,
    };
  }
}

/** Half of a surrogate pair, which JSON can escape, has no bytes in UTF-8: another text would be sent. */
function requireWellFormed(name: string, text: string): string {
  if (!text.isWellFormed())
    throw new Unfillable(`${name} holds half of a character (a lone surrogate), which cannot be sent`, [
      name,
    ]);
  return text;
}

/** Of a text, number or boolean, as it is written there; `undefined` for all else, nothing and half a character. */
function textAt(json: unknown, path: AnswerPath): string | undefined {
  const value = valueAt(json, path);
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  return typeof text === 'string' && text !== '' && text.isWellFormed() ? text : undefined;
}

function picture({ requests }: Shared, baseUrl: string): readonly TokenRequest[] {
  const scope: Scope = { valueOf: (name) => `‹${name}›`, isPresent: () => true, isPicture: true };
  return requests.flatMap((request) => {
    const filled = request.build(scope, baseUrl);
    return filled.ok ? [filled.value] : [];
  });
}
