/**
 * Everything that limits the calls of one token: its provider's concurrency limit, breaker and fetch budget, its own
 * waits and interval. {@link TokenLimits.view} is for deciding, a permit of {@link TokenLimits.admit} is for the call.
 */
import type { Failure } from '../../core/failure.ts';
import type { Term } from '../term.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import { CoolDown, type CoolDownDeps } from './cool-down.ts';
import type { BudgetPermit, FetchBudget } from './fetch-budget.ts';
import type { Hold, ProviderBreaker } from './provider-breaker.ts';

export interface TokenLimitsParts extends CoolDownDeps {
  /** The provider's, shared by all of its tokens, as are the others. */
  readonly concurrency: ConcurrencyLimit;
  /** Without it calls are not counted. */
  readonly budget?: FetchBudget | undefined;
  /** Without it each token is on its own. */
  readonly breaker?: ProviderBreaker | undefined;
}

/** What is allowed now, and how long not yet; in milliseconds, 0 when there is nothing to wait for. */
export interface LimitsView {
  readonly hasTurn: boolean;
  /** Until the wait is over that provider or store have asked for. */
  readonly demandedMs: number;
  /** Until `minInterval` has passed. */
  readonly intervalMs: number;
  /** Why the provider must not be asked yet, whoever wants it; see {@link CoolDown.heldBack}. */
  readonly heldBack: Failure | undefined;
}

/** Our own fetch budget has no room: none at all, or none that regular refreshes leave to retries. */
export interface BudgetRefusal {
  readonly refusal: 'no-room' | 'no-spare';
  readonly isRetry: boolean;
  readonly failure: Failure;
  readonly restMs: number;
}

/** Why the provider must not be called now, and for how long, as far as it can be known. */
export type CallRefusal = BudgetRefusal | Hold;

/** The right to one call; given back unless it was used. */
export interface CallPermit extends Disposable {
  /** Counts the call, which is about to be made. What has to outlive a crash in its middle is on record then. */
  use(): Promise<void>;
  /** The call was made. @param failure `undefined`: it brought a token */
  settle(failure: Failure | undefined): void;
}

export class TokenLimits {
  readonly coolDown: CoolDown;
  readonly #parts: TokenLimitsParts;
  #hasTurn = false;
  /** Room in the budget that was waited for, until the call. */
  #room: BudgetPermit | undefined;
  /** When the last call was made that was no retry; monotonic. */
  #lastRegularMs: number | undefined;

  constructor(parts: TokenLimitsParts) {
    this.#parts = parts;
    this.coolDown = new CoolDown(parts);
  }

  /** @param issuedAtMs of the published document, wall time; `undefined` when there is none */
  view(issuedAtMs: number | undefined): LimitsView {
    return {
      hasTurn: this.#hasTurn,
      demandedMs: this.coolDown.demandedRestMs(),
      intervalMs: Math.max(0, this.coolDown.intervalRestMs(issuedAtMs)),
      heldBack: this.coolDown.heldBack(issuedAtMs),
    };
  }

  /** Waits for one of the provider's turns; rejects with the signal's reason when aborted before that. */
  async takeTurn(priority: number, signal: AbortSignal): Promise<void> {
    await this.#parts.concurrency.enter(priority, signal);
    this.#hasTurn = true;
  }

  leaveTurn(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#parts.concurrency.leave();
  }

  /** Gives back whatever was taken and not used. */
  release(): void {
    this.leaveTurn();
    if (this.#room !== undefined) this.#parts.budget?.giveBack(this.#room);
    this.#room = undefined;
    // The right to be the one that asks: without a call the others would wait for it until its limit.
    this.#parts.breaker?.giveBack(this.#parts.identity.token);
  }

  /** @param isUrged a human wants it tried, whatever other tokens have met */
  async admit(isFirstAttempt: boolean, isUrged: boolean, term: Term): Promise<CallPermit | CallRefusal> {
    const { breaker, identity } = this.#parts;
    const hold = isUrged ? undefined : breaker?.request(identity.token, term);
    if (hold !== undefined) return hold;
    const refused = this.#room === undefined ? await this.#requestRoom(isFirstAttempt) : undefined;
    if (refused === undefined) return this.#permit();
    breaker?.giveBack(identity.token);
    return refused;
  }

  /** Waits until it makes sense to ask again; rejects with the signal's reason when aborted. */
  async wait(refused: CallRefusal, priority: number, signal: AbortSignal): Promise<void> {
    const { budget, breaker, identity, clock } = this.#parts;
    if (refused.refusal === 'held') await breaker?.wait(identity.token, priority, refused, signal);
    else if (refused.refusal === 'no-spare' || budget === undefined)
      await clock.sleep(refused.restMs, signal);
    else this.#room = await budget.wait(priority, refused.isRetry, signal);
  }

  /** How long the next retry has to wait because others need what is left of the budget; 0 when it has not. */
  get retryRestMs(): number {
    return this.#parts.budget?.isSpareUsedUp === true ? Math.max(0, this.#regularInMs()) : 0;
  }

  /** What was seen with the former credentials says nothing about the new ones. */
  noteCredentialChange(): void {
    this.coolDown.noteCredentialChange();
    this.#parts.breaker?.noteCredentialChange();
  }

  /** @param wake called when the provider is back for all. @returns what ends that */
  onRecovery(wake: () => void): (() => void) | undefined {
    return this.#parts.breaker?.onRecovery(this.#parts.identity.token, wake);
  }

  /** The token is not managed any more. */
  forget(): void {
    this.#parts.breaker?.forget(this.#parts.identity.token);
  }

  /** @returns `undefined`: there is room, which is kept for the call */
  async #requestRoom(isFirstAttempt: boolean): Promise<BudgetRefusal | undefined> {
    const { budget } = this.#parts;
    if (budget === undefined) return undefined;
    const isRetry = !isFirstAttempt && this.#regularInMs() > 0;
    if (isRetry && budget.isSpareUsedUp) {
      const restMs = this.#regularInMs();
      return { refusal: 'no-spare', isRetry, failure: budget.describeSpareShortage(restMs), restMs };
    }
    this.#room = await budget.request(isRetry);
    if (this.#room !== undefined) return undefined;
    const failure = budget.describeShortage();
    return { refusal: 'no-room', isRetry, failure, restMs: failure.retryAfterMs ?? 0 };
  }

  #permit(): CallPermit {
    const { budget, breaker, identity, clock } = this.#parts;
    return {
      use: async () => {
        if (this.#room !== undefined) await budget?.use(this.#room);
        await this.coolDown.recordFetch();
      },
      settle: (failure) => {
        if (this.#room?.isRetry === false) this.#lastRegularMs = clock.monotonicMs();
        this.#room = undefined;
        breaker?.settle(identity.token, failure);
      },
      [Symbol.dispose]: () => {
        if (this.#room !== undefined) budget?.giveBack(this.#room);
        this.#room = undefined;
        breaker?.giveBack(identity.token);
      },
    };
  }

  /** Whole milliseconds until the token's next call is no retry any more; 0 or less when it is none. */
  #regularInMs(): number {
    if (this.#lastRegularMs === undefined) return 0;
    const { budget, clock } = this.#parts;
    return Math.ceil(this.#lastRegularMs + (budget?.regularEveryMs ?? 0) - clock.monotonicMs());
  }
}
