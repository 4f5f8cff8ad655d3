/**
 * The store side of one token: its state, and what reads and writes its secret.
 *
 * Guarantee: what readers see is replaced by something better or not at all; a retry of a write is the same write.
 */

import type { Failure } from '../core/failure.ts';
import type { Clock, Random, RefreshEvents, SecretWrite, TextReader } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { type CadencePolicy, decideTolerableCadence, isDueAtTick } from '../core/schedule/cadence.ts';
import { momentAt, msUntil } from '../core/schedule/moment.ts';
import { describeExcess } from '../core/token/chain-state.ts';
import { describeFieldProblem, serializeDocument, type TokenDocument } from '../core/token/document.ts';
import { type Assessment, assessStored } from '../core/token/replacement.ts';
import type { FetchedToken, TokenIdentity } from '../core/token/token.ts';
import type { SecretWriter } from './limits/secret-writer.ts';
import type { TokenLimits } from './limits/token-limits.ts';
import {
  isOver,
  isPutOff,
  isUnchanged,
  keepEarlierMoments,
  type PlannedToken,
  planFetched,
  planStored,
  planUnchanged,
} from './planned-token.ts';
import type { Term } from './term.ts';
import type { TokenChain } from './token-chain.ts';
import {
  delay,
  invalidate,
  isStale,
  type PendingToken,
  pendingOf,
  publishedOf,
  rebase,
  type Stored,
  settled,
  storedIn,
  type TokenState,
  UNREAD,
  withPublished,
} from './token-state.ts';

export interface TokenPublicationDeps {
  readonly identity: TokenIdentity;
  readonly policy: CadencePolicy;
  /** How early a token that came off schedule is refreshed once, to spread a provider's tokens; drawn once. */
  readonly offsetMs: number;
  readonly store: TextReader;
  readonly limits: TokenLimits;
  /** For kinds with refresh tokens. */
  readonly chain: Pick<TokenChain, 'expiresAtMs'> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

export class TokenPublication {
  readonly #deps: TokenPublicationDeps;
  #state: TokenState = UNREAD;

  constructor(deps: TokenPublicationDeps) {
    this.#deps = deps;
  }

  get #writer(): SecretWriter {
    return this.#deps.limits.writer;
  }

  get state(): TokenState {
    return this.#state;
  }

