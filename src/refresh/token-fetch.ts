/** One call of the provider with what belongs to it: the refresh token to present, and what is told about the call. */

import type { Failure } from '../core/failure.ts';
import type { Clock, FetchReport, RefreshEvents, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { boundRetryAfter } from '../core/schedule/backoff.ts';
import type { ChainState } from '../core/token/chain-state.ts';
import type { FetchedToken, TokenIdentity } from '../core/token/token.ts';
import type { ChainKeeper } from './chain-keeper.ts';
import type { CallPermit, TokenLimits } from './limits/token-limits.ts';
import { describeEnd, type Term } from './term.ts';

export interface TokenFetchDeps {
  readonly identity: TokenIdentity;
  readonly source: TokenSource;
  /** For kinds with refresh tokens. */
  readonly chain: ChainKeeper | undefined;
  readonly limits: TokenLimits;
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** What readers see while it is fetched. */
export interface Readable {
  /** Life left in milliseconds; `undefined` when there is no token. */
  readonly remainingMs: number | undefined;
  /** Of the token, while it lives. */
  readonly fingerprint: string | undefined;
}

/** Calls the provider, unless the term has ended or the chain is not ready for it. */
export async function fetchToken(
  { identity, source, chain, limits, clock, events }: TokenFetchDeps,
  term: Term,
  permit: CallPermit,
  readable: Readable,
): Promise<Result<FetchedToken>> {
  const prepared = chain === undefined ? succeed(undefined) : await chain.prepare(term);
  if (!prepared.ok) return prepared;
  const presented = prepared.value;
  // Checked right here, because everything above may have taken its time.
  if (term.stopping.aborted || term.hasEnded()) return fail(describeEnd(term));
  const startedMs = clock.monotonicMs();
  await permit.use();
  const takeBack = presented === undefined ? undefined : await chain?.notePresentation(presented);
  const isOver = (): boolean => term.hasEnded();
  const report = await source.fetch(presented, term.signal, isOver, readable.fingerprint);
  const { clockSkewMs, rotatedRefreshToken, wasNotSent = false } = report;
  if (report.hasNewCredentials === true) limits.coolDown.noteCredentialChange();
  const result = report.result.ok
    ? report.result
    : fail(boundRetryAfter(report.result.failure, readable.remainingMs));
  if (!wasNotSent) permit.settle(result.ok ? undefined : result.failure);
  // Before anything else: from here on the refresh token that was presented is spent.
  const brought = result.ok ? result.value : rotatedRefreshToken;
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
    await limits.coolDown.recordSuccess();
    return result;
  }
  const failure = await explainForChain(chain, result.failure, presented, report, term);
  if (failure.code !== 'aborted' && !wasNotSent) await limits.coolDown.recordRefusal(failure);
  return fail(failure);
}

/** What the failure means for the chain. */
async function explainForChain(
  chain: ChainKeeper | undefined,
  failure: Failure,
  presented: ChainState | undefined,
  { rotatedRefreshToken, isAmbiguous = false }: FetchReport,
  term: Term,
): Promise<Failure> {
  if (chain === undefined) return failure;
  if (rotatedRefreshToken === undefined)
    return chain.handleFailure({ presented, failure, isAmbiguous }, term.signal);
  const saved = await chain.save(term);
  return saved.ok ? failure : saved.failure;
}
