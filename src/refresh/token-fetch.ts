import { boundRetryAfter } from '../core/backoff.ts';
import type { ChainState } from '../core/chain-state.ts';
import type { Failure } from '../core/failure.ts';
import type { Clock, FetchReport, RefreshEvents, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import type { ChainKeeper } from './chain-keeper.ts';
import type { FetchPace } from './fetch-pace.ts';
import type { FetchShare } from './fetch-share.ts';
import type { ProviderBreaker } from './provider-breaker.ts';
import { describeEnd, type Term } from './term.ts';

export interface TokenFetchParts {
  readonly identity: TokenIdentity;
  readonly source: TokenSource;
  /** For kinds with refresh tokens. */
  readonly chain: ChainKeeper | undefined;
  /** The provider's, shared by all of its tokens; without it each token is on its own. */
  readonly breaker?: ProviderBreaker | undefined;
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** One call of the provider with what belongs to it: the refresh token to present, and what is told about the call. */
export class TokenFetch {
  readonly #parts: TokenFetchParts;
  readonly #pace: FetchPace;
  readonly #share: FetchShare;

  /** @param share holds a permit for the call when there is a budget */
  constructor(parts: TokenFetchParts, pace: FetchPace, share: FetchShare) {
    this.#parts = parts;
    this.#pace = pace;
    this.#share = share;
  }

  /**
   * Calls the provider, unless the term has ended or the chain is not ready for it.
   * @param remainingMs of the token that readers see, in milliseconds; `undefined` when there is none
   * @param publishedFingerprint of that token, while it lives
   */
  async run(
    term: Term,
    remainingMs: number | undefined,
    publishedFingerprint: string | undefined,
  ): Promise<Result<FetchedToken>> {
    const { chain, source, breaker, clock, events, identity } = this.#parts;
    const prepared = chain === undefined ? succeed(undefined) : await chain.prepare(term);
    if (!prepared.ok) return prepared;
    const presented = prepared.value;
    // Checked right here, because everything above may have taken its time.
    if (term.stopping.aborted || term.signal.aborted) return fail(describeEnd(term));
    const startedMs = clock.monotonicMs();
    await this.#share.use();
    await this.#pace.recordFetch();
    const takeBack = presented === undefined ? undefined : await chain?.notePresentation(presented);
    const report = await source.fetch(
      presented,
      term.signal,
      () => term.signal.aborted,
      publishedFingerprint,
    );
    const { clockSkewMs, salvaged, isUnasked = false } = report;
    if (report.hasNewCredentials === true) this.#pace.noteCredentialChange();
    const result = report.result.ok
      ? report.result
      : fail(boundRetryAfter(report.result.failure, remainingMs));
    if (!isUnasked) {
      this.#share.settle();
      breaker?.settle(identity.token, result.ok ? undefined : result.failure);
    }
    // Before anything else: from here on the refresh token that was presented is spent.
    const brought = result.ok ? result.value : salvaged;
    const excess = brought === undefined ? undefined : await chain?.accept(brought);
    // A newer refresh token makes the note meaningless: it is left for the next one to replace.
    if (report.isAmbiguous !== true && brought?.refreshToken === undefined) {
      if (result.ok) await chain?.forgetPresentation();
      // A 503 says nothing about a former presentation whose outcome nobody knows. What was refused stays noted: a process
      // that is killed before the chain starts again would leave it to the next one to find out.
      else if (result.failure.code !== 'chain-broken') await takeBack?.();
    }
    events({
      event: 'token-fetched',
      identity,
      durationMs: clock.monotonicMs() - startedMs,
      clockSkewMs,
      failure: result.ok ? undefined : result.failure,
      notes: [...(result.ok ? result.value.notes : []), ...(excess === undefined ? [] : [excess])],
    });
    if (result.ok) {
      await this.#pace.recordSuccess();
      return result;
    }
    const outcome = await this.#handleFailure(result.failure, presented, report, term);
    if (outcome.code !== 'aborted' && !isUnasked) await this.#pace.recordRefusal(outcome);
    return fail(outcome);
  }

  /** What the failure means for the chain. */
  async #handleFailure(
    failure: Failure,
    presented: ChainState | undefined,
    { salvaged, isAmbiguous = false }: FetchReport,
    term: Term,
  ): Promise<Failure> {
    const { chain } = this.#parts;
    if (chain === undefined) return failure;
    if (salvaged === undefined) return chain.handleFailure({ presented, failure, isAmbiguous }, term.signal);
    const saved = await chain.save(term);
    return saved.ok ? failure : saved.failure;
  }
}
