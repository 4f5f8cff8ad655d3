/** One fetch: a last look at whether it is still wanted, the call of the provider, and what its answer makes of the token. */

import type { Failure } from '../core/failure.ts';
import type { TokenSource } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { boundRetryAfter } from '../core/schedule/backoff.ts';
import { decideTolerableCadence, isDueAtTick } from '../core/schedule/cadence.ts';
import { momentAt, msUntil } from '../core/schedule/moment.ts';
import { describeExcess } from '../core/token/chain-state.ts';
import { describeFieldProblem } from '../core/token/document.ts';
import type { FetchedToken } from '../core/token/token.ts';
import type { CallPermit, TokenLimits } from './limits/token-limits.ts';
import { hasExpired, isPutOff, isUnchanged, planFetched, planUnchanged } from './planned-token.ts';
import { describeEnd, type Term } from './term.ts';
import { learn, readSecret, type TokenSecretDeps } from './token-secret.ts';
import { type TokenState, withPublished } from './token-state.ts';

export interface TokenFetchDeps extends TokenSecretDeps {
  readonly source: TokenSource;
  readonly limits: TokenLimits;
  /** How early a token that came off schedule is refreshed once, to spread a provider's tokens; drawn once. */
  readonly offsetMs: number;
}

/**
 * Looks, right before a call, whether somebody else's writes put the refresh off: a token that was published under us,
 * or versions that the budget does not bear.
 */
export async function reconsider(
  deps: TokenFetchDeps,
  former: TokenState,
  term: Term,
): Promise<{ readonly state: TokenState; readonly isPutOff: boolean }> {
  const { clock, policy, events, identity } = deps;
  const { writer } = deps.limits;
  const state = await takeOverNewer(deps, former, term.signal);
  const isNews = await writer.learnVersions(term);
  const { published } = state;
  if ((state === former && !isNews) || published === undefined || hasExpired(published, clock))
    return { state, isPutOff: false };
  const { tickMs } = decideTolerableCadence(published.lifetimeMs, policy);
  const nowMs = clock.monotonicMs();
  const dueInMs = msUntil(published.refreshAt, clock);
  const postponedAtMs = writer.decidePostponedAt({
    plannedAtMs: nowMs + dueInMs,
    latestAtMs: nowMs + msUntil(published.latestRefreshAt, clock),
    offsetMs: 0,
  });
  const waitMs = postponedAtMs - nowMs;
  if (isDueAtTick(Math.max(dueInMs, waitMs), tickMs)) return { state, isPutOff: false };
  if (waitMs <= dueInMs) return { state, isPutOff: true };
  const refreshAt = momentAt(clock.now() + waitMs, clock);
  events({ event: 'refresh-postponed', identity, refreshAtMs: refreshAt.wallMs });
  return { state: withPublished(state, { ...published, refreshAt }), isPutOff: true };
}

/**
 * While versions are short, a look at the store before the fetch saves one: a write over somebody else's newer token
 * makes a version whatever comes of it.
 */
async function takeOverNewer(
  deps: TokenFetchDeps,
  state: TokenState,
  signal: AbortSignal,
): Promise<TokenState> {
  if (state.kind !== 'published' || !isPutOff(state.published, deps.policy)) return state;
  const read = await readSecret(deps, signal);
  if (!read.ok || read.value.version === state.stored.version) return state;
  // The store is eventually consistent: what it shows may be what was there before ours.
  if (read.value.kind !== 'live' || read.value.document.expiresAtMs <= state.published.token.expiresAtMs)
    return state;
  deps.limits.writer.noticeOthers();
  return learn(deps, state.published, read.value, undefined);
}

/** Calls the provider, unless the term has ended or the chain is not ready for it. */
export async function fetchToken(
  { identity, source, chain, limits, clock, events }: TokenFetchDeps,
  { published }: TokenState,
  term: Term,
  permit: CallPermit,
): Promise<Result<FetchedToken>> {
  const prepared = chain === undefined ? succeed(undefined) : await chain.prepare(term);
  if (!prepared.ok) return prepared;
  const presented = prepared.value;
  const remainingMs = published === undefined ? undefined : msUntil(published.expiry, clock);
  const fingerprint = (remainingMs ?? 0) > 0 ? published?.token.fingerprint : undefined;
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

/**
 * What a fetched token makes of the state: it is pending from now on, unless readers see nothing worse.
 * @param isAskedEarly the refresh was not due: a plan for later still stands
 * @param isOffSchedule its next refresh comes early once
 * @returns why it can never be published, when it is neither
 */
export function takeToken(
  { clock, events, identity, policy, offsetMs, chain, limits, random, store }: TokenFetchDeps,
  state: TokenState,
  token: FetchedToken,
  isAskedEarly: boolean,
  isOffSchedule: boolean,
): Result<TokenState> {
  const { published } = state;
  if (published !== undefined && isUnchanged(token, published, clock)) {
    const planned = planUnchanged(token, published, { isAskedEarly, policy, now: clock });
    const [expiresAtMs, refreshAtMs] = [planned.expiry.wallMs, planned.refreshAt.wallMs];
    events({ event: 'token-unchanged', identity, expiresAtMs, refreshAtMs });
    return succeed(withPublished(state, planned));
  }
  if (state.kind === 'unread') throw new Error('nothing is fetched before the store was read');
  const { stored } = state;
  const pending = planFetched(token, {
    identity,
    stored,
    // A refresh token that did not come with it dies when it will: asking earlier and earlier would not save that one.
    chainEndsAtMs:
      chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs,
    policy,
    offsetMs: isOffSchedule ? offsetMs : 0,
    // Later while versions of the secret are short.
    planRefreshAt: (plan) => limits.writer.planRefreshAt(plan),
    random,
  });
  const isSame = published?.token.fingerprint === pending.token.fingerprint;
  // The token that readers have seen, handed out again in its last seconds.
  if (isSame && hasExpired(pending, clock))
    return unusable(`the token of ${identity.token} was over before it could be published`);
  const problem = describeFieldProblem(token.fields);
  if (problem !== undefined) return unusable(`the answer for ${identity.token} ${problem}`);
  const what = `the document of ${identity.token}, with its access token,`;
  const excess = describeExcess(what, pending.write.text, store.maxSecretBytes);
  if (excess !== undefined) return unusable(excess);
  return succeed({ kind: 'pending', stored, published, pending });
}

function unusable(message: string): Result<never> {
  return fail({ code: 'response-malformed', retry: 'backoff', message } satisfies Failure);
}
