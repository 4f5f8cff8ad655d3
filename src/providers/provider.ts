/**
 * The contract of a provider kind: how to build token requests and how to read their answers.
 *
 * Guarantee: a kind does no I/O and reads no clock. The HTTP call, its deadline, size limit and refusal of redirects live
 * in `token-endpoint.ts`, the same for all kinds.
 */

import type { z } from 'zod';
import type { Credentials } from '../core/credential/credential-reading.ts';
import type { FetchLimit } from '../core/limits/fetch-limit.ts';
import type { Random } from '../core/ports.ts';
import type { Reissue } from '../core/rejection/decide-rejection.ts';
import type { Result } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { ChainState } from '../core/token/chain-state.ts';
import type { FetchedToken, RefreshTokenGrant } from '../core/token/token.ts';
import type { JsonObject } from '../core/wire/json.ts';
import type { Fault } from './faults.ts';

/** One credential of a kind, always given by reference in the configuration. */
interface CredentialField {
  /** One line for the documentation and for error messages. */
  readonly description: string;
  readonly optional?: boolean;
}

export type CredentialFields = Readonly<Record<string, CredentialField>>;

/** What an attempt is made from. */
export interface RequestContext {
  /** Wall time in milliseconds; the request is sent right after. */
  readonly nowMs: number;
  readonly random: Random;
  /** The newest refresh token, for kinds with a chain. */
  readonly chain: ChainState | undefined;
  /** The lifetime to expect, in milliseconds, as the configuration has it; the documented one when left out. */
  readonly lifetimeMs?: number | undefined;
  /** Whose token it is, for kinds with one for each customer. */
  readonly customer?: string | undefined;
  /** `https://api.example.com` or `https://gateway.example.com/prefix`. */
  readonly baseUrl: string;
  /** {@link SecretText.fingerprint} of the token that readers see, while it lives. */
  readonly publishedFingerprint?: string | undefined;
}

/** A request to a token endpoint. Address, headers and body may hold credentials: never format one. */
export interface TokenRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  /** `POST https://api.example.com/auth/token`, for messages: without query, and with names in the place of values. */
  readonly shown: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** A complete answer of at most 1 MiB, any status but a redirect. */
export interface TokenResponse {
  readonly status: number;
  /** Names in lower case; of a repeated header the first value. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: SecretText;
  /** As {@link TokenRequest.shown}. */
  readonly call: string;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly sentAtMs: number;
  /** Monotonic time just before the request was sent, in milliseconds. */
  readonly sentAtMonotonicMs: number;
  /** Wall time when the headers arrived, in milliseconds. */
  readonly receivedAtMs: number;
  /** Provider's clock minus ours in milliseconds, from `Date`; `undefined` when it sent none. */
  readonly clockSkewMs: number | undefined;
}

/** One thing that was checked in an answer: `token`, `in data.token, text of 312`. */
export interface Explained {
  readonly what: string;
  readonly found: string;
}

/** One attempt to get a token: at most three requests, whose values were computed once. */
export interface TokenAttempt {
  /** The next request; fails when a credential cannot be sent in its place. */
  request(): Result<TokenRequest>;
  /** True when the next request presents a refresh token: it may be spent from then on. */
  readonly presentsRefreshToken: boolean;
  /**
   * Reads the answer to the last request that {@link TokenAttempt.request} made.
   * @returns `next` when another request has to follow
   */
  take(response: TokenResponse): Result<FetchedToken | 'next'>;
  /** What the rules find in an answer to the last request, for people: names, types and lengths, never a value. */
  explain(response: TokenResponse): readonly Explained[];
  /**
   * The new refresh token of an answer that could not be used otherwise. The answer has to say that it is a success:
   * whatever an error holds is no refresh token.
   */
  salvageRefreshToken(response: TokenResponse): RefreshTokenGrant | undefined;
}

/** A kind with its options and credentials checked: ready to make requests. */
export interface PreparedKind {
  /** Computes what a request needs; fails with `credentials-rejected` for a key or text that is of no use. */
  begin(context: RequestContext): Promise<Result<TokenAttempt>>;
}

/** A kind with its options checked. */
export interface ConfiguredKind {
  /** True when each fetch presents a refresh token and may yield the next; its state needs a secret of its own. */
  readonly hasChain: boolean;
  /**
   * What to do when the provider rejects the refresh token: `start-again` fetches once more without one,
   * `none` leaves it to a human.
   */
  readonly chainFallback: 'start-again' | 'none';
  readonly reissue: Reissue;
  /** A new token is refused earlier than this before the end of the one before; 0 for no such rule. */
  readonly notBeforeExpiryMs: number;
  /** Where requests go when the configuration has no `baseUrl`. */
  readonly baseUrl: string | undefined;
  /** What each customer has to have, where there are customers. */
  readonly customerCredentials: CredentialFields;
  /** Checks the credentials and turns them into what a request needs (a key is parsed once, here). */
  prepare(credentials: Credentials): Result<PreparedKind>;
  /** The requests with names in the place of values, for people. */
  picture(baseUrl: string): readonly TokenRequest[];
  /** What the rules find in a recorded answer, as {@link TokenAttempt.explain}. @param lifetimeMs the configuration's */
  explain(response: TokenResponse, nowMs: number, lifetimeMs?: number): readonly Explained[];
}

/** What an entry of the configuration holds beside the kind's own settings. */
export interface EntryFacts {
  /** Names of its credentials. */
  readonly credentials: readonly string[];
  /** Names of the credentials that its customers have; `undefined` without customers, `any` where they are discovered. */
  readonly customerCredentials: readonly string[] | 'any' | undefined;
  readonly baseUrl: string | undefined;
}

export type Configured =
  | { readonly ok: true; readonly configured: ConfiguredKind }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** A provider kind: a form of the language, or a preset. */
export interface ProviderKind {
  readonly kind: string;
  /** One line for `--help`, the JSON Schema and the README. */
  readonly description: string;
  readonly documentedLifetimeSeconds: number;
  /** `undefined`: none that fits everybody. */
  readonly defaultBaseUrl: string | undefined;
  /** False where addresses are complete without one. */
  readonly needsBaseUrl: boolean;
  /** `any`: what the description names. */
  readonly credentials: CredentialFields | 'any';
  /** Credentials of each customer; not `undefined` means that the kind has one token per customer, always. */
  readonly customerCredentials: CredentialFields | undefined;
  /** The kind's own settings, beside the ones that every provider has. */
  readonly options: z.ZodObject;
  readonly defaults: {
    readonly minIntervalMs?: number | undefined;
    readonly fetchBudget?: FetchLimit | undefined;
  };
  /** @throws when `options` was not validated with {@link ProviderKind.options}: a bug, not bad input */
  configure(options: unknown, facts: EntryFacts): Configured;
}

/** The kinds that a configuration can name. */
export interface KindLibrary {
  readonly names: readonly string[];
  /** `undefined` for a name that is none. */
  find(name: string): ProviderKind | undefined;
  /** The same with presets of the user's own, by name; faults begin with the preset's name. */
  extend(presets: JsonObject): { readonly library: KindLibrary; readonly faults: readonly Fault[] };
}
