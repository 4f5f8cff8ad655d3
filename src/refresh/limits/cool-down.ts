/**
 * When the provider may be asked for one token again: its `minInterval`, what it demanded with `Retry-After`, after
 * rejected credentials, and, after a restart, what the provider demanded of the former process.
 *
 * Non-guarantee: without a place for waits ({@link FetchWaits}) a restart forgets all but the interval after a success.
 */

import type { Failure } from '../../core/failure.ts';
import { decideRejectedWait, describeWait, remainingWaitMs } from '../../core/limits/fetch-wait.ts';
import type { Clock, FetchWait, FetchWaits } from '../../core/ports.ts';
import { decideHumanWait } from '../../core/schedule/backoff.ts';
import { type Moment, momentAt, msUntil, type Now } from '../../core/schedule/moment.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { formatPeriod } from '../../core/wire/time-text.ts';

export interface CoolDownDeps {
  readonly identity: Pick<TokenIdentity, 'token'>;
  readonly clock: Clock;
  /** Shortest time between two fetches, in milliseconds; 0 for none. */
  readonly minIntervalMs: number;
  /** `undefined`: waits are in memory alone. */
  readonly waits?: FetchWaits | undefined;
}

/** Why the provider is left alone, beside its `Retry-After` and `minInterval`. */
type Block =
  /** What the provider demanded of the former process, and until when that holds. */
  | { readonly kind: 'inherited'; readonly wait: FetchWait; readonly until: Moment }
  /** The provider has refused this process's credentials, and they have not changed since. */
  | {
      readonly kind: 'rejected';
      readonly cause: Failure;
      /** Reported by a run that begins meanwhile. */
      readonly failure: Failure;
      /** Wall time. */
      readonly atMs: number;
      readonly untilMonotonicMs: number;
    };

export class CoolDown {
  readonly #deps: CoolDownDeps;
  /** Before this the provider does not want to be asked, not even for a human. */
  #notBefore: Moment | undefined;
  /** When this process has asked last, monotonic, and when that was answered with a token. */
  #lastFetch: { readonly atMs: number; readonly until: Moment } | undefined;
  /** The latest document whose issue lies ahead of our clock, and when that was first seen; monotonic. */
  #fromFuture: { readonly issuedAtMs: number; readonly seenMs: number } | undefined;
  #block: Block | undefined;
  /** The provider has handed out a token for the credentials. */
  #haveWorked = false;
  /** In a row, since then or since they were changed. */
  #rejections = 0;
  /** What {@link FetchWaits} holds. */
  #record: 'unread' | 'absent' | 'present' = 'unread';
  /** Former processes in a row whose credentials were rejected. */
  #rejectedLives = 0;

  constructor(deps: CoolDownDeps) {
    this.#deps = deps;
  }

