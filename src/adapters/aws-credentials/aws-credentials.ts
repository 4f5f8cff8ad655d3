/**
 * The daemon's own AWS credentials, in the place of the SDK's cache of them: that one lets every call join a look-up that
 * never ends.
 *
 * Guarantee: a look-up ends by its deadline, and one that has failed is joined by nobody; calls that need credentials at
 * one moment share one look-up. Good ones are kept, and looked up again {@link REFRESH_BEFORE_MS} before they expire
 * while calls go on with the old ones. A look-up that ignores its end (a process that a profile names) is
 * counted: from {@link MANY_LOST} of them on, others are begun ever more rarely, so that a source that hangs for a day
 * leaves about a hundred behind, and one that answers again is used without a restart.
 */
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';
import { formatDuration } from '../../core/wire/duration.ts';
import { AwsCredentialsError, type AwsIdentity } from './aws-identity.ts';

export const LOOK_UP_MS = 2000;
/** As the SDK does. */
const REFRESH_BEFORE_MS = 300_000;
/** Nothing is signed with what is over before the call arrives. */
const LAST_MS = 15_000;
/** However soon they expire by our clock, which may be wrong: otherwise each call would look them up. */
const MIN_USE_MS = 60_000;
/** Between two look-ups ahead of time, so that a source that refuses is not asked by every call. */
const AHEAD_EVERY_MS = 10_000;
const MANY_LOST = 4;
/** Before the first look-up beside {@link MANY_LOST} that hang; doubled with each one more. */
const RARE_MS = 60_000;
const MAX_RARE_MS = 900_000;
const NEVER = new AbortController().signal;

export interface AwsCredentialsOptions {
  readonly clock: Clock;
  /** Looks again; frees what it holds when aborted. Rejects with an {@link AwsCredentialsError}. */
  readonly lookUp: (signal: AbortSignal) => Promise<AwsIdentity>;
  /** Where it looks, for messages. */
  readonly place: () => string;
  /** Below the deadline of a call, which waits for it; {@link LOOK_UP_MS} at most. */
  readonly limitMs: number;
}

interface Held {
  readonly identity: AwsIdentity;
  readonly obtainedAtMonotonicMs: number;
}

export class AwsCredentials {
  readonly #options: AwsCredentialsOptions;
  #held: Held | undefined;
  #running: Promise<AwsIdentity> | undefined;
  #nextAheadMs = Number.NEGATIVE_INFINITY;
  #lost = 0;
  #lastLostMs = Number.NEGATIVE_INFINITY;

  constructor(options: AwsCredentialsOptions) {
    this.#options = options;
  }

  /** What calls are signed with now. Rejects with an {@link AwsCredentialsError} within the deadline. */
  async get(): Promise<AwsIdentity> {
    const held = this.#held;
    if (held === undefined || this.#leftMs(held) < LAST_MS) return this.#lookUp();
    this.#refreshAhead(held);
    return held.identity;
  }

  /**
   * AWS has refused what a call was signed with.
   * @returns whether there is something else now, worth another try. Rejects as {@link AwsCredentials.get} does
   */
  async replace(refused: AwsIdentity): Promise<boolean> {
    // Somebody else may have replaced it already.
    if (this.#held?.identity === refused) this.#held = undefined;
    const { accessKeyId, sessionToken } = await this.get();
    return accessKeyId !== refused.accessKeyId || sessionToken !== refused.sessionToken;
  }

  #leftMs({ identity: { expiration }, obtainedAtMonotonicMs }: Held): number {
    if (expiration === undefined) return Number.POSITIVE_INFINITY;
    const { clock } = this.#options;
    const leftMs = expiration.getTime() - clock.now();
    const inUseMs = clock.monotonicMs() - obtainedAtMonotonicMs;
    return inUseMs < MIN_USE_MS ? Math.max(leftMs, REFRESH_BEFORE_MS) : leftMs;
  }

  #refreshAhead(held: Held): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#leftMs(held) >= REFRESH_BEFORE_MS || nowMs < this.#nextAheadMs) return;
    this.#nextAheadMs = nowMs + AHEAD_EVERY_MS;
    // Whether it has failed shows when they are over.
    void this.#lookUp().catch(() => undefined);
  }

  #lookUp(): Promise<AwsIdentity> {
    this.#running ??= this.#lookUpAnew().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #lookUpAnew(): Promise<AwsIdentity> {
    const { clock, lookUp, place, limitMs } = this.#options;
    if (clock.monotonicMs() - this.#lastLostMs < this.#waitBesideLostMs())
      throw new AwsCredentialsError(
        `${this.#lost} look-ups at ${place()} have not ended, so it is asked rarely: end what hangs, or restart this program`,
      );
    const looking = new AbortController();
    let work: Promise<AwsIdentity> | undefined;
    try {
      const identity = await withDeadline(clock, limitMs, NEVER, () => {
        work = lookUp(looking.signal);
        return work;
      });
      this.#held = { identity, obtainedAtMonotonicMs: clock.monotonicMs() };
      return identity;
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      this.#countLost(work);
      throw new AwsCredentialsError(
        `${place()} gave no answer within ${formatDuration(limitMs)}: check that it runs and can be reached`,
      );
    } finally {
      looking.abort(new Error('the look-up has ended'));
    }
  }

  #waitBesideLostMs(): number {
    return this.#lost < MANY_LOST ? 0 : Math.min(RARE_MS * 2 ** (this.#lost - MANY_LOST), MAX_RARE_MS);
  }

  #countLost(work: Promise<unknown> | undefined): void {
    this.#lost += 1;
    this.#lastLostMs = this.#options.clock.monotonicMs();
    const end = (): void => {
      this.#lost -= 1;
    };
    void work?.then(end, end);
  }
}

/**
 * As the SDK's clients take them. Marked as what remembers by itself: they would put their own cache in front, in which
 * every call joins the one that hangs.
 */
export function asSdkProvider(credentials: AwsCredentials): () => Promise<AwsIdentity> {
  return Object.assign(() => credentials.get(), { memoized: true });
}

/** A session that is over, or keys that have been replaced. The call was not carried out. */
const REFUSALS: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
]);

/**
 * Sends a call that is signed with what {@link asSdkProvider} hands out; once more, with others, when those are refused.
 * @param credentials `undefined`: fixed ones, which nothing can replace
 */
export async function sendSigned<T>(
  credentials: AwsCredentials | undefined,
  send: () => Promise<T>,
): Promise<T> {
  const identity = await credentials?.get();
  try {
    return await send();
  } catch (error) {
    const isRefused = error instanceof Error && REFUSALS.has(error.name);
    if (!isRefused || credentials === undefined || identity === undefined) throw error;
    if (!(await credentials.replace(identity))) throw error;
    return send();
  }
}
