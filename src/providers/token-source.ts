/**
 * The provider side of one token, as the refresh room sees it: reads credentials, builds the request, calls, parses.
 *
 * Guarantee: credentials are read before every fetch, so that a changed one counts at the latest then; they are checked
 * (a key is parsed) only when they differ from the last ones. Everything expected is a `Failure`.
 */
import type { ChainState } from '../core/chain-state.ts';
import type { HttpTransport } from '../core/http-call.ts';
import type { Clock, FetchReport, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { isAmbiguousAnswer } from './chain.ts';
import type {
  ConfiguredKind,
  CredentialReading,
  Credentials,
  PreparedKind,
  RequestContext,
} from './provider.ts';
import { describeAbort, postTokenRequest } from './token-endpoint.ts';

export interface TokenSourceOptions {
  readonly kind: ConfiguredKind;
  /** Reads all credentials of this token afresh, the customer's included. Rejects only when aborted. */
  readonly readCredentials: (signal: AbortSignal) => Promise<CredentialReading>;
  readonly baseUrl: string;
  /** As in {@link RequestContext}. */
  readonly lifetimeMs?: number;
  /** Limit for an answer of the provider, in milliseconds. */
  readonly timeoutMs: number;
  readonly transport: HttpTransport;
  readonly clock: Clock;
}

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  return new ProviderSource(options);
}

class ProviderSource implements TokenSource {
  readonly #options: TokenSourceOptions;
  /** What the last fetch used; `undefined` when it could read none. */
  #used: Credentials | undefined;
  #prepared: Result<PreparedKind> | undefined;
  /** Of the last fetch that failed. */
  #reading: CredentialReading | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  async fetch(
    chain: ChainState | undefined,
    signal: AbortSignal,
    isOver = () => signal.aborted,
    publishedFingerprint?: string,
  ): Promise<FetchReport> {
    const { baseUrl, readCredentials, clock, lifetimeMs } = this.#options;
    try {
      signal.throwIfAborted();
      this.#reading = await readCredentials(signal);
      const { credentials } = this.#reading;
      if (!credentials.ok) {
        this.#used = undefined;
        return unasked(credentials);
      }
      const hasNewCredentials = this.#used !== undefined && !areSame(credentials.value, this.#used);
      const ready = this.#prepare(credentials.value);
      if (!ready.ok) return unasked(ready);
      const context = { nowMs: clock.now(), chain, lifetimeMs, publishedFingerprint };
      const report = await this.#fetchWith(ready.value, context, signal, isOver);
      if (report.result.ok) this.#reading = undefined;
      return hasNewCredentials ? { ...report, hasNewCredentials } : report;
    } catch (error) {
      if (signal.aborted) return unasked(fail(describeAbort(baseUrl)));
      throw error;
    }
  }

  async waitForCredentialChange(signal: AbortSignal): Promise<void> {
    const { readCredentials } = this.#options;
    this.#reading ??= await readCredentials(signal);
    for (;;) {
      await this.#reading.untilChanged(signal);
      const next = await readCredentials(signal);
      // Kept only by who acts on it: a wait that is given up here leaves the change to the next one.
      signal.throwIfAborted();
      this.#reading = next;
      const { credentials } = next;
      if (credentials.ok && !areSame(credentials.value, this.#used)) return;
    }
  }

  async verifyCredentials(signal: AbortSignal): Promise<Result<void>> {
    const { kind, readCredentials } = this.#options;
    const { credentials } = await readCredentials(signal);
    if (!credentials.ok) return credentials;
    const prepared = kind.prepare(credentials.value);
    return prepared.ok ? succeed(undefined) : prepared;
  }

  #prepare(credentials: Credentials): Result<PreparedKind> {
    if (this.#prepared === undefined || !areSame(credentials, this.#used))
      this.#prepared = this.#options.kind.prepare(credentials);
    this.#used = credentials;
    return this.#prepared;
  }

  async #fetchWith(
    ready: PreparedKind,
    context: RequestContext,
    signal: AbortSignal,
    isOver: () => boolean,
  ): Promise<FetchReport> {
    const { baseUrl, timeoutMs, transport } = this.#options;
    const request = await ready.buildRequest(context);
    if (isOver()) return unasked(fail(describeAbort(baseUrl)));
    const response = await postTokenRequest({ baseUrl, request, timeoutMs, transport, signal, isOver });
    if (!response.ok) {
      const { isAmbiguous, failure } = response;
      // The term has ended while the connection was made.
      if (failure.code === 'aborted' && !isAmbiguous) return unasked(response);
      return { result: response, clockSkewMs: undefined, isAmbiguous };
    }
    const { clockSkewMs, status } = response.value;
    const result = ready.parseResponse(response.value, context);
    if (result.ok) return { result, clockSkewMs };
    const salvaged = ready.salvageRefreshToken?.(response.value);
    const isAmbiguous = salvaged === undefined && isAmbiguousAnswer(status, result.failure);
    return { result, clockSkewMs, salvaged, isAmbiguous };
  }
}

function unasked(result: Result<never>): FetchReport {
  return { result, clockSkewMs: undefined, isUnasked: true };
}

function areSame(some: Credentials, others: Credentials | undefined): boolean {
  if (others === undefined || some.size !== others.size) return false;
  return [...some].every(([name, value]) => value.equals(others.get(name)));
}
