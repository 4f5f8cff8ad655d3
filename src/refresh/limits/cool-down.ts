/**
 * When the provider may be asked for one token again: its `minInterval`, what it demanded with `Retry-After`, after
 * rejected credentials, and, after a restart, what the former process was told.
 *
 * Non-guarantee: without a place for waits ({@link FetchWaits}) a restart forgets all but the interval after a success.
 */

import type { Failure } from '../../core/failure.ts';
import { decideRejectedWait, describeWait, waitRestMs } from '../../core/limits/fetch-wait.ts';
import type { Clock, FetchWait, FetchWaits } from '../../core/ports.ts';
import { decideHumanWait } from '../../core/schedule/backoff.ts';
import { inSeconds } from '../../core/schedule/cadence.ts';
import { type Moment, momentAt, msUntil } from '../../core/schedule/moment.ts';
import type { TokenIdentity } from '../../core/token/token.ts';

export interface CoolDownDeps {
  readonly identity: Pick<TokenIdentity, 'token'>;
  readonly clock: Clock;
  /** Shortest time between two fetches, in milliseconds; 0 for none. */
  readonly minIntervalMs: number;
  /** `undefined`: waits are in memory alone. */
  readonly waits?: FetchWaits | undefined;
}

/** What this process was refused, for credentials that nobody has changed since. */
interface Rejection {
  readonly cause: Failure;
  /** Told by a run that begins meanwhile. */
  readonly failure: Failure;
  /** Wall time. */
  readonly atMs: number;
  readonly untilMonotonicMs: number;
}

export class CoolDown {
  readonly #parts: CoolDownDeps;
  /** Before this the provider does not want to be asked, not even for a human. */
  #notBefore: Moment | undefined;
  #lastFetchMonotonicMs: number | undefined;
  #isRestored = false;
  /** What the former process left behind, and until when that holds. */
  #former: FetchWait | undefined;
  #formerUntil: Moment | undefined;
  #hasRecord = false;
  #rejection: Rejection | undefined;
  /** Rejections in a row. */
  #rejections = 0;
  /** The provider has handed out a token for the present credentials. */
  #haveWorked = false;

  constructor(parts: CoolDownDeps) {
    this.#parts = parts;
  }

