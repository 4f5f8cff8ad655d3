/**
 * The store side of one token: what readers see, and the token that was fetched and is not readable yet.
 *
 * Guarantee: what readers see is replaced by something better or not at all; a retry of a write is the same write.
 */
import {
  type Cadence,
  type CadencePolicy,
  decideRefreshAt,
  decideRestoredRefreshAt,
  decideTolerableCadence,
  isDueAtTick,
} from '../core/cadence.ts';
import { describeExcess } from '../core/chain-state.ts';
import {
  createDocument,
  createPublishedToken,
  describeFieldProblem,
  type PublishedToken,
  serializeDocument,
  type TokenDocument,
} from '../core/document.ts';
import type { Failure } from '../core/failure.ts';
import { momentAt, msUntil } from '../core/moment.ts';
import type { Clock, Random, RefreshEvents, SecretWrite, TextReader } from '../core/ports.ts';
import { assessStored, decideConflict, decideReplacement } from '../core/replacement.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import {
  earlierExpiry,
  type Held,
  isPutOff,
  keepEarlierMoments,
  momentOf,
  usableUntil,
  whenWorthAsking,
} from './held-token.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { Term } from './term.ts';

export interface TokenPublicationParts {
  readonly identity: TokenIdentity;
  readonly policy: CadencePolicy;
  /** How early a token that came off schedule is refreshed once, to spread a provider's tokens; drawn once. */
  readonly offsetMs: number;
  readonly store: TextReader;
  readonly writer: SecretWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

interface Kept extends Held {
  readonly document: TokenDocument;
  readonly write: SecretWrite;
}

export class TokenPublication {
  readonly #parts: TokenPublicationParts;
  /** What readers see, as far as this process knows. */
  #published: Held | undefined;
  /** Version and generation that the next write follows on; `undefined` until the store has been read. */
  #stored: { readonly version: string | undefined; readonly generation: number } | undefined;
  /** Fetched, and not readable yet. */
  #kept: Kept | undefined;

  constructor(parts: TokenPublicationParts) {
    this.#parts = parts;
  }

  /** What readers see; `undefined` when that is nothing, or no token. */
  get published(): PublishedToken | undefined {
    return this.#published?.token;
  }

  /** Of what readers see; `undefined` when that is nothing, or over. */
  get liveFingerprint(): string | undefined {
    const remainingMs = this.remainingMs();
    return remainingMs !== undefined && remainingMs > 0 ? this.published?.fingerprint : undefined;
  }

  get isStoreKnown(): boolean {
    return this.#stored !== undefined;
  }

