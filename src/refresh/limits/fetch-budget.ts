/**
 * The calls that a provider allows: its `fetchBudget`, shared by all of its tokens.
 *
 * Guarantee: no more calls than the limit are made in any window of its length, failed and explicit ones included. While
 * it is used up nobody stands in the way of others: who waits does so in one line, the earliest expiry first. Retries get
 * by with what the regular refreshes of all tokens leave; see `fetch-limit.ts`. What survives a restart is told in
 * `recorded-calls.ts`; each process counts the retries' part from zero.
 * Non-guarantee: other replicas, and programs with another journal, count for themselves.
 */

import type { Failure } from '../../core/failure.ts';
import {
  decideLimitState,
  type FetchLimit,
  formatFetchLimit,
  type LimitState,
  spareCalls,
  windowMsOf,
} from '../../core/limits/fetch-limit.ts';
import { SlidingWindowCounter } from '../../core/limits/sliding-window-counter.ts';
import type { Clock, FetchCounts, RefreshEvents } from '../../core/ports.ts';
import { inSeconds } from '../../core/schedule/cadence.ts';
import { LineServer } from './line-server.ts';
import { PriorityQueue } from './priority-queue.ts';
import { RecordedCalls } from './recorded-calls.ts';

export interface FetchBudgetParts {
  readonly provider: string;
  readonly limit: FetchLimit;
  /** How often each token is refreshed, in milliseconds. */
  readonly regularEveryMs: number;
  /** How many tokens share the budget at present. */
  readonly countTokens: () => number;
  /** Where the count outlives the process; without it it is in memory alone. */
  readonly counts: FetchCounts | undefined;
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** The right to one call, to be used or given back. */
export interface BudgetPermit {
  readonly isRetry: boolean;
  /** Monotonic, in milliseconds; `undefined` until then. */
  usedAtMs: number | undefined;
}

const EVENT_OF = {
  normal: 'fetch-budget-recovered',
  low: 'fetch-budget-low',
  exhausted: 'fetch-budget-exhausted',
} as const satisfies Readonly<Record<LimitState, string>>;

export class FetchBudget {
  readonly #parts: FetchBudgetParts;
  readonly #calls: RecordedCalls;
  readonly #retries: SlidingWindowCounter;
  readonly #line = new PriorityQueue();
  readonly #held = new Set<BudgetPermit>();
  readonly #server: LineServer;
  #state: LimitState = 'normal';

  constructor(parts: FetchBudgetParts) {
    const { limit } = parts;
    this.#parts = parts;
    this.#calls = new RecordedCalls({ ...parts, limit: limit.calls, windowMs: windowMsOf(limit) });
    this.#retries = new SlidingWindowCounter(windowMsOf(limit));
    this.#server = new LineServer(parts.clock, () => this.#serve());
  }

  get regularEveryMs(): number {
    return this.#parts.regularEveryMs;
  }

  /** Tokens that wait for room. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Whether a retry has to leave what there is to first attempts. */
  get isSpareUsedUp(): boolean {
    const { limit, regularEveryMs, countTokens, clock } = this.#parts;
    const held = [...this.#held].filter(({ isRetry }) => isRetry).length;
    const retries = this.#retries.count(clock.monotonicMs()) + held;
    return retries >= spareCalls(countTokens(), regularEveryMs, limit);
  }

  /** A permit at once, or `undefined` when there is none, or others wait for it. */
  async request(isRetry: boolean): Promise<BudgetPermit | undefined> {
    await this.#calls.restore();
    if (this.#line.length === 0 && this.#room() > 0) return this.#grant(isRetry);
    this.#announce(this.#calls.count >= this.#parts.limit.calls);
    return undefined;
  }

  /** A permit as soon as there is one; rejects with the signal's reason when aborted before that. */
  async wait(priority: number, isRetry: boolean, signal: AbortSignal): Promise<BudgetPermit> {
    const permit: BudgetPermit = { isRetry, usedAtMs: undefined };
    // At the call itself, so that nobody else takes the same room.
    const turn = this.#line.join(priority, signal, () => this.#held.add(permit));
    this.#server.begin();
    try {
      await turn;
      return permit;
    } finally {
      if (this.#line.length === 0) this.#server.lookAgain();
    }
  }

  /** Counts the call; resolves when it may be made. */
  async use(permit: BudgetPermit): Promise<void> {
    const usedAtMs = await this.#calls.add();
    permit.usedAtMs = usedAtMs;
    this.#held.delete(permit);
    if (permit.isRetry) this.#retries.add(usedAtMs);
    this.#announce(false);
  }

  /** No call was made with it. */
  giveBack(permit: BudgetPermit): void {
    const { isRetry, usedAtMs } = permit;
    this.#held.delete(permit);
    if (usedAtMs !== undefined) {
      this.#calls.takeBack(usedAtMs);
      if (isRetry) this.#retries.takeBack(usedAtMs);
    }
    this.#server.lookAgain();
  }

  /** Why nothing is fetched now. */
  describeShortage(): Failure {
    const { provider, limit } = this.#parts;
    const roomInMs = Math.max(1, this.#roomInMs());
    return {
      code: 'rate-limited',
      retry: 'backoff',
      retryAfterMs: roomInMs,
      message:
        `fetchBudget ${formatFetchLimit(limit)} of ${provider} is used up: the provider is not asked for ` +
        `${inSeconds(roomInMs)}; that is our own limit, raise it if the provider allows more`,
    };
  }

  /** The same for a retry. @param restMs until the token's next regular call */
  describeSpareShortage(restMs: number): Failure {
    const { provider, limit } = this.#parts;
    return {
      code: 'rate-limited',
      retry: 'backoff',
      retryAfterMs: restMs,
      message:
        `the part of fetchBudget ${formatFetchLimit(limit)} of ${provider} that regular refreshes leave to retries is ` +
        `used up: the next attempt is in ${inSeconds(restMs)}; that is our own limit, raise it if the provider allows more`,
    };
  }

  #grant(isRetry: boolean): BudgetPermit {
    const permit: BudgetPermit = { isRetry, usedAtMs: undefined };
    this.#held.add(permit);
    return permit;
  }

  #serve(): number | 'idle' {
    if (this.#line.length === 0) return 'idle';
    if (this.#room() <= 0) return Math.max(1, this.#roomInMs());
    this.#line.callNext();
    return 0;
  }

  #room(): number {
    return this.#parts.limit.calls - this.#calls.count - this.#held.size;
  }

  #roomInMs(): number {
    return this.#calls.roomInMs(this.#parts.limit.calls - this.#held.size);
  }

  #announce(isRefused: boolean): void {
    const { provider, limit, events } = this.#parts;
    const calls = this.#calls.count;
    const state = decideLimitState(this.#state, calls, limit.calls, isRefused);
    if (state === this.#state) return;
    this.#state = state;
    events({ event: EVENT_OF[state], provider, calls, limit, roomInMs: this.#roomInMs() });
  }
}