  /** Learns once what the former process was told. Call it before anything is fetched. */
  async restore(): Promise<void> {
    const { waits, identity, clock } = this.#parts;
    if (waits === undefined || this.#isRestored) return;
    this.#isRestored = true;
    const former = await waits.read(identity.token);
    if (former === undefined) return;
    this.#former = former;
    this.#hasRecord = true;
    this.#formerUntil = momentAt(clock.now() + waitRestMs(former, clock.now()), clock);
  }

  /**
   * Why the provider must not be asked yet, when the former process was told so, or this one in a former term.
   * @param issuedAtMs of the published document: whoever has fetched it since a rejection has shown that it is over
   */
  heldBack(issuedAtMs: number | undefined): Failure | undefined {
    const restMs = this.#formerRestMs();
    if (this.#former !== undefined && restMs > 0)
      return describeWait(this.#former, restMs, this.#parts.clock.now());
    const rejection = this.#rejection;
    if (rejection === undefined || (issuedAtMs ?? 0) > rejection.atMs) return undefined;
    return rejection.untilMonotonicMs > this.#parts.clock.monotonicMs() ? rejection.failure : undefined;
  }

  /** What is left of the wait that a rejection began, maybe in a former term; `undefined` for every other failure. */
  rejectedRestMs(failure: Failure): number | undefined {
    const rejection = this.#rejection;
    return rejection?.failure === failure || rejection?.cause === failure
      ? Math.max(0, rejection.untilMonotonicMs - this.#parts.clock.monotonicMs())
      : undefined;
  }

  /** Nothing is known yet about the new one. */
  noteCredentialChange(): void {
    this.#rejection = undefined;
    this.#rejections = 0;
    this.#haveWorked = false;
  }

  /** The wait is over, or somebody wants it tried all the same. */
  forgetRejection(): void {
    this.#rejection = undefined;
  }

  /** A fetch begins. What has to outlive a crash in its middle is on record when this resolves. */
  async recordFetch(): Promise<void> {
    const { clock, minIntervalMs } = this.#parts;
    if (minIntervalMs > 0)
      await this.#record(minIntervalMs, 'min-interval', this.#former?.rejectedLives ?? 0);
    // Counted from the call itself: a disk that hangs, or a pause of the process, would shorten the interval.
    this.#lastFetchMonotonicMs = clock.monotonicMs();
  }

  /** The provider has handed out a token. */
  async recordSuccess(): Promise<void> {
    const { waits, identity, minIntervalMs } = this.#parts;
    this.#former = undefined;
    this.#formerUntil = undefined;
    this.#rejection = undefined;
    this.#rejections = 0;
    this.#haveWorked = true;
    if (!this.#hasRecord) return;
    if (minIntervalMs > 0) {
      await this.#record(minIntervalMs, 'min-interval', 0);
      return;
    }
    this.#hasRecord = false;
    await waits?.remove(identity.token);
  }

  /** The provider has refused. What it demanded outlives this process. */
  async recordRefusal(failure: Failure): Promise<void> {
    const { code, retry, retryAfterMs = 0 } = failure;
    this.#rejection = isRejection(failure) ? this.#describeRejection(failure) : undefined;
    const formerLives = this.#former?.rejectedLives ?? 0;
    const isRejected = retry === 'needs-human';
    const waitMs = Math.max(retryAfterMs, isRejected ? decideRejectedWait(formerLives) : 0);
    if (waitMs > this.#parts.minIntervalMs)
      await this.#record(waitMs, code, isRejected ? formerLives + 1 : formerLives);
  }

  recordFailure({ retryAfterMs }: Failure): void {
    const { clock } = this.#parts;
    this.#notBefore = retryAfterMs === undefined ? undefined : momentAt(clock.now() + retryAfterMs, clock);
  }

  /** Milliseconds until a demanded wait is over; 0 when there is none. */
  demandedRestMs(): number {
    return this.#notBefore === undefined ? 0 : Math.max(0, msUntil(this.#notBefore, this.#parts.clock));
  }

  /**
   * Milliseconds until `minInterval` has passed; 0 when it has.
   * @param issuedAtMs of the published document: after a restart it tells when the provider was last asked with success
   */
  intervalRestMs(issuedAtMs: number | undefined): number {
    const formerMs = this.#former?.code === 'min-interval' ? this.#formerRestMs() : 0;
    return Math.max(formerMs, this.#parts.minIntervalMs - this.#sinceLastFetchMs(issuedAtMs));
  }

  #describeRejection(cause: Failure): Rejection {
    const { clock } = this.#parts;
    this.#rejections += 1;
    // A wrong clock is most often set right; until then each try is one more login.
    const waitMs = decideHumanWait(this.#rejections, this.#haveWorked || cause.code === 'clock-skewed');
    const { code, retry, message } = cause;
    const told = `refused before, and not asked again until a credential changes or ${inSeconds(waitMs)} have passed: ${message}`;
    return {
      cause,
      failure: { code, retry, message: told },
      atMs: clock.now(),
      untilMonotonicMs: clock.monotonicMs() + waitMs,
    };
  }

  #formerRestMs(): number {
    return this.#formerUntil === undefined ? 0 : Math.max(0, msUntil(this.#formerUntil, this.#parts.clock));
  }

  async #record(waitMs: number, code: FetchWait['code'], rejectedLives: number): Promise<void> {
    const { waits, identity, clock } = this.#parts;
    if (waits === undefined) return;
    const recordedAtMs = clock.now();
    this.#hasRecord = true;
    await waits.write(identity.token, {
      notBeforeMs: recordedAtMs + waitMs,
      recordedAtMs,
      code,
      rejectedLives,
    });
  }

  #sinceLastFetchMs(issuedAtMs: number | undefined): number {
    const { clock } = this.#parts;
    if (this.#lastFetchMonotonicMs !== undefined) return clock.monotonicMs() - this.#lastFetchMonotonicMs;
    return issuedAtMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, clock.now() - issuedAtMs);
  }
}

/** Another try is another login that may count against the account. */
function isRejection({ code }: Failure): boolean {
  return code === 'credentials-rejected' || code === 'request-rejected' || code === 'clock-skewed';
}
