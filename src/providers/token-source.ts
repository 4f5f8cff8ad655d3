/**
 * The provider side of one token, as the refresh room sees it: reads credentials, builds the request, calls, parses.
 *
 * Guarantee: credentials are read before every fetch, so that a changed one counts at the latest then; they are checked
 * (a key is parsed) only when they differ from the last ones. Everything expected is a `Failure`.
 */

import type { CredentialReading, Credentials } from '../core/credential/credential-reading.ts';
import type { CredentialReferences } from '../core/credential/credential-reference.ts';
import type { Failure } from '../core/failure.ts';
import type { Clock, FetchReport, Random, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import { type ChainState, chooseRefreshToken, SEED_CREDENTIAL } from '../core/token/chain-state.ts';
import { type CallTls, readCallTls } from '../core/wire/call-tls.ts';
import { formatDuration } from '../core/wire/duration.ts';
import type { HttpTransport } from '../core/wire/http-call.ts';
import { isAmbiguousAnswer } from './chain.ts';
import { unusable } from './credential-value.ts';
import type { ConfiguredKind, Explained, PreparedKind, RequestContext } from './provider.ts';
import { describeAbort, sendTokenRequest } from './token-endpoint.ts';

/** What all tokens of a provider share. */
export interface TokenSourceOptions {
  readonly kind: ConfiguredKind;
  /** Reads all credentials of a token afresh, the customer's included. Rejects only when aborted. */
  readonly readCredentials: (
    signal: AbortSignal,
    customerCredentials?: CredentialReferences,
  ) => Promise<CredentialReading>;
  readonly baseUrl: string;
  /** As in {@link RequestContext}. */
  readonly lifetimeMs?: number;
  /** Limit for an answer of the provider, in milliseconds. */
  readonly timeoutMs: number;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly random: Random;
  /** Told what the rules find in each answer: for trying a description. */
  readonly onAnswer?: ((explained: readonly Explained[]) => void) | undefined;
}

/** @param customer whose token it is, and where the credentials of that customer are, for kinds with one for each */
export function createTokenSource(
  options: TokenSourceOptions,
  customer?: string,
  customerCredentials?: CredentialReferences,
): TokenSource {
  return new ProviderSource(options, customer, customerCredentials);
}

class ProviderSource implements TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #customer: string | undefined;
  readonly #customerCredentials: CredentialReferences | undefined;
  /** What the last fetch used; `undefined` when it could read none. */
  #used: Credentials | undefined;
  #prepared: Result<PreparedKind> | undefined;
  #tls: CallTls | undefined;
  /** Of the last fetch that failed. */
  #reading: CredentialReading | undefined;
  /** Read for its seed: the fetch that follows uses the same, so that what it presents fits the rest. */
  #ahead: CredentialReading | undefined;

  constructor(
    options: TokenSourceOptions,
    customer: string | undefined,
    customerCredentials: CredentialReferences | undefined,
  ) {
    this.#options = options;
    this.#customer = customer;
    this.#customerCredentials = customerCredentials;
  }

  async readSeed(signal: AbortSignal): Promise<Result<SecretText | undefined>> {
    const { baseUrl } = this.#options;
    try {
      signal.throwIfAborted();
      this.#reading = await this.#readCredentials(signal);
    } catch (error) {
      if (signal.aborted) return fail(describeAbort(baseUrl));
      throw error;
    }
    this.#ahead = this.#reading;
    const { credentials } = this.#reading;
    if (!credentials.ok) this.#used = undefined;
    return credentials.ok ? succeed(credentials.value.get(SEED_CREDENTIAL)) : credentials;
  }

  async fetch(
    chain: ChainState | undefined,
    signal: AbortSignal,
    isOver = () => signal.aborted,
    publishedFingerprint?: string,
  ): Promise<FetchReport> {
    const { baseUrl } = this.#options;
    try {
      signal.throwIfAborted();
      this.#reading = this.#ahead ?? (await this.#readCredentials(signal));
      this.#ahead = undefined;
      const { credentials } = this.#reading;
      if (!credentials.ok) {
        this.#used = undefined;
        return unasked(credentials);
      }
      const hasNewCredentials = this.#used !== undefined && !areSame(credentials.value, this.#used);
      const ready = this.#prepare(credentials.value);
      if (!ready.ok) return unasked(ready);
      const context = this.#context(chain, publishedFingerprint);
      const report = await this.#fetchWith(ready.value, context, signal, isOver);
      if (report.result.ok) this.#reading = undefined;
      return hasNewCredentials ? { ...report, hasNewCredentials } : report;
    } catch (error) {
      if (signal.aborted) return unasked(fail(describeAbort(baseUrl)));
      throw error;
    }
  }

  async waitForCredentialChange(signal: AbortSignal): Promise<void> {
    this.#reading ??= await this.#readCredentials(signal);
    for (;;) {
      await this.#reading.untilChanged(signal);
      const next = await this.#readCredentials(signal);
      // Kept only by who acts on it: a wait that ends early here leaves the change to the next one.
      signal.throwIfAborted();
      this.#reading = next;
      const { credentials } = next;
      if (credentials.ok && !areSame(credentials.value, this.#used)) return;
    }
  }

  async verifyCredentials(signal: AbortSignal): Promise<Result<void>> {
    const { kind } = this.#options;
    const { credentials } = await this.#readCredentials(signal);
    if (!credentials.ok) return credentials;
    const prepared = prepareWith(kind, credentials.value);
    if (!prepared.ok) return prepared;
    const begun = await prepared.value.begin(
      this.#context(chooseRefreshToken(undefined, credentials.value.get(SEED_CREDENTIAL))),
    );
    if (!begun.ok) return begun;
    const request = begun.value.request();
    return request.ok ? succeed(undefined) : request;
  }

  #readCredentials(signal: AbortSignal): Promise<CredentialReading> {
    return this.#options.readCredentials(signal, this.#customerCredentials);
  }

  #prepare(credentials: Credentials): Result<PreparedKind> {
    if (this.#prepared === undefined || !areSame(credentials, this.#used)) {
      this.#prepared = prepareWith(this.#options.kind, credentials);
      this.#tls = tlsOf(credentials);
    }
    this.#used = credentials;
    return this.#prepared;
  }

  async #fetchWith(
    ready: PreparedKind,
    context: RequestContext,
    signal: AbortSignal,
    isOver: () => boolean,
  ): Promise<FetchReport> {
    const { baseUrl, timeoutMs, transport, clock } = this.#options;
    const begun = await ready.begin(context);
    if (!begun.ok) return unasked(begun);
    const attempt = begun.value;
    let isFirst = true;
    // In a request that was answered: what became of it the requests that follow have to show.
    let hasPresented = false;
    const startedMs = clock.monotonicMs();
    for (;;) {
      const request = attempt.request();
      if (!request.ok) return isFirst ? unasked(request) : asked(request, hasPresented);
      if (isOver()) {
        const given = fail(describeAbort(baseUrl));
        return isFirst ? unasked(given) : asked(given, hasPresented);
      }
      // One limit for all requests of an attempt; the first has all of it.
      const leftMs = isFirst ? timeoutMs : timeoutMs - (clock.monotonicMs() - startedMs);
      if (leftMs <= 0) return asked(fail(outOfTime(request.value.shown, timeoutMs)), hasPresented);
      const call = {
        request: request.value,
        timeoutMs: leftMs,
        isTotal: !isFirst,
        transport,
        signal,
        isOver,
        tls: this.#tls,
      };
      const { presentsRefreshToken } = attempt;
      const response = await sendTokenRequest(call);
      if (!response.ok) {
        const { isAmbiguous, failure } = response;
        // The term has ended while the connection was made.
        if (failure.code === 'aborted' && !isAmbiguous && isFirst) return unasked(response);
        return asked(response, hasPresented || (isAmbiguous && presentsRefreshToken));
      }
      const { clockSkewMs, status } = response.value;
      this.#options.onAnswer?.(attempt.explain(response.value));
      const taken = attempt.take(response.value);
      if (taken.ok) {
        if (taken.value !== 'next') return { result: succeed(taken.value), clockSkewMs };
        isFirst = false;
        hasPresented ||= presentsRefreshToken;
        continue;
      }
      const rotatedRefreshToken = attempt.salvageRefreshToken(response.value);
      const isSpending = presentsRefreshToken && isAmbiguousAnswer(status, taken.failure);
      const isAmbiguous = rotatedRefreshToken === undefined && (hasPresented || isSpending);
      return { result: taken, clockSkewMs, rotatedRefreshToken, isAmbiguous };
    }
  }

  #context(chain: ChainState | undefined, publishedFingerprint?: string): RequestContext {
    const { baseUrl, clock, random, lifetimeMs } = this.#options;
    const customer = this.#customer;
    return { nowMs: clock.now(), random, chain, lifetimeMs, customer, baseUrl, publishedFingerprint };
  }
}

