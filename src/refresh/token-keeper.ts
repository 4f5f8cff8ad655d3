/**
 * Keeps one token fresh: single flight, fetch, publish, retry.
 *
 * Guarantee: at most one fetch of this token is in flight in this process; a token that was fetched and not yet written
 * is kept and only its write is repeated; the token that readers see is replaced by a better one or not at all.
 * Non-guarantee: two processes may fetch at once; the store's compare-and-swap decides whose token stays.
 */
import { decideWait } from '../core/backoff.ts';
import type { TokenDocument } from '../core/document.ts';
import type { RefreshReason } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import { type Moment, momentAt, msUntil } from '../core/moment.ts';
import type { Clock, Random, RefreshEvents, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import type { ChainKeeper } from './chain-keeper.ts';
import type { FetchGate } from './fetch-gate.ts';
import type { Term } from './term.ts';
import type { TokenPublication } from './token-publication.ts';

export interface TokenKeeperParts {
  readonly identity: TokenIdentity;
  /** Shortest time between two fetches of this token, in milliseconds; 0 for none. */
  readonly minIntervalMs: number;
  readonly source: TokenSource;
  readonly publication: TokenPublication;
  /** For kinds with refresh tokens. */
  readonly chain: ChainKeeper | undefined;
  readonly gate: FetchGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** How a refresh ended. */
export type RefreshOutcome = Achievement | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * - `refreshed`: a newer token is readable.
 * - `unchanged`: the provider has no newer token yet.
 * - `fresh`: the store holds a token that is not due; nothing was fetched, or somebody else was faster.
 */
interface Achievement {
  readonly kind: 'refreshed' | 'unchanged' | 'fresh';
}

/** One refresh, from its start to its end over all attempts. */
interface Run {
  readonly reason: RefreshReason;
  readonly term: Term;
  /** The run is given up after so many failed attempts, and at once when a human is needed. */
  readonly maxAttempts: number;
  readonly startedMs: number;
  /** Whether readers had a live token when the run began. */
  readonly beganLive: boolean;
}

export class TokenKeeper {
  readonly #parts: TokenKeeperParts;
  #running: Promise<RefreshOutcome> | undefined;
  /** Ends the present wait between two attempts. */
  #wakeUp: AbortController | undefined;
  /** Before this the provider does not want to be asked, not even for a human. */
  #notBefore: Moment | undefined;
  #lastFetchMonotonicMs: number | undefined;

  constructor(parts: TokenKeeperParts) {
    this.#parts = parts;
  }

  get identity(): TokenIdentity {
    return this.#parts.identity;
  }

  get isRefreshing(): boolean {
    return this.#running !== undefined;
  }

  /** The document that readers see. */
  get document(): TokenDocument | undefined {
    return this.#parts.publication.document;
  }

  /** Milliseconds until the refresh is due; negative when it is overdue or when there is no token. */
  dueInMs(): number {
    return this.#parts.publication.dueInMs();
  }

  /** Learns what the store holds, without fetching. */
  restore(signal: AbortSignal): Promise<Result<void>> {
    return this.#parts.publication.restore(signal);
  }

  /**
   * Refreshes the token and ends when that has succeeded, when the term ends, or after `maxAttempts` failures. A call
   * while one is running joins it; an explicit one also ends its wait, unless the provider asked for that wait.
   */
  refresh(
    reason: RefreshReason,
    term: Term,
    maxAttempts = Number.POSITIVE_INFINITY,
  ): Promise<RefreshOutcome> {
    if (this.#running === undefined) {
      const run: Run = {
        reason,
        term,
        maxAttempts,
        startedMs: this.#parts.clock.monotonicMs(),
        beganLive: (this.#parts.publication.remainingMs() ?? 0) > 0,
      };
      this.#running = this.#attemptUntilDone(run).finally(() => {
        this.#running = undefined;
      });
    } else if (reason === 'explicit' && this.#mayAsk()) {
      this.#wakeUp?.abort();
    }
    return this.#running;
  }

  async #attemptUntilDone(run: Run): Promise<RefreshOutcome> {
    const { clock, events, identity } = this.#parts;
    events({ event: 'refresh-started', identity, reason: run.reason });
    let previous: Failure | undefined;
    let failedSinceMs: number | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attemptInTurn(run, attempt);
      if (result.ok) {
        if (failedSinceMs !== undefined) {
          const failedForMs = clock.monotonicMs() - failedSinceMs;
          events({ event: 'refresh-recovered', identity, failures: attempt - 1, failedForMs });
        }
        return result.value;
      }
      const { failure } = result;
      if (failure.code === 'aborted' || failure.code === 'leadership-lost')
        return this.#abandon(run, failure);
      failedSinceMs ??= clock.monotonicMs();
      const waitMs = this.#decideWait(run, failure, attempt);
      events({
        event: 'refresh-failed',
        identity,
        failure,
        attempt,
        repeated: failure.code === previous?.code,
        nextAttemptAtMs: clock.now() + waitMs,
        expiresAtMs: this.document?.expiresAtMs,
      });
      previous = failure;
      const isPatient = run.maxAttempts === Number.POSITIVE_INFINITY;
      if (attempt >= run.maxAttempts || (!isPatient && failure.retry === 'needs-human'))
        return { kind: 'failed', failure };
      await this.#pause(waitMs, failure, run.term);
    }
  }

  /** Ends a run with the term; a token that was fetched and could not be written yet gets a last try. */
  async #abandon(run: Run, failure: Failure): Promise<RefreshOutcome> {
    if (this.#parts.publication.hasKept && !run.term.signal.aborted) {
      const written = await this.#write(run);
      if (written.ok) return written.value;
    }
    this.#parts.events({ event: 'refresh-abandoned', identity: this.identity, failure });
    return { kind: 'failed', failure };
  }

  #decideWait(run: Run, failure: Failure, attempt: number): number {
    const { publication, random, clock } = this.#parts;
    const remainingMs = run.beganLive ? publication.remainingMs() : undefined;
    this.#notBefore =
      failure.retryAfterMs === undefined ? undefined : momentAt(clock.now() + failure.retryAfterMs, clock);
    return decideWait({ failure, attempt, remainingMs }, random.next());
  }

  async #attemptInTurn(run: Run, attempt: number): Promise<Result<Achievement>> {
    const { gate, publication } = this.#parts;
    const { term } = run;
    try {
      await this.#awaitMinInterval(term);
      const priority = publication.document?.expiresAtMs ?? Number.NEGATIVE_INFINITY;
      return await gate.run(priority, term.stopping, () => this.#attempt(run, attempt));
    } catch (error) {
      // Only the term's own signals end a wait; anything else is a bug and must be seen.
      if (term.stopping.aborted || term.signal.aborted) return fail(endOf(term));
      throw error;
    }
  }

  async #attempt(run: Run, attempt: number): Promise<Result<Achievement>> {
    const { publication, chain } = this.#parts;
    const { term, reason } = run;
    publication.dropStaleKept();
    if (!publication.isStoreKnown) {
      const restored = await publication.restore(term.signal);
      if (!restored.ok) return restored;
      if (publication.dueInMs() > 0 && reason !== 'explicit') return succeed({ kind: 'fresh' });
      // Only now it is known when the provider was last asked.
      await this.#awaitMinInterval(term);
    }
    if (!publication.hasKept) {
      const fetched = await this.#fetch(term);
      if (!fetched.ok) return fetched;
      const token = fetched.value;
      if (publication.declineUnchanged(token)) {
        const saved = await this.#saveChain(term);
        return saved.ok ? succeed({ kind: 'unchanged' }) : saved;
      }
      publication.keep(token, usableUntil(token, chain), attempt > 1 || !run.beganLive);
    }
    return this.#write(run);
  }

  async #fetch(term: Term): Promise<Result<FetchedToken>> {
    const { chain, source, clock, events, identity } = this.#parts;
    const prepared = chain === undefined ? succeed(undefined) : await chain.prepare(term.signal);
    if (!prepared.ok) return prepared;
    const presented = prepared.value;
    // Checked right here, because everything above may have taken its time.
    if (term.stopping.aborted || term.signal.aborted) return fail(endOf(term));
    const startedMs = clock.monotonicMs();
    this.#lastFetchMonotonicMs = startedMs;
    const { result, clockSkewMs } = await source.fetch(presented, term.signal);
    events({
      event: 'token-fetched',
      identity,
      durationMs: clock.monotonicMs() - startedMs,
      clockSkewMs,
      failure: result.ok ? undefined : result.failure,
      notes: result.ok ? result.value.notes : [],
    });
    if (result.ok) {
      chain?.accept(result.value);
      return result;
    }
    if (result.failure.code !== 'chain-broken' || chain === undefined || presented === undefined)
      return result;
    return fail(await chain.handleRefusal(presented, result.failure, term.signal));
  }

  /** The refresh token first: without it the next fetch would present a spent one. */
  async #write(run: Run): Promise<Result<Achievement>> {
    const saved = await this.#saveChain(run.term);
    return saved.ok ? this.#publish(run) : saved;
  }

  #saveChain(term: Term): Promise<Result<void>> {
    return this.#parts.chain?.save(term.signal) ?? Promise.resolve(succeed(undefined));
  }

  async #publish({ term, reason, startedMs }: Run): Promise<Result<Achievement>> {
    const { publication, clock, events, identity } = this.#parts;
    if (term.signal.aborted) return fail(endOf(term));
    const published = await publication.publish(term.signal);
    if (!published.ok) return published;
    const { document } = publication;
    if (published.value === 'theirs' || document === undefined) return succeed({ kind: 'fresh' });
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = document;
    const durationMs = clock.monotonicMs() - startedMs;
    events({
      event: 'token-refreshed',
      identity,
      reason,
      durationMs,
      issuedAtMs,
      expiresAtMs,
      refreshAtMs,
      generation,
    });
    return succeed({ kind: 'refreshed' });
  }

  async #awaitMinInterval(term: Term): Promise<void> {
    const { minIntervalMs, publication, clock } = this.#parts;
    if (minIntervalMs === 0 || publication.hasKept) return;
    const restMs = minIntervalMs - this.#sinceLastFetchMs();
    if (restMs > 0) await clock.sleep(restMs, term.stopping);
  }

  /** After a restart the published document tells when the provider was last asked with success. */
  #sinceLastFetchMs(): number {
    const { publication, clock } = this.#parts;
    if (this.#lastFetchMonotonicMs !== undefined) return clock.monotonicMs() - this.#lastFetchMonotonicMs;
    const issuedAtMs = publication.document?.issuedAtMs;
    return issuedAtMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, clock.now() - issuedAtMs);
  }

  /** Waits; ends early on an explicit refresh, a changed credential or the end of the term. */
  async #pause(waitMs: number, failure: Failure, term: Term): Promise<void> {
    const wakeUp = new AbortController();
    const over = new AbortController();
    this.#wakeUp = wakeUp;
    const signal = AbortSignal.any([wakeUp.signal, over.signal, term.stopping, term.signal]);
    const waits = [this.#parts.clock.sleep(waitMs, signal)];
    if (failure.retry === 'needs-human') waits.push(this.#parts.source.waitForCredentialChange(signal));
    try {
      await Promise.race(waits);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#wakeUp = undefined;
      over.abort();
      await Promise.allSettled(waits);
    }
  }

  #mayAsk(): boolean {
    return this.#notBefore === undefined || msUntil(this.#notBefore, this.#parts.clock) <= 0;
  }
}

/** The refresh token may die before the access token; whichever comes first sets the pace. */
function usableUntil(token: FetchedToken, chain: ChainKeeper | undefined): number {
  const chainEndsAtMs = token.refreshTokenExpiresAtMs ?? chain?.expiresAtMs;
  return Math.min(token.expiresAtMs, chainEndsAtMs ?? token.expiresAtMs);
}

function endOf(term: Term): Failure {
  return term.signal.aborted && !term.stopping.aborted
    ? { code: 'leadership-lost', retry: 'soon', message: 'leadership was lost: another replica goes on' }
    : { code: 'aborted', retry: 'soon', message: 'the program stops' };
}
