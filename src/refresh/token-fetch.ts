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
import { FRESH, type Phase, type RefreshRun, UNCHANGED, WORKING } from './refresh-run.ts';
import { describeEnd, type Term } from './term.ts';
import { type KnownState, learn, readSecret, type TokenSecretDeps } from './token-state.ts';

export interface TokenFetchDeps extends TokenSecretDeps {
  readonly source: TokenSource;
  readonly limits: TokenLimits;
  /** How early a token that came off schedule is refreshed once, to spread a provider's tokens; drawn once. */
  readonly offsetMs: number;
}

/** What a fetch makes of the token, and of the run. */
export interface Fetched {
  readonly state: KnownState;
  readonly phase: Result<Phase>;
}

/** Asks for a token that is pending then, unless readers see nothing worse or the refresh turns out to be put off. */
export async function fetchToken(
  deps: TokenFetchDeps,
  former: KnownState,
  run: RefreshRun,
  permit: CallPermit,
): Promise<Fetched> {
  const { reason, attempt, term, refused } = run;
  const { state, isPutOff: isLater } = await reconsider(deps, former, term);
  const isSpared = isLater && attempt === 1 && (reason === 'due' || reason === 'start');
  // Another process has published a token since: what readers were refused with is gone.
  const isGone = refused !== undefined && state !== former && state.published?.token.fingerprint !== refused;
  if (isSpared || isGone) return { state, phase: succeed(FRESH) };
  const answer = await callProvider(deps, state, term, permit);
  if (!answer.ok) return { state, phase: answer };
  const taken = takeToken(deps, state, answer.value, run);
  if (taken.ok)
    return { state: taken.value, phase: succeed(taken.value.pending === undefined ? UNCHANGED : WORKING) };
  // The token is of no use; the refresh token that came with it is.
  const saved = await deps.chain?.save(term);
  return { state, phase: saved?.ok === false ? saved : taken };
}

/**
 * Looks, right before a call, whether other processes' writes put the refresh off: they have published a token, or
 * used versions that the budget does not have.
 */
async function reconsider(
  deps: TokenFetchDeps,
  former: KnownState,
  term: Term,
): Promise<{ readonly state: KnownState; readonly isPutOff: boolean }> {
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
  return { state: { ...state, published: { ...published, refreshAt } }, isPutOff: true };
}

/**
 * While versions are short, a look at the store before the fetch saves one: a write over another process's newer token
 * makes a version whatever comes of it.
 */
async function takeOverNewer(
  deps: TokenFetchDeps,
  state: KnownState,
  signal: AbortSignal,
): Promise<KnownState> {
  const { published } = state;
  if (published === undefined || !isPutOff(published, deps.policy)) return state;
  const read = await readSecret(deps, signal);
  if (!read.ok || read.value.version === state.stored.version) return state;
  // The store is eventually consistent: what it shows may be what was there before ours.
  if (read.value.kind !== 'live' || read.value.document.expiresAtMs <= published.token.expiresAtMs)
    return state;
  deps.limits.writer.noticeOthers();
  return learn(deps, published, read.value, undefined);
}

/** Calls the provider, unless the term has ended or the chain is not ready for it. */
async function callProvider(
  { identity, source, chain, limits, clock, events }: TokenFetchDeps,
  { published }: KnownState,
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
  // Before anything else: from here on the refresh token that was presented is spent.
  const excess = await chain?.accept(presented, report);
  const durationMs = clock.monotonicMs() - startedMs;
  const notes = [...(result.ok ? result.value.notes : []), ...(excess === undefined ? [] : [excess])];
  events({ event: 'token-fetched', identity, durationMs, clockSkewMs, failure, notes });
  const isExplained = failure !== undefined && chain !== undefined;
  const explained = isExplained ? await chain.explain(presented, failure, report, term) : failure;
  if (!wasNotSent) await permit.settle(failure, explained);
  return explained === undefined ? result : fail(explained);
}

/** @returns the state with the token, or why it can never be published */
function takeToken(
  { clock, events, identity, policy, offsetMs, chain, limits, random, store }: TokenFetchDeps,
  state: KnownState,
  token: FetchedToken,
  run: RefreshRun,
): Result<KnownState> {
  const { stored, published } = state;
  const { reason, refused } = run;
  if (published !== undefined && isUnchanged(token, published, refused, clock)) {
    // A plan for later still stands.
    const isAskedEarly = reason === 'explicit' || reason === 'rejected';
    const planned = planUnchanged(token, published, { isAskedEarly, policy, now: clock });
    const [expiresAtMs, refreshAtMs] = [planned.expiry.wallMs, planned.refreshAt.wallMs];
    events({ event: 'token-unchanged', identity, expiresAtMs, refreshAtMs });
    return succeed({ ...state, published: planned });
  }
  const pending = planFetched(token, {
    identity,
    stored,
    replaces: refused,
    // A refresh token that did not come with it dies when it will: asking earlier and earlier would not save that one.
    chainEndsAtMs:
      chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs,
    policy,
    offsetMs: isOffSchedule(run) ? offsetMs : 0,
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
  return succeed({ stored, published, pending });
}

/** Whether its token does not come when its time has come, maybe with all tokens of the provider at once. */
function isOffSchedule({ beganLive, reason, attempt }: RefreshRun): boolean {
  return attempt > 1 || !beganLive || !(reason === 'due' || reason === 'schedule');
}

function unusable(message: string): Result<never> {
  return fail({ code: 'response-malformed', retry: 'backoff', message } satisfies Failure);
}