function prepareWith(kind: ConfiguredKind, credentials: Credentials): Result<PreparedKind> {
  const tls = tlsOf(credentials);
  const read = tls === undefined ? undefined : readCallTls(tls);
  return read?.ok === false ? unusable(`tls.${read.setting}`, read.problem) : kind.prepare(credentials);
}

/** What the configuration gives for TLS, which is read with the credentials. */
function tlsOf(credentials: Credentials): CallTls | undefined {
  const tls = {
    ca: credentials.get('tls.ca'),
    certificate: credentials.get('tls.certificate'),
    key: credentials.get('tls.key'),
    passphrase: credentials.get('tls.passphrase'),
  };
  return Object.values(tls).every((text) => text === undefined) ? undefined : tls;
}

function outOfTime(call: string, timeoutMs: number): Failure {
  return {
    code: 'provider-unavailable',
    retry: 'backoff',
    message: `${call} was not sent: the requests before it took all of the timeout, ${formatDuration(timeoutMs)}`,
  };
}

/** After a request has been sent. */
function asked(result: Result<never>, isAmbiguous: boolean): FetchReport {
  return { result, clockSkewMs: undefined, isAmbiguous };
}

function unasked(result: Result<never>): FetchReport {
  return { result, clockSkewMs: undefined, wasNotSent: true };
}

function areSame(some: Credentials, others: Credentials | undefined): boolean {
  if (others === undefined || some.size !== others.size) return false;
  return [...some].every(([name, value]) => value.equals(others.get(name)));
}
