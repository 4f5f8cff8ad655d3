/**
 * The calls that a provider allows: its `fetchBudget`, shared by all of its tokens.
 *
 * Guarantee: no more calls than the limit are made in any window of its length, failed and explicit ones included. While
 * it is used up no token stands in the way of others: all wait in one queue, the earliest expiry first. Retries get
 * by with what the regular refreshes of all tokens leave; see `fetch-limit.ts`. What survives a restart is said in
 * `recorded-calls.ts`; each process counts the retries' part from zero.
 * Non-guarantee: other replicas, and programs with another journal, count for themselves.
 */

import type { Failure } from '../../core/failure.ts';
import {
  decideLimitState,
  type FetchLimit,
  formatFetchLimit,
  spareCalls,
  windowMsOf,
} from '../../core/limits/fetch-limit.ts';
import type { QuotaState } from '../../core/limits/quota.ts';
import { SlidingWindowCounter } from '../../core/limits/sliding-window-counter.ts';
import type { Clock, FetchCounts, RefreshEvents } from '../../core/ports.ts';
import { formatPeriod } from '../../core/wire/time-text.ts';
import type { Priority } from './priority-queue.ts';
import { QueueServer } from './queue-server.ts';
import { RecordedCalls } from './recorded-calls.ts';

export interface FetchBudgetDeps {
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

/** There is no room: none at all, or none that regular refreshes leave to retries. */
export interface BudgetRefusal {
  readonly refusal: 'no-room' | 'no-spare';
  readonly isRetry: boolean;
  readonly failure: Failure;
  readonly waitMs: number;
}

const EVENT_OF = {
  normal: 'fetch-budget-recovered',
  low: 'fetch-budget-low',
  exhausted: 'fetch-budget-exhausted',
} as const satisfies Readonly<Record<QuotaState, string>>;

export class FetchBudget {
  readonly #deps: FetchBudgetDeps;
  readonly #calls: RecordedCalls;
  readonly #retries: SlidingWindowCounter;
  readonly #server: QueueServer<'calls'>;
  /** Tokens that room is kept for until their call, and whether that is a retry. */
  readonly #kept = new Map<string, boolean>();
  /** Calls that are counted and may turn out not to have been made. */
  readonly #counted = new Map<string, { readonly isRetry: boolean; readonly atMs: number }>();
  /** When a token was last called for that was no retry; monotonic. */
  readonly #lastRegularMs = new Map<string, number>();
  #state: QuotaState = 'normal';

  constructor(deps: FetchBudgetDeps) {
    const { limit, clock } = deps;
    this.#deps = deps;
    this.#calls = new RecordedCalls({ ...deps, limit: limit.calls, windowMs: windowMsOf(limit) });
    this.#retries = new SlidingWindowCounter(windowMsOf(limit));
    this.#server = new QueueServer(clock, ['calls'], () => (this.#hasRoom ? 0 : this.#roomInMs));
  }

  /** Tokens that wait for room. */
  get waiting(): number {
    return this.#server.length;
  }

