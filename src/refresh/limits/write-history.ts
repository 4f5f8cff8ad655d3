/**
 * Which versions one secret got in the last 24 hours, against its budget.
 *
 * Guarantee: a version that this process has made, or may have made, is counted once. Other processes' versions, earlier
 * and other replicas' ones included, are counted when the store is asked: once in a term, again when somebody else is
 * seen to write, and every hour while the budget is nearly used.
 * Non-guarantee: a store that does not say (the permission is missing) leaves this process's own count.
 */
import type { SecretTarget } from '../../core/events.ts';
import type { Failure } from '../../core/failure.ts';
import { RecentWrites, VERSION_DAY_MS } from '../../core/limits/recent-writes.ts';
import {
  type BudgetState,
  decideAffordableAt,
  decideBudgetState,
  decideRoomAt,
  decideStretchedRefreshAt,
  isBeyondBudget,
  lowMark,
  type StretchInput,
} from '../../core/limits/version-pace.ts';
import type { Clock, RefreshEvents, TokenStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import type { Term } from '../term.ts';

export interface WriteHistoryParts {
  readonly identity: TokenIdentity;
  readonly store: TokenStore;
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** Whose versions are counted. */
export interface CountedSecret {
  readonly target: SecretTarget;
  readonly secretName: string;
  readonly versionBudget: number;
}

/** What a plan is made between; all times monotonic, in milliseconds. */
export type PlanLimits = Pick<StretchInput, 'plannedAtMs' | 'latestAtMs' | 'offsetMs'>;

export interface RefreshPlan extends PlanLimits {
  /** From one fetch to the next, as far as readers bear it, in milliseconds. */
  readonly longestPaceMs: number;
}

/** Between two questions to the store while the budget is nearly used. */
const ASK_AGAIN_MS = 3_600_000;
/** The same while the store refuses to write: the list of a full secret is two calls, and many may be full. */
const ASK_WHILE_FULL_MS = 600_000;

const EVENT_OF = {
  normal: 'version-budget-recovered',
  low: 'version-budget-low',
  exhausted: 'version-budget-exhausted',
} as const satisfies Readonly<Record<BudgetState, string>>;

export class WriteHistory {
  readonly #parts: WriteHistoryParts;
  readonly #secret: CountedSecret;
  readonly #writes = new RecentWrites();
  /** Of the newest write: a retry makes no second version. */
  #newestRequest: string | undefined;
  #askedIn: Term | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isDenied = false;
  /** Somebody else has written since the store was asked. */
  #isOutdated = false;
  #exceededAtMs: number | undefined;
  /** When the store last refused a version; it is then known to bear less than was believed. */
  #refusedAtMs: number | undefined;
  #isFull = false;
  /** When a token last lived so short that the budget does not bear one after the other. */
  #shortLifeAtMs: number | undefined;
  /** When the next token is written, for want of versions, although readers will have none before that. */
  #roomAtMs: number | undefined;
  #state: BudgetState = 'normal';

  constructor(parts: WriteHistoryParts, secret: CountedSecret) {
    this.#parts = parts;
    this.#secret = secret;
  }

  /** Asks the store what it counts, if that may be news. True when it was asked. Never fails: see above. */
  async learn(term: Term): Promise<boolean> {
    const isFirst = this.#askedIn !== term;
    if (isFirst) this.#isDenied = false;
    const nowMs = this.#nowMs();
    const isNearlyUsed = this.#writes.count(nowMs) >= lowMark(this.#secret.versionBudget);
    const isDue = isFirst || this.#isOutdated || (isNearlyUsed && nowMs - this.#askedAtMs >= ASK_AGAIN_MS);
    if (!isDue || this.#isDenied) return false;
    if (await this.#ask(term.signal)) this.#askedIn = term;
    return true;
  }

  noticeOthers(): void {
    this.#isOutdated = true;
  }

  /** Called before a write is sent: it is counted from now on, and told when there was no room for it. */
  expect(requestToken: string): void {
    if (requestToken === this.#newestRequest) return;
    const nowMs = this.#nowMs();
    if (this.#writes.count(nowMs) >= this.#secret.versionBudget) this.#exceededAtMs = nowMs;
    this.#announce();
  }

  /** Called when a write has ended. */
  async record(
    requestToken: string,
    written: Result<{ readonly version: string }>,
    signal: AbortSignal,
  ): Promise<void> {
    const failure = written.ok ? undefined : written.failure;
    this.#isFull = failure?.code === 'store-quota';
    if (this.#isFull) {
      this.#refusedAtMs = this.#nowMs();
      this.#exceededAtMs = this.#refusedAtMs;
      if (!this.#isDenied && this.#nowMs() - this.#askedAtMs >= ASK_WHILE_FULL_MS) await this.#ask(signal);
    } else if (mayHaveMadeVersion(failure)) {
      if (requestToken === this.#newestRequest) this.#writes.moveNewest(this.#nowMs());
      else this.#writes.add(this.#nowMs());
      this.#newestRequest = requestToken;
      if (failure?.code === 'store-conflict') this.#isOutdated = true;
    }
    this.#announce();
  }

  /** When to refresh a token whose write is about to be sent. */
  decideRefreshAt({ longestPaceMs, ...limits }: RefreshPlan): number {
    const nowMs = this.#nowMs();
    const writesAtMs = [...this.#writes.times(nowMs), nowMs];
    const { versionBudget: budget } = this.#secret;
    if (isBeyondBudget(longestPaceMs, budget)) this.#shortLifeAtMs = nowMs;
    const wantedAtMs = this.#wasRefused()
      ? limits.latestAtMs
      : decideStretchedRefreshAt({ ...limits, writesAtMs, budget });
    const isWall = this.#shortLifeAtMs !== undefined && nowMs - this.#shortLifeAtMs < VERSION_DAY_MS;
    const roomAtMs = isWall ? decideRoomAt(writesAtMs, budget) : Number.NEGATIVE_INFINITY;
    this.#roomAtMs = roomAtMs > limits.latestAtMs ? roomAtMs : undefined;
    // Told for as long as readers may be without a token.
    if (this.#roomAtMs !== undefined) this.#exceededAtMs = this.#roomAtMs;
    return Math.max(wantedAtMs, roomAtMs);
  }

  /** How far a refresh that was planned with less knowledge has to be put off, at least. */
  decidePostponedAt({ plannedAtMs, latestAtMs }: PlanLimits): number {
    if (this.#wasRefused()) return latestAtMs;
    const writesAtMs = this.#writes.times(this.#nowMs());
    const affordableAtMs = decideAffordableAt({ writesAtMs, latestAtMs, budget: this.#secret.versionBudget });
    return Math.min(Math.max(affordableAtMs, plannedAtMs), latestAtMs);
  }

  /** Milliseconds until the oldest known version ages out of a secret that is full; `undefined` when not known. */
  get roomInMs(): number | undefined {
    const nowMs = this.#nowMs();
    const oldestMs = this.#isFull ? this.#writes.times(nowMs)[0] : undefined;
    return oldestMs === undefined ? undefined : oldestMs + VERSION_DAY_MS - nowMs;
  }

  /** True when the store has answered, one way or the other. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { identity, store, events } = this.#parts;
    const { target, secretName, versionBudget } = this.#secret;
    const read = await store.readVersionAges(secretName, signal);
    if (signal.aborted) return false;
    const nowMs = this.#nowMs();
    // A list that lacks what we know of is an older one: the store is eventually consistent.
    if (read.ok && read.value.length >= this.#writes.count(nowMs)) {
      this.#writes.replaceByAges(read.value, nowMs);
    }
    const failure = read.ok ? undefined : read.failure;
    events({
      event: 'secret-versions-counted',
      identity,
      target,
      versionBudget,
      agesMs: this.#writes.times(nowMs).map((timeMs) => nowMs - timeMs),
      failure,
    });
    this.#isDenied = failure?.retry === 'needs-human';
    if (failure !== undefined && !this.#isDenied) return false;
    this.#askedAtMs = nowMs;
    this.#isOutdated = false;
    this.#announce();
    return true;
  }

  #announce(): void {
    const { identity, events } = this.#parts;
    const { target, versionBudget } = this.#secret;
    const nowMs = this.#nowMs();
    const state = decideBudgetState({
      former: this.#state,
      writes: this.#writes,
      budget: versionBudget,
      exceededAtMs: this.#exceededAtMs,
      nowMs,
    });
    if (state === this.#state) return;
    this.#state = state;
    const held = this.#roomAtMs === undefined ? {} : { heldForMs: this.#roomAtMs - nowMs };
    const versions = this.#writes.count(nowMs);
    events({ event: EVENT_OF[state], identity, target, versions, versionBudget, ...held });
  }

  #wasRefused(): boolean {
    return this.#refusedAtMs !== undefined && this.#nowMs() - this.#refusedAtMs < VERSION_DAY_MS;
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

/** A lost answer may have been a success; a fence that held back a label came after the version was made. */
function mayHaveMadeVersion(failure: Failure | undefined): boolean {
  switch (failure?.code) {
    case undefined:
    case 'store-conflict':
    case 'store-unavailable':
    case 'aborted':
      return true;
    default:
      return false;
  }
}
