import type { Clock, RefreshEvents, TextReader } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import type { ChainKeeper } from './chain-keeper.ts';
import type { FetchPace } from './fetch-pace.ts';
import type { FetchRefusal, FetchShare } from './fetch-share.ts';
import type { Hold } from './provider-breaker.ts';
import { type Achievement, isOffSchedule, type RefreshRun } from './refresh-run.ts';
import { describeEnd, type Term } from './term.ts';
import { TokenFetch, type TokenFetchParts } from './token-fetch.ts';
import type { TokenPublication } from './token-publication.ts';

export interface RefreshAttemptParts extends TokenFetchParts {
  readonly identity: TokenIdentity;
  readonly store: TextReader;
  readonly publication: TokenPublication;
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** What one attempt of a refresh does, step by step: read, fetch, save, publish; only what is left to do. */
export class RefreshAttempt {
  readonly #parts: RefreshAttemptParts;
  readonly #pace: FetchPace;
  readonly #share: FetchShare;
  readonly #fetch: TokenFetch;

  constructor(parts: RefreshAttemptParts, pace: FetchPace, share: FetchShare) {
    this.#parts = parts;
    this.#pace = pace;
    this.#share = share;
    this.#fetch = new TokenFetch(parts, pace, share);
  }

  /** Learns what the store holds, without fetching. */
  async restore(signal: AbortSignal, reader: TextReader): Promise<Result<void>> {
    const { chain, publication } = this.#parts;
    await this.#pace.restore();
    const read = chain === undefined ? succeed(undefined) : await chain.restore(reader, signal);
    return read.ok ? publication.restore(reader, signal, chain?.expiresAtMs) : read;
  }

  /**
   * Ends with what was achieved, why it failed, or why the provider must not be called yet: for our own budget's sake, or
   * because it fails for all of its tokens.
   * @param isUrged a human wants it tried, whatever other tokens have met
   */
  async make(
    run: RefreshRun,
    attempt: number,
    isUrged: boolean,
  ): Promise<Result<Achievement> | FetchRefusal | Hold> {
    const { publication, chain, breaker, identity } = this.#parts;
    const { term, reason } = run;
    if (term.stopping.aborted || term.signal.aborted) return fail(describeEnd(term));
    if (run.isForChain) return this.#stayFresh(term);
    publication.dropStaleKept();
    if (!publication.isStoreKnown) {
      // Nothing is lost when a read is cut off, so the end of the program does not wait for the store.
      const restored = await this.restore(run.over, this.#parts.store);
      if (!restored.ok) return restored;
      if (!publication.isDue && reason !== 'explicit') return this.#stayFresh(term);
      // Only now it is known when the provider was last asked.
      await this.rest(run);
    }
    if (!publication.hasKept) {
      const held = this.#pace.heldBack(publication.published?.issuedAtMs);
      if (held !== undefined) return fail(held);
      const hold = isUrged ? undefined : breaker?.request(identity.token, term);
      if (hold !== undefined) return hold;
      const refused = await this.#share.request(attempt === 1);
      if (refused !== undefined) {
        breaker?.giveBack(identity.token);
        return refused;
      }
      const isPostponed = await publication.reconsider(term, chain?.expiresAtMs);
      const isPatient = attempt === 1 && (reason === 'due' || reason === 'start');
      if (isPostponed && isPatient) return this.#stayFresh(term);
      const remainingMs = publication.remainingMs();
      const fetched = await this.#fetch.run(term, remainingMs, publication.liveFingerprint);
      if (!fetched.ok) return fetched;
      const token = fetched.value;
      if (publication.declineUnchanged(token, reason === 'explicit')) {
        const saved = await this.#saveChain(term);
        return saved.ok ? succeed({ kind: 'unchanged' }) : saved;
      }
      const excess = publication.keep(token, endOfChain(token, chain), attempt > 1 || isOffSchedule(run));
      if (excess !== undefined) {
        const saved = await this.#saveChain(term);
        return saved.ok ? fail(excess) : saved;
      }
    }
    return this.#write(run);
  }

  /** Nothing has to be fetched; a refresh token that was left over still has to be saved. */
  async #stayFresh(term: Term): Promise<Result<Achievement>> {
    const saved = await this.#saveChain(term);
    return saved.ok ? succeed({ kind: 'fresh' }) : saved;
  }

  /** The refresh token first: without it the next fetch would present a spent one. */
  async #write(run: RefreshRun): Promise<Result<Achievement>> {
    const saved = await this.#saveChain(run.term);
    return saved.ok ? this.#publish(run) : saved;
  }

  #saveChain(term: Term): Promise<Result<void>> {
    return this.#parts.chain?.save(term) ?? Promise.resolve(succeed(undefined));
  }

  async #publish({ term, reason, startedMs }: RefreshRun): Promise<Result<Achievement>> {
    const { publication, chain, clock, events, identity } = this.#parts;
    if (term.signal.aborted) return fail(describeEnd(term));
    const published = await publication.publish(term, chain?.expiresAtMs);
    if (!published.ok) return published;
    const { published: token } = publication;
    if (published.value === 'theirs' || token === undefined) return succeed({ kind: 'fresh' });
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = token;
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

  /** Waits until the provider may be asked; a kept token only waits for what was demanded. */
  async rest(run: RefreshRun): Promise<void> {
    // What the provider wants to wait for is the next fetch.
    const restMs = run.isForChain ? 0 : this.restMs();
    if (restMs > 0) await this.#parts.clock.sleep(restMs, run.over);
  }

  /** Milliseconds of that wait. */
  restMs(): number {
    const { publication } = this.#parts;
    const demandedMs = this.#pace.demandedRestMs();
    if (publication.hasKept) return demandedMs;
    return Math.max(demandedMs, this.#pace.intervalRestMs(publication.published?.issuedAtMs));
  }

  /** Writes what was fetched and could not be written yet; `undefined` when there is nothing that readers would see. */
  async writeKept(run: RefreshRun): Promise<Result<Achievement> | undefined> {
    const saved = await this.#saveChain(run.term);
    return saved.ok && this.#parts.publication.hasKept ? this.#publish(run) : undefined;
  }
}

/**
 * When the refresh token that came with a token dies. One that did not come with it dies when it will: asking earlier
 * and earlier would not save it.
 */
function endOfChain(token: FetchedToken, chain: ChainKeeper | undefined): number | undefined {
  return chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs;
}
