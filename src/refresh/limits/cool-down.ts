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
import { inSeconds } from '../../core/schedule/cadence.ts';
import { type Moment, momentAt, msUntil, type Now } from '../../core/schedule/moment.ts';
import type { TokenIdentity } from '../../core/token/token.ts';

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

/** What is known of the credentials. */
interface Trust {
  /** The provider has handed out a token for them. */
  readonly haveWorked: boolean;
  /** In a row, since then or since they were changed. */
  readonly rejections: number;
}

export class CoolDown {
  readonly #deps: CoolDownDeps;
  /** Before this the provider does not want to be asked, not even for a human. */
  #notBefore: Moment | undefined;
  #lastFetchMonotonicMs: number | undefined;
  /** The latest document whose issue lies ahead of our clock, and when that was first seen; monotonic. */
  #fromFuture: { readonly issuedAtMs: number; readonly seenMs: number } | undefined;
  #block: Block | undefined;
  #trust: Trust = UNTRIED;
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
    this.#record = 'absent';
    const wait = await waits.read(identity.token);
    if (wait === undefined) return;
    this.#record = 'present';
    this.#rejectedLives = wait.rejectedLives;
    const until = momentAt(clock.now() + remainingWaitMs(wait, clock.now()), clock);
    this.#block = { kind: 'inherited', wait, until };
  }

  /**
   * Why the provider must not be asked yet, because of what a former process has met, or this one in a former term.
   * @param issuedAtMs of the published document: a token that was fetched since a rejection shows that it is over
   */
  currentBlock(issuedAtMs: number | undefined): Failure | undefined {
    const { clock } = this.#deps;
    const block = this.#block;
    if (block === undefined) return undefined;
    if (block.kind === 'rejected') {
      const isOver = (issuedAtMs ?? 0) > block.atMs || block.untilMonotonicMs <= clock.monotonicMs();
      return isOver ? undefined : block.failure;
    }
    const waitMs = msUntil(block.until, clock);
    return waitMs > 0 ? describeWait(block.wait, waitMs, clock.now()) : undefined;
  }

  /** What is left of the wait that a rejection began, maybe in a former term; `undefined` for every other failure. */
  rejectedMs(failure: Failure): number | undefined {
    const block = this.#block;
    if (block?.kind !== 'rejected' || (block.failure !== failure && block.cause !== failure))
      return undefined;
    return Math.max(0, block.untilMonotonicMs - this.#deps.clock.monotonicMs());
  }

  /** Nothing is known yet about the new one. */
  noteCredentialChange(): void {
    this.forgetRejection();
    this.#trust = UNTRIED;
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
    this.#lastFetchMonotonicMs = clock.monotonicMs();
  }

  /** The provider has handed out a token. */
  async recordSuccess(): Promise<void> {
    const { waits, identity, minIntervalMs } = this.#deps;
    this.#block = undefined;
    this.#trust = PROVEN;
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
    const isRejected = isRejection(failure);
    if (isRejected) this.#trust = { ...this.#trust, rejections: this.#trust.rejections + 1 };
    this.#block = isRejected ? describeRejection(failure, this.#trust, clock) : undefined;
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
   * @param issuedAtMs of the published document: after a restart it shows when the provider was last asked with success
   */
  intervalMs(issuedAtMs: number | undefined): number {
    const { clock, minIntervalMs } = this.#deps;
    const block = this.#block;
    const isInherited = block?.kind === 'inherited' && block.wait.code === 'min-interval';
    const inheritedMs = isInherited ? msUntil(block.until, clock) : 0;
    if (this.#lastFetchMonotonicMs !== undefined)
      return Math.max(0, inheritedMs, minIntervalMs - (clock.monotonicMs() - this.#lastFetchMonotonicMs));
    const ownMs = issuedAtMs === undefined ? 0 : minIntervalMs - this.#ageMs(issuedAtMs);
    return Math.max(0, inheritedMs, ownMs);
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

const UNTRIED: Trust = { haveWorked: false, rejections: 0 };
const PROVEN: Trust = { haveWorked: true, rejections: 0 };

/** Another try is another login that may count against the account. */
function isRejection({ code }: Failure): boolean {
  return code === 'credentials-rejected' || code === 'request-rejected' || code === 'clock-skewed';
}

function describeRejection(cause: Failure, { rejections, haveWorked }: Trust, now: Now): Block {
  // A wrong clock is most often set right; until then each try is one more login.
  const waitMs = decideHumanWait(rejections, haveWorked || cause.code === 'clock-skewed');
  const { code, retry, message } = cause;
  const text = `refused before, and not asked again until a credential changes or ${inSeconds(waitMs)} have passed: ${message}`;
  return {
    kind: 'rejected',
    cause,
    failure: { code, retry, message: text },
    atMs: now.now(),
    untilMonotonicMs: now.monotonicMs() + waitMs,
  };
}