  /** Keeps room for a call; `undefined` when there is some, and no other token waits for it. */
  async request(token: string, isFirstAttempt: boolean): Promise<BudgetRefusal | undefined> {
    if (this.#kept.has(token)) return undefined;
    const regularInMs = this.#regularInMs(token);
    const isRetry = !isFirstAttempt && regularInMs > 0;
    if (isRetry && this.#isSpareUsedUp()) return this.#refuse('no-spare', isRetry, regularInMs);
    await this.#calls.restore();
    if (this.waiting === 0 && this.#hasRoom) {
      this.#kept.set(token, isRetry);
      return undefined;
    }
    this.#announce(this.#calls.count >= this.#deps.limit.calls);
    return this.#refuse('no-room', isRetry, this.#roomInMs);
  }

  /** Waits until it makes sense to request again; rejects with the signal's reason when aborted before that. */
  wait(token: string, refused: BudgetRefusal, priority: Priority, signal: AbortSignal): Promise<void> {
    const { refusal, isRetry, waitMs } = refused;
    if (refusal === 'no-spare') return this.#deps.clock.sleep(waitMs, signal);
    // At the call itself, so that no other token takes the same room.
    const keep = (): unknown => this.#kept.set(token, isRetry);
    return this.#server.wait('calls', priority, signal, keep);
  }

  /** Counts the call; resolves when it may be made. */
  async use(token: string): Promise<void> {
    const isRetry = this.#kept.get(token) === true;
    const atMs = await this.#calls.add();
    this.#kept.delete(token);
    this.#counted.set(token, { isRetry, atMs });
    if (isRetry) this.#retries.add(atMs);
    this.#announce(false);
  }

  /** The call was made. */
  settle(token: string): void {
    if (this.#counted.get(token)?.isRetry === false)
      this.#lastRegularMs.set(token, this.#deps.clock.monotonicMs());
    this.#counted.delete(token);
  }

  /** No call was made. */
  giveBack(token: string): void {
    const counted = this.#counted.get(token);
    if (counted !== undefined) {
      this.#calls.takeBack(counted.atMs);
      if (counted.isRetry) this.#retries.takeBack(counted.atMs);
      this.#counted.delete(token);
    } else if (!this.#kept.delete(token)) return;
    this.#server.lookAgain();
  }

  /** How long the token's next retry has to wait because others need what is left; 0 when it has not. */
  retryWaitMs(token: string): number {
    return this.#isSpareUsedUp() ? this.#regularInMs(token) : 0;
  }

  /** How long a call for the token would wait that is no regular one, as far as is known; 0 when it would not. */
  retryInMs(token: string): number {
    const roomInMs = this.waiting === 0 && this.#hasRoom ? 0 : this.#roomInMs;
    return this.retryWaitMs(token) || roomInMs;
  }

  /** The token is not managed any more. */
  forget(token: string): void {
    this.giveBack(token);
    this.#lastRegularMs.delete(token);
  }

  /** Whole milliseconds until the token's next call is no retry any more. */
  #regularInMs(token: string): number {
    const { regularEveryMs, clock } = this.#deps;
    const lastMs = this.#lastRegularMs.get(token);
    return lastMs === undefined ? 0 : Math.max(0, Math.ceil(lastMs + regularEveryMs - clock.monotonicMs()));
  }

  /** Whether a retry has to leave what there is to first attempts. */
  #isSpareUsedUp(): boolean {
    const { limit, regularEveryMs, countTokens, clock } = this.#deps;
    let retries = this.#retries.count(clock.monotonicMs());
    for (const isRetry of this.#kept.values()) if (isRetry) retries += 1;
    return retries >= spareCalls(countTokens(), regularEveryMs, limit);
  }

  get #hasRoom(): boolean {
    return this.#calls.count + this.#kept.size < this.#deps.limit.calls;
  }

  /** Milliseconds until there is some; 1 when others wait for what there is. */
  get #roomInMs(): number {
    return Math.max(1, this.#calls.roomInMs(this.#deps.limit.calls - this.#kept.size));
  }

  #refuse(refusal: BudgetRefusal['refusal'], isRetry: boolean, waitMs: number): BudgetRefusal {
    const { provider, limit } = this.#deps;
    const budget = `fetchBudget ${formatFetchLimit(limit)} of ${provider}`;
    const effect =
      refusal === 'no-room'
        ? `${budget} is used up: the provider is not asked for`
        : `the part of ${budget} that regular refreshes leave to retries is used up: the next attempt is in`;
    const message = `${effect} ${formatPeriod(waitMs)}; that is our own limit, raise it if the provider allows more`;
    const failure: Failure = { code: 'rate-limited', retry: 'backoff', retryAfterMs: waitMs, message };
    return { refusal, isRetry, failure, waitMs };
  }

  #announce(isRefused: boolean): void {
    const { provider, limit, events } = this.#deps;
    const calls = this.#calls.count;
    const state = decideLimitState(this.#state, calls, limit.calls, isRefused);
    if (state === this.#state) return;
    this.#state = state;
    const roomInMs = this.#calls.roomInMs(limit.calls - this.#kept.size);
    events({ event: EVENT_OF[state], provider, calls, limit, roomInMs });
  }
}