  /** Learns once what the provider demanded of the former process. Call it before anything is fetched. */
  async restore(): Promise<void> {
    const { waits, identity, clock } = this.#deps;
    if (waits === undefined || this.#record !== 'unread') return;
    const wait = await waits.read(identity.token);
    // Another call may have been faster, and the record be this process's own since.
    if (this.#record !== 'unread') return;
    this.#record = wait === undefined ? 'absent' : 'present';
    if (wait === undefined) return;
    this.#rejectedLives = wait.rejectedLives;
    const until = momentAt(clock.now() + remainingWaitMs(wait, clock.now()), clock);
    this.#block = { kind: 'inherited', wait, until };
  }

  /**
   * Why the provider must not be asked yet, because of what a former process has met, or this one in a former term.
   * @param issuedAtMs of the published document: a token that was fetched since a rejection shows that it is over
   */
  currentBlock(
    issuedAtMs: number | undefined,
  ): { readonly failure: Failure; readonly leftMs: number } | undefined {
    const { clock } = this.#deps;
    const block = this.#block;
    if (block === undefined) return undefined;
    const leftMs = leftOf(block, clock);
    const isOver = leftMs <= 0 || (block.kind === 'rejected' && (issuedAtMs ?? 0) > block.atMs);
    if (isOver) return undefined;
    const failure = block.kind === 'rejected' ? block.failure : describeWait(block.wait, leftMs, clock.now());
    return failure && { failure, leftMs };
  }

  /** What is left of the wait that a rejection began, maybe in a former term; `undefined` for every other failure. */
  rejectedMs(failure: Failure): number | undefined {
    const block = this.#block;
    const isOfBlock = block?.kind === 'rejected' && (block.failure === failure || block.cause === failure);
    return isOfBlock ? Math.max(0, leftOf(block, this.#deps.clock)) : undefined;
  }

  /** Nothing is known yet about the new one. */
  noteCredentialChange(): void {
    this.forgetRejection();
    this.#haveWorked = false;
    this.#rejections = 0;
  }

  /** The wait is over, or a human wants the next attempt now. */
  forgetRejection(): void {
    if (this.#block?.kind === 'rejected') this.#block = undefined;
  }

  /** A fetch begins. What has to outlive a crash in its middle is on record when this resolves. */
  async recordFetch(): Promise<void> {
    const { clock, minIntervalMs } = this.#deps;
    if (minIntervalMs > 0) await this.#write(minIntervalMs, 'min-interval', this.#rejectedLives);
    // Counted from the call itself: a disk that hangs, or a pause of the process, would shorten the interval.
    this.#lastFetch = { atMs: clock.monotonicMs(), until: momentAt(clock.now(), clock) };
  }

  /** The provider has handed out a token. */
  async recordSuccess(): Promise<void> {
    const { waits, identity, minIntervalMs, clock } = this.#deps;
    if (this.#lastFetch !== undefined)
      this.#lastFetch = { ...this.#lastFetch, until: momentAt(clock.now(), clock) };
    this.#block = undefined;
    this.#haveWorked = true;
    this.#rejections = 0;
    this.#rejectedLives = 0;
    if (this.#record !== 'present') return;
    if (minIntervalMs > 0) {
      await this.#write(minIntervalMs, 'min-interval', 0);
      return;
    }
    this.#record = 'absent';
    await waits?.remove(identity.token);
  }

  /** The provider has refused. What it demanded outlives this process. */
  async recordRefusal(failure: Failure): Promise<void> {
    const { clock, minIntervalMs } = this.#deps;
    const { code, retry, retryAfterMs = 0 } = failure;
    this.#block = undefined;
    if (isRejection(failure)) {
      this.#rejections += 1;
      // A wrong clock is most often set right; until then each try is one more login.
      const isHopeful = this.#haveWorked || code === 'clock-skewed';
      this.#block = describeRejection(failure, decideHumanWait(this.#rejections, isHopeful), clock);
    }
    const isHumanNeeded = retry === 'needs-human';
    const waitMs = Math.max(retryAfterMs, isHumanNeeded ? decideRejectedWait(this.#rejectedLives) : 0);
    if (waitMs > minIntervalMs)
      await this.#write(waitMs, code, this.#rejectedLives + (isHumanNeeded ? 1 : 0));
  }

  recordFailure({ retryAfterMs }: Failure): void {
    const { clock } = this.#deps;
    this.#notBefore = retryAfterMs === undefined ? undefined : momentAt(clock.now() + retryAfterMs, clock);
  }

  /** Milliseconds until a demanded wait is over; 0 when there is none. */
  demandedMs(): number {
    return this.#notBefore === undefined ? 0 : Math.max(0, msUntil(this.#notBefore, this.#deps.clock));
  }

  /**
   * Milliseconds until `minInterval` has passed; 0 when it has.
   * @param issuedAtMs of the published document: it shows when another process has last asked the provider with success
   */
  intervalMs(issuedAtMs: number | undefined): number {
    const { clock, minIntervalMs } = this.#deps;
    const block = this.#block;
    const isInherited = block?.kind === 'inherited' && block.wait.code === 'min-interval';
    const inheritedMs = isInherited ? leftOf(block, clock) : 0;
    const last = this.#lastFetch;
    const ownMs = last === undefined ? 0 : minIntervalMs - (clock.monotonicMs() - last.atMs);
    return Math.max(0, inheritedMs, ownMs, this.#othersMs(issuedAtMs, minIntervalMs));
  }

  /** Milliseconds until {@link CoolDown.intervalMs} has passed, and `leastMs` since a token was handed out. */
  floorMs(issuedAtMs: number | undefined, leastMs: number): number {
    const last = this.#lastFetch;
    const ownMs =
      last === undefined ? 0 : leastMs - (this.#deps.clock.monotonicMs() - last.until.monotonicMs);
    return Math.max(this.intervalMs(issuedAtMs), ownMs, this.#othersMs(issuedAtMs, leastMs));
  }

  /** The age of a document is by the wall clock, so it counts only when another process has asked since. */
  #othersMs(issuedAtMs: number | undefined, leastMs: number): number {
    const isOthers =
      issuedAtMs !== undefined && issuedAtMs > (this.#lastFetch?.until.wallMs ?? Number.NEGATIVE_INFINITY);
    return isOthers ? leastMs - this.#ageMs(issuedAtMs) : 0;
  }

  /** A document from the future was issued by a clock that was set back since: its age counts from when it was first seen. */
  #ageMs(issuedAtMs: number): number {
    const { clock } = this.#deps;
    const ageMs = clock.now() - issuedAtMs;
    if (ageMs >= 0) return ageMs;
    const nowMs = clock.monotonicMs();
    if (this.#fromFuture?.issuedAtMs !== issuedAtMs) this.#fromFuture = { issuedAtMs, seenMs: nowMs };
    return nowMs - this.#fromFuture.seenMs;
  }

  async #write(waitMs: number, code: FetchWait['code'], rejectedLives: number): Promise<void> {
    const { waits, identity, clock } = this.#deps;
    if (waits === undefined) return;
    const recordedAtMs = clock.now();
    this.#record = 'present';
    const notBeforeMs = recordedAtMs + waitMs;
    await waits.write(identity.token, { notBeforeMs, recordedAtMs, code, rejectedLives });
  }
}

/** Another try is another login that may count against the account. */
function isRejection({ code }: Failure): boolean {
  return code === 'credentials-rejected' || code === 'request-rejected' || code === 'clock-skewed';
}

/** Milliseconds that it goes on; 0 or less when it is over. */
function leftOf(block: Block, now: Now): number {
  return block.kind === 'rejected' ? block.untilMonotonicMs - now.monotonicMs() : msUntil(block.until, now);
}

function describeRejection(cause: Failure, waitMs: number, now: Now): Block {
  const { code, retry, message } = cause;
  const text = `refused before, and not asked again until a credential changes or ${formatPeriod(waitMs)} have passed: ${message}`;
  return {
    kind: 'rejected',
    cause,
    failure: { code, retry, message: text },
    atMs: now.now(),
    untilMonotonicMs: now.monotonicMs() + waitMs,
  };
}
