/**
 * The contract of a provider kind: how to build one token request and how to read its answer.
 *
 * Guarantee: a kind does no I/O and reads no clock. The one HTTP call, its deadline, size limit and refusal of
 * redirects live in `token-endpoint.ts`, the same for all kinds.
 */
import type { z } from 'zod';
import type { ChainState } from '../core/chain-state.ts';
import type { Result } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken, RefreshTokenGrant } from '../core/token.ts';

/** One credential of a kind, always given by reference in the configuration. */
export interface CredentialField {
  /** One line for the documentation and for error messages. */
  readonly description: string;
  readonly optional?: boolean;
}

export type CredentialFields = Readonly<Record<string, CredentialField>>;

/** Credentials by name, as read just before a fetch. */
export type Credentials = ReadonlyMap<string, SecretText>;

/** What one reading of a token's credentials has found. */
export interface CredentialReading {
  readonly credentials: Result<Credentials>;
  /**
   * Resolves when what the credentials are read from is no longer what this reading has seen, which may be of no
   * consequence for them; rejects when aborted.
   */
  untilChanged(signal: AbortSignal): Promise<void>;
}

/** What a kind is told about the request it has to build. */
export interface RequestContext {
  /** Wall time in milliseconds; the request is sent right after. */
  readonly nowMs: number;
  /** The newest refresh token, for kinds with a chain. */
  readonly chain: ChainState | undefined;
  /** The lifetime to expect, in milliseconds, as the configuration has it; the documented one when left out. */
  readonly lifetimeMs?: number | undefined;
  /** {@link SecretText.fingerprint} of the token that readers see, while it lives. */
  readonly publishedFingerprint?: string | undefined;
}

/** A request to the token endpoint. Headers and body hold credentials: never format one. */
export interface TokenRequest {
  readonly method: 'POST';
  /** Appended to the provider's base URL; starts with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A complete answer of at most 1 MiB, any status but a redirect. */
export interface TokenResponse {
  readonly status: number;
  /** Names in lower case; of a repeated header the first value. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: SecretText;
  /** `https://api.example.com/auth/token`, for messages: without query and credentials. */
  readonly endpoint: string;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly sentAtMs: number;
  /** Monotonic time just before the request was sent, in milliseconds. */
  readonly sentAtMonotonicMs: number;
  /** Wall time when the headers arrived, in milliseconds. */
  readonly receivedAtMs: number;
  /** Provider's clock minus ours in milliseconds, from `Date`; `undefined` when it sent none. */
  readonly clockSkewMs: number | undefined;
}

/** A kind with its options and credentials checked: ready to make requests. */
export interface PreparedKind {
  /** May be asynchronous because signing is; it still depends on its arguments alone. */
  buildRequest(context: RequestContext): Promise<TokenRequest> | TokenRequest;
  parseResponse(response: TokenResponse, context: RequestContext): Result<FetchedToken>;
  /**
   * The new refresh token of an answer that `parseResponse` could not use otherwise, for kinds with a chain. The answer
   * has to say that it is a success: whatever an error holds is no refresh token.
   */
  salvageRefreshToken?(response: TokenResponse): RefreshTokenGrant | undefined;
}

/** A kind with its options checked. */
export interface ConfiguredKind {
  /** True when each fetch spends a refresh token and yields the next; its state needs a secret of its own. */
  readonly hasChain: boolean;
  /**
   * What to do when the provider rejects the refresh token: `start-again` fetches once more without one,
   * `none` leaves it to a human.
   */
  readonly chainFallback: 'start-again' | 'none';
  /** Checks the credentials and turns them into what a request needs (a key is parsed once, here). */
  prepare(credentials: Credentials): Result<PreparedKind>;
}

/** A provider kind as the registry holds it. */
export interface ProviderKind<Name extends string = string> {
  readonly kind: Name;
  /** One line for `--help`, the JSON Schema and the README. */
  readonly description: string;
  readonly documentedLifetimeSeconds: number;
  /** `undefined`: the provider has no public address, so `baseUrl` is required. */
  readonly defaultBaseUrl: string | undefined;
  readonly credentials: CredentialFields;
  /** Credentials of each customer; not `undefined` means that the kind has one token per customer. */
  readonly customerCredentials: CredentialFields | undefined;
  /** The kind's own options, beside the ones that every provider has. */
  readonly options: z.ZodObject;
  /** @throws when `options` was not validated with {@link ProviderKind.options}: a bug, not bad input */
  configure(options: unknown): ConfiguredKind;
}

/** What one file per kind hands to {@link defineKind}. */
export interface KindDefinition<Name extends string, Options extends z.ZodObject>
  extends Omit<ProviderKind<Name>, 'options' | 'configure'> {
  readonly options: Options;
  configure(options: z.output<Options>): ConfiguredKind;
}

/** Turns a kind's typed definition into the shape that the registry holds. */
export function defineKind<Name extends string, Options extends z.ZodObject>(
  definition: KindDefinition<Name, Options>,
): ProviderKind<Name> {
  return {
    ...definition,
    configure: (options) => definition.configure(definition.options.parse(options)),
  };
}