  /** What readers see; `undefined` when that is nothing, or no token. */
  get published(): PlannedToken | undefined {
    return publishedOf(this.#state);
  }

  /** Life left on it, in milliseconds. */
  get remainingMs(): number | undefined {
    const { published } = this;
    return published === undefined ? undefined : msUntil(published.expiry, this.#deps.clock);
  }

  /** See {@link invalidate}. */
  invalidate(): void {
    this.#state = invalidate(this.#state);
  }

  /** See {@link delay}. */
  delay(): void {
    this.#state = delay(this.#state);
  }

  /** Learns what the store holds. */
  async restore(reader: TextReader, signal: AbortSignal): Promise<Result<void>> {
    const { identity, clock, events } = this.#deps;
    const pending = pendingOf(this.#state);
    const read = await reader.read(identity.secret, signal);
    if (!read.ok) {
      this.invalidate();
      return read;
    }
    const assessment = assessStored(read.value, identity, clock.now());
    if (assessment.kind === 'absent') events({ event: 'token-absent', identity, why: assessment.why });
    this.#learn(assessment, isStale(pending, clock) ? undefined : pending);
    return succeed(undefined);
  }

  /** What the store holds, beside what is pending. */
  #learn(read: Assessment, pending: PendingToken | undefined): void {
    const stored = storedIn(read);
    const published = read.kind === 'live' ? this.#adopt(read.document) : undefined;
    const rebased = pending === undefined ? undefined : rebase(pending, read, this.#createWrite);
    this.#state =
      rebased === undefined
        ? settled(stored, published)
        : { kind: 'pending', stored, published, pending: rebased };
  }

  /** Takes over a live document that this process did not write. */
  #adopt(document: TokenDocument): PlannedToken {
    const { policy, chain, clock, events, identity } = this.#deps;
    const { issuedAtMs, expiresAtMs, generation } = document;
    const read = planStored(document, chain?.expiresAtMs, policy, clock);
    const refreshAtMs = read.refreshAt.wallMs;
    events({ event: 'token-restored', identity, issuedAtMs, expiresAtMs, refreshAtMs, generation });
    return keepEarlierMoments(read, this.published);
  }

  /**
   * Looks, right before a call, whether somebody else's writes put the refresh off: a token that was published under us,
   * or versions that the budget does not bear. True when it is not due any more.
   */
  async reconsider(term: Term): Promise<boolean> {
    const { clock, policy } = this.#deps;
    const isReplaced = await this.#takeOverNewer(term.signal);
    const isNews = await this.#writer.learnVersions(term);
    const { published } = this;
    if ((!isReplaced && !isNews) || published === undefined || isOver(published, clock)) return false;
    const { tickMs } = decideTolerableCadence(published.lifetimeMs, policy);
    const dueInMs = msUntil(published.refreshAt, clock);
    const waitMs = this.#decidePostponement(published);
    if (isDueAtTick(Math.max(dueInMs, waitMs), tickMs)) return false;
    if (waitMs > dueInMs) this.#postpone(published, waitMs);
    return true;
  }

  /**
   * While versions are short, a look at the store before the fetch saves one: a write over somebody else's newer token
   * makes a version whatever comes of it.
   */
  async #takeOverNewer(signal: AbortSignal): Promise<boolean> {
    const { store, identity, policy, clock } = this.#deps;
    const state = this.#state;
    if (state.kind !== 'published' || !isPutOff(state.published, policy)) return false;
    const read = await store.read(identity.secret, signal);
    if (!read.ok || read.value?.version === state.stored.version) return false;
    const stored = assessStored(read.value, identity, clock.now());
    // The store is eventually consistent: what it shows may be what was there before ours.
    if (stored.kind !== 'live' || stored.document.expiresAtMs <= state.published.token.expiresAtMs)
      return false;
    this.#learn(stored, undefined);
    this.#writer.noticeOthers();
    return true;
  }

  #decidePostponement({ refreshAt, latestRefreshAt }: PlannedToken): number {
    const { clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const postponedAtMs = this.#writer.decidePostponedAt({
      plannedAtMs: nowMs + msUntil(refreshAt, clock),
      latestAtMs: nowMs + msUntil(latestRefreshAt, clock),
      offsetMs: 0,
    });
    return postponedAtMs - nowMs;
  }

  #postpone(published: PlannedToken, waitMs: number): void {
    const { clock, events, identity } = this.#deps;
    const refreshAt = momentAt(clock.now() + waitMs, clock);
    this.#state = withPublished(this.#state, { ...published, refreshAt });
    events({ event: 'refresh-postponed', identity, refreshAtMs: refreshAt.wallMs });
  }

  /**
   * Takes a fetched token over: it is pending from now on, or `unchanged` when readers see nothing worse.
   * @param isAskedEarly the refresh was not due: a plan for later still stands
   * @param isOffSchedule its next refresh comes early once
   * @returns why it can never be published, when it is neither
   */
  take(token: FetchedToken, isAskedEarly: boolean, isOffSchedule: boolean): Result<'pending' | 'unchanged'> {
    const { clock, events, identity, policy } = this.#deps;
    const { published } = this;
    if (published !== undefined && isUnchanged(token, published, clock)) {
      const planned = planUnchanged(token, published, { isAskedEarly, policy, now: clock });
      this.#state = withPublished(this.#state, planned);
      const [expiresAtMs, refreshAtMs] = [planned.expiry.wallMs, planned.refreshAt.wallMs];
      events({ event: 'token-unchanged', identity, expiresAtMs, refreshAtMs });
      return succeed('unchanged');
    }
    if (this.#state.kind === 'unread') throw new Error('nothing is fetched before the store was read');
    const { stored } = this.#state;
    const pending = this.#plan(token, stored, isOffSchedule);
    const isSame = published?.token.fingerprint === pending.token.fingerprint;
    // The token that readers have seen, handed out again in its last seconds.
    if (isSame && isOver(pending, clock))
      return unusable(`the token of ${identity.token} was over before it could be published`);
    const problem = describeFieldProblem(token.fields);
    if (problem !== undefined) return unusable(`the answer for ${identity.token} ${problem}`);
    const what = `the document of ${identity.token}, with its access token,`;
    const excess = describeExcess(what, pending.write.text);
    if (excess !== undefined) return unusable(excess);
    this.#state = { kind: 'pending', stored, published, pending };
    return succeed('pending');
  }

  /** Freezes the bytes of the token's write. */
  #plan(token: FetchedToken, stored: Stored, isOffSchedule: boolean): PendingToken {
    const { policy, offsetMs, chain, identity } = this.#deps;
    // A refresh token that did not come with it dies when it will: asking earlier and earlier would not save that one.
    const chainEndsAtMs =
      chain === undefined || token.refreshToken === undefined ? undefined : token.refreshTokenExpiresAtMs;
    const { document, planned } = planFetched(token, {
      identity,
      generation: stored.generation + 1,
      chainEndsAtMs,
      policy,
      offsetMs: isOffSchedule ? offsetMs : 0,
      // Later while versions of the secret are short.
      decideRefreshAt: (plan) => this.#writer.planRefreshAt(plan),
    });
    return { ...planned, document, write: this.#createWrite(document, stored), hasWaited: false };
  }

  readonly #createWrite = (document: TokenDocument, { version }: Stored): SecretWrite => {
    const { identity, random } = this.#deps;
    const text = serializeDocument(document);
    return { secretName: identity.secret, text, requestToken: random.uuid(), expectedVersion: version };
  };

  /** Publishes what is pending. `theirs`: somebody else has published a better one, which was taken over. */
  async publish(term: Term): Promise<Result<'ours' | 'theirs'>> {
    const pending = pendingOf(this.#state);
    if (pending === undefined) throw new Error('nothing is pending to be published');
    const expiresAtMs = this.published?.token.expiresAtMs;
    const written = await this.#writer.publish('document', pending.write, term, expiresAtMs);
    if (!written.ok)
      return written.failure.code === 'store-conflict'
        ? this.#resolveConflict(pending, written.failure, term.signal)
        : written;
    const { document, token, lifetimeMs, refreshAt, latestRefreshAt, expiry } = pending;
    const stored = { version: written.value.version, generation: document.generation };
    this.#state = settled(stored, { token, lifetimeMs, refreshAt, latestRefreshAt, expiry });
    return succeed('ours');
  }

  /** Somebody else has written the secret: the token that lives longer stays. */
  async #resolveConflict(
    pending: PendingToken,
    conflict: Failure,
    signal: AbortSignal,
  ): Promise<Result<'theirs'>> {
    const { store, identity, clock } = this.#deps;
    const read = await store.read(identity.secret, signal);
    if (!read.ok) return read;
    const assessment = assessStored(read.value, identity, clock.now());
    const rebased = rebase(pending, assessment, this.#createWrite);
    if (rebased === undefined) {
      this.#learn(assessment, undefined);
      return succeed('theirs');
    }
    const { published } = this;
    this.#state = { kind: 'pending', stored: storedIn(assessment), published, pending: rebased };
    return fail(conflict);
  }
}

function unusable(message: string): Result<never> {
  return fail({ code: 'response-malformed', retry: 'backoff', message });
}