  get hasKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Milliseconds until the refresh is due; negative when it is overdue or when there is no token. */
  dueInMs(): number {
    return this.#published === undefined
      ? Number.NEGATIVE_INFINITY
      : msUntil(this.#published.refreshAt, this.#parts.clock);
  }

  /** True when there is no token, or its refresh is nearer to now than to the next tick. */
  get isDue(): boolean {
    if (this.#published === undefined) return true;
    const { tickMs } = decideTolerableCadence(this.#published.lifetimeMs, this.#parts.policy);
    return isDueAtTick(this.dueInMs(), tickMs);
  }

  /** See {@link Held.lifetimeMs}; `undefined` when there is no token. */
  get lifetimeMs(): number | undefined {
    return this.#published?.lifetimeMs;
  }

  /** Milliseconds of life left on the token that readers see; `undefined` when there is none. */
  remainingMs(): number | undefined {
    return this.#published === undefined ? undefined : msUntil(this.#published.expiry, this.#parts.clock);
  }

  /** Milliseconds until a secret of this token that is full has room; `undefined` when none is, or not known. */
  get roomInMs(): number | undefined {
    return this.#parts.writer.roomInMs;
  }

  /** What is known of the store may be out of date: it has to be restored before anything is fetched. */
  distrust(): void {
    this.#stored = undefined;
  }

  /**
   * Learns what the store holds.
   * @param chainEndsAtMs when the refresh token that gets the next token dies; `undefined` when there is none
   */
  async restore(
    reader: TextReader,
    signal: AbortSignal,
    chainEndsAtMs: number | undefined,
  ): Promise<Result<void>> {
    const { identity, clock, events } = this.#parts;
    const read = await reader.read(identity.secret, signal);
    if (!read.ok) {
      this.#stored = undefined;
      return read;
    }
    const assessment = assessStored(read.value, identity, clock.now());
    if (assessment.kind === 'live') {
      this.#adopt(assessment.document, assessment.version, chainEndsAtMs);
    } else {
      this.#stored = { version: assessment.version, generation: assessment.generation };
      this.#published = undefined;
      events({ event: 'token-absent', identity, why: assessment.why });
    }
    return succeed(undefined);
  }

  /**
   * Looks, before anything is fetched, whether somebody else's writes put the refresh off: a token that was published
   * under us, or versions that the budget does not bear. True when it is not due any more.
   * @param chainEndsAtMs as for {@link TokenPublication.restore}
   */
  async reconsider(term: Term, chainEndsAtMs: number | undefined): Promise<boolean> {
    const { writer, clock, policy } = this.#parts;
    const isReplaced = await this.#takeOverNewer(term.signal, chainEndsAtMs);
    const isNews = await writer.learnVersions(term);
    const published = this.#published;
    if ((!isReplaced && !isNews) || published === undefined || msUntil(published.expiry, clock) <= 0)
      return false;
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
  async #takeOverNewer(signal: AbortSignal, chainEndsAtMs: number | undefined): Promise<boolean> {
    const { store, writer, identity, clock } = this.#parts;
    const published = this.#published;
    if (published === undefined || !isPutOff(published, this.#parts.policy)) return false;
    const read = await store.read(identity.secret, signal);
    if (!read.ok || read.value?.version === this.#stored?.version) return false;
    const stored = assessStored(read.value, identity, clock.now());
    // The store is eventually consistent: what it shows may be what was there before ours.
    if (stored.kind !== 'live' || stored.document.expiresAtMs <= published.token.expiresAtMs) return false;
    this.#adopt(stored.document, stored.version, chainEndsAtMs);
    writer.noticeOthers();
    return true;
  }

  #decidePostponement({ refreshAt, latestRefreshAt }: Held): number {
    const { writer, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const postponedAtMs = writer.decidePostponedAt({
      plannedAtMs: nowMs + msUntil(refreshAt, clock),
      latestAtMs: nowMs + msUntil(latestRefreshAt, clock),
      offsetMs: 0,
    });
    return postponedAtMs - nowMs;
  }

  #postpone(published: Held, waitMs: number): void {
    const { clock, events, identity } = this.#parts;
    const refreshAt = momentAt(clock.now() + waitMs, clock);
    this.#published = { ...published, refreshAt };
    events({ event: 'refresh-postponed', identity, refreshAtMs: refreshAt.wallMs });
  }

  /**
   * Gives up a kept token that has become due itself, because the store was away for so long. The store is then read
   * again before anything is fetched, so that no token is fetched for a store that does not answer.
   */
  dropStaleKept(): void {
    if (this.#kept === undefined || msUntil(this.#kept.refreshAt, this.#parts.clock) > 0) return;
    this.#kept = undefined;
    this.#stored = undefined;
  }

  /**
   * True when the provider had nothing better than what readers already see. Nothing is written, and the next moment
   * is the one at which asking makes sense, or the planned one when that has not been tried yet.
   */
  declineUnchanged(token: FetchedToken, isAskedEarly: boolean): boolean {
    const { clock, events, identity } = this.#parts;
    const published = this.#published;
    if (published === undefined || msUntil(published.expiry, clock) <= 0) return false;
    // By whichever clock says that it dies sooner: the wall clock may have been set back since it was published.
    const expiresAtMs = clock.now() + msUntil(published.expiry, clock);
    if (decideReplacement(token, { ...published.token, expiresAtMs }, clock.now()) === 'replace')
      return false;
    const expiry = earlierExpiry(token, published);
    const worthAskingAt = whenWorthAsking(token, { ...published, expiry }, this.#parts.policy);
    const isPlanKept = isAskedEarly && msUntil(published.refreshAt, clock) < msUntil(worthAskingAt, clock);
    const refreshAt = isPlanKept ? published.refreshAt : worthAskingAt;
    this.#published = { ...published, expiry, refreshAt };
    events({
      event: 'token-unchanged',
      identity,
      expiresAtMs: expiry.wallMs,
      refreshAtMs: refreshAt.wallMs,
    });
    return true;
  }

  /**
   * Takes a fetched token over and freezes the bytes of its write.
   * @param chainEndsAtMs when the refresh token that came with it dies; `undefined` when there is none
   * @param isOffSchedule true for a first token, or one that did not come when its time had come: it is refreshed early
   *   once
   * @returns why it can never be published; it is forgotten then
   */
  keep(token: FetchedToken, chainEndsAtMs: number | undefined, isOffSchedule: boolean): Failure | undefined {
    const { policy, offsetMs, identity, clock } = this.#parts;
    // The token that readers have seen, handed out again in its last seconds.
    const isSame = token.accessToken.fingerprint() === this.published?.fingerprint;
    if (isSame && msUntil(momentOf(token, token.expiresAtMs), clock) <= 0) {
      const message = `the token of ${identity.token} was over before it could be published`;
      return { code: 'response-malformed', retry: 'backoff', message };
    }
    const usableUntilMs = usableUntil(token, chainEndsAtMs, token.issuedAtMs);
    const lifetimeMs = usableUntilMs - token.issuedAtMs;
    const cadence = decideTolerableCadence(lifetimeMs, policy);
    const refreshAtMs = this.#planRefresh(token, usableUntilMs, cadence, isOffSchedule ? offsetMs : 0);
    const generation = (this.#stored?.generation ?? 0) + 1;
    const document = createDocument(identity, token, { refreshAtMs, generation });
    const write = this.#createWrite(document, this.#stored?.version);
    const problem = describeFieldProblem(token.fields);
    const excess =
      problem === undefined
        ? describeExcess(`the document of ${identity.token}, with its access token,`, write.text)
        : `the answer for ${identity.token} ${problem}`;
    if (excess !== undefined) return { code: 'response-malformed', retry: 'backoff', message: excess };
    this.#kept = {
      token: createPublishedToken(document),
      document,
      lifetimeMs,
      refreshAt: momentOf(token, refreshAtMs),
      latestRefreshAt: momentOf(token, usableUntilMs - cadence.leastMarginMs),
      expiry: momentOf(token, token.expiresAtMs),
      write,
    };
    return undefined;
  }

  #createWrite(document: TokenDocument, expectedVersion: string | undefined): SecretWrite {
    const { identity, random } = this.#parts;
    const text = serializeDocument(document);
    return { secretName: identity.secret, text, requestToken: random.uuid(), expectedVersion };
  }

  /** When the next refresh is due: as the cadence wants it, or later while versions of the secret are short. */
  #planRefresh(token: FetchedToken, usableUntilMs: number, cadence: Cadence, offsetMs: number): number {
    const plannedAtMs = decideRefreshAt(usableUntilMs, cadence, 0);
    const soonestAtMs = decideRefreshAt(usableUntilMs, cadence, offsetMs);
    const latestAtMs = usableUntilMs - cadence.leastMarginMs;
    const decidedAtMs = this.#parts.writer.decideRefreshAt({
      plannedAtMs: momentOf(token, plannedAtMs).monotonicMs,
      latestAtMs: momentOf(token, latestAtMs).monotonicMs,
      offsetMs: plannedAtMs - soonestAtMs,
      longestPaceMs: latestAtMs - token.issuedAtMs,
    });
    return Math.round(token.issuedAtMs + (decidedAtMs - token.issuedAtMonotonicMs));
  }

  /**
   * Publishes the kept token. `theirs`: somebody else has published a better one, which was taken over.
   * @param chainEndsAtMs as for {@link TokenPublication.restore}
   */
  async publish(term: Term, chainEndsAtMs: number | undefined): Promise<Result<'ours' | 'theirs'>> {
    const kept = this.#kept;
    if (kept === undefined) throw new Error('nothing is kept to publish');
    const { writer } = this.#parts;
    const written = await writer.publish('document', kept.write, term, this.published?.expiresAtMs);
    if (!written.ok) {
      return written.failure.code === 'store-conflict'
        ? this.#resolveConflict(kept, written.failure, chainEndsAtMs, term.signal)
        : written;
    }
    this.#kept = undefined;
    this.#stored = { version: written.value.version, generation: kept.document.generation };
    const { token, lifetimeMs, refreshAt, latestRefreshAt, expiry } = kept;
    this.#published = { token, lifetimeMs, refreshAt, latestRefreshAt, expiry };
    return succeed('ours');
  }

  /** Somebody else has written the secret: the token that lives longer stays. */
  async #resolveConflict(
    kept: Kept,
    conflict: Failure,
    chainEndsAtMs: number | undefined,
    signal: AbortSignal,
  ): Promise<Result<'theirs'>> {
    const { store, identity, clock } = this.#parts;
    const read = await store.read(identity.secret, signal);
    if (!read.ok) return read;
    const stored = assessStored(read.value, identity, clock.now());
    if (stored.kind === 'live' && decideConflict(kept.document, stored) === 'keep-theirs') {
      this.#kept = undefined;
      this.#adopt(stored.document, stored.version, chainEndsAtMs);
      return succeed('theirs');
    }
    const { generation } = stored.kind === 'live' ? stored.document : stored;
    this.#kept =
      generation < kept.document.generation
        ? { ...kept, write: { ...kept.write, expectedVersion: stored.version } }
        : this.#countOn(kept, generation + 1, stored.version);
    return fail(conflict);
  }

  /** Readers may rely on the generation: where somebody else has counted on, ours has to be other bytes. */
  #countOn(kept: Kept, generation: number, expectedVersion: string | undefined): Kept {
    const document = { ...kept.document, generation };
    const token = createPublishedToken(document);
    return { ...kept, token, document, write: this.#createWrite(document, expectedVersion) };
  }

  /** Takes over a live document that this process did not write. */
  #adopt(document: TokenDocument, version: string, chainEndsAtMs: number | undefined): void {
    const { policy, clock, events, identity } = this.#parts;
    const { issuedAtMs, expiresAtMs, generation } = document;
    const usableUntilMs = usableUntil(document, chainEndsAtMs, clock.now());
    const lifetimeMs = usableUntilMs - issuedAtMs;
    const cadence = decideTolerableCadence(lifetimeMs, policy);
    const refreshAtMs = decideRestoredRefreshAt({ ...document, expiresAtMs: usableUntilMs }, cadence);
    this.#stored = { version, generation };
    const read: Held = {
      token: createPublishedToken(document),
      lifetimeMs,
      refreshAt: momentAt(refreshAtMs, clock),
      latestRefreshAt: momentAt(usableUntilMs - cadence.leastMarginMs, clock),
      expiry: momentAt(expiresAtMs, clock),
    };
    this.#published = keepEarlierMoments(read, this.#published);
    events({ event: 'token-restored', identity, issuedAtMs, expiresAtMs, refreshAtMs, generation });
  }
}
