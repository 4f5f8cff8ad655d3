/** One attempt at a token by a description that has been compiled: which request is next, and what its answer brings. */

import type { Credentials } from '../core/credential/credential-reading.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token/token.ts';
import { recogniseCode } from '../core/wire/recognised-text.ts';
import { formatMoment, formatPeriod } from '../core/wire/time-text.ts';
import { type AnswerPath, valueAt } from './answer-path.ts';
import { usableRefreshToken } from './chain.ts';
import { type Answer, type compilePath, isNothing, readAnswer } from './condition.ts';
import { describeShape } from './explanation.ts';
import type { FailureReader, PresentedRequest } from './failure.ts';
import type { ShortForm } from './oauth2.ts';
import type { Explained, RequestContext, TokenAttempt, TokenRequest, TokenResponse } from './provider.ts';
import type { CompiledRequest } from './request.ts';
import { responseMalformed } from './response-status.ts';
import { type Scope, Unfillable } from './scope.ts';
import type { compileSuccess, TokenReader } from './token-reader.ts';
import type { ComputeValue } from './values.ts';

/** `refreshToken` of a chain: the newest one, or the seed among the credentials. */
export const REFRESH_TOKEN = 'refreshToken';

export interface CompiledStep {
  readonly request: CompiledRequest;
  readonly success: ReturnType<typeof compileSuccess>;
  readonly save: readonly { readonly name: string; readonly path: ReturnType<typeof compilePath> }[];
}

/** What all attempts at tokens of one provider share. */
export interface CompiledDescription {
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
  readonly settingsToCheck: ShortForm['settingsToCheck'] | undefined;
}

const CERTIFICATE = 'tls.certificate';

export class DescribedAttempt implements TokenAttempt {
  readonly #shared: CompiledDescription;
  readonly #credentials: Credentials;
  readonly #context: RequestContext;
  readonly #spent: SecretText | undefined;
  readonly #computed = new Map<string, string>();
  readonly #scope: Scope;
  /** How many steps. */
  #taken = 0;

  constructor(shared: CompiledDescription, credentials: Credentials, context: RequestContext) {
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

function listNames(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' and ');
}
