/** One call of the provider with what belongs to it: the refresh token to present, and what is told about the call. */

import type { Clock, RefreshEvents, TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { boundRetryAfter } from '../core/schedule/backoff.ts';
import type { FetchedToken, TokenIdentity } from '../core/token/token.ts';
import type { CallPermit, TokenLimits } from './limits/token-limits.ts';
import { describeEnd, type Term } from './term.ts';
import type { TokenChain } from './token-chain.ts';

export interface TokenFetchDeps {
  readonly identity: TokenIdentity;
  readonly source: TokenSource;
  /** For kinds with refresh tokens. */
  readonly chain: TokenChain | undefined;
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
  { remainingMs, fingerprint }: Readable,
): Promise<Result<FetchedToken>> {
  const prepared = chain === undefined ? succeed(undefined) : await chain.prepare(term);
  if (!prepared.ok) return prepared;
  const presented = prepared.value;
  // Looked at right here, because everything above may have taken its time.
  if (term.stopping.aborted || term.hasEnded()) return fail(describeEnd(term));
  const startedMs = clock.monotonicMs();
  await permit.use();
  if (presented !== undefined) await chain?.note(presented);
  const report = await source.fetch(presented, term.signal, () => term.hasEnded(), fingerprint);
  const { wasNotSent = false, clockSkewMs } = report;
  const result = report.result.ok ? report.result : fail(boundRetryAfter(report.result.failure, remainingMs));
  const failure = result.ok ? undefined : result.failure;
  if (report.hasNewCredentials === true) limits.coolDown.noteCredentialChange();
  if (!wasNotSent) permit.settle(failure);
  // Before anything else: from here on the refresh token that was presented is spent.
  const excess = await chain?.accept(presented, report);
  const durationMs = clock.monotonicMs() - startedMs;
  const notes = [...(result.ok ? result.value.notes : []), ...(excess === undefined ? [] : [excess])];
  events({ event: 'token-fetched', identity, durationMs, clockSkewMs, failure, notes });
  if (failure === undefined) {
    await limits.coolDown.recordSuccess();
    return result;
  }
  const explained = chain === undefined ? failure : await chain.explain(presented, failure, report, term);
  if (explained.code !== 'aborted' && !wasNotSent) await limits.coolDown.recordRefusal(explained);
  return fail(explained);
}
