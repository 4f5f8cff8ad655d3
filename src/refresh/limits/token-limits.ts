/**
 * Everything that limits the calls of one token: its provider's concurrency limit, breaker and fetch budget, its own
 * waits and interval. {@link TokenLimits.view} is for deciding, a permit of {@link TokenLimits.admit} is for the call.
 */
import type { Failure } from '../../core/failure.ts';
import { FLOOR_MS, type RejectionFacts } from '../../core/rejection/decide-rejection.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import type { Term } from '../term.ts';
import { untilAborted } from '../until-aborted.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import { CoolDown, type CoolDownDeps } from './cool-down.ts';
import type { BudgetRefusal, FetchBudget } from './fetch-budget.ts';
import type { Priority } from './priority-queue.ts';
import type { Hold, ProviderBreaker } from './provider-breaker.ts';
import { SecretWriter, type SecretWriterDeps } from './secret-writer.ts';

export interface TokenLimitsDeps extends CoolDownDeps, SecretWriterDeps {
  readonly identity: TokenIdentity;
  /** The provider's, shared by all of its tokens, as are the others. */
  readonly concurrency: ConcurrencyLimit;
  /** Without it calls are not counted. */
  readonly budget?: FetchBudget | undefined;
  readonly breaker: ProviderBreaker;
}

/** What is allowed now, and how long not yet; in milliseconds, 0 when there is nothing to wait for. */
export interface LimitsView {
  readonly hasTurn: boolean;
  /** Until the wait is over that provider or store have asked for. */
  readonly demandedMs: number;
  /** Until `minInterval` has passed. */
  readonly intervalMs: number;
  /** Why the provider must not be asked yet, not even for a human; see {@link CoolDown.currentBlock}. */
  readonly currentBlock: Failure | undefined;
}

/** Why the provider must not be called now, and for how long, as far as it can be known. */
export type CallRefusal = BudgetRefusal | Hold;

/** The right to one call; given back unless it was used. */
export interface CallPermit extends Disposable {
  /** Counts the call, which is about to be made. What has to outlive a crash in its middle is on record then. */
  use(): Promise<void>;
  /**
   * The call was made.
   * @param failure `undefined`: it brought a token
   * @param explained the same, as far as it concerns this token
   */
  settle(failure: Failure | undefined, explained: Failure | undefined): Promise<void>;
}

/** What a call is for. */
export interface CallIntent {
  readonly isFirstAttempt: boolean;
  /** A human wants it tried, whatever other tokens have met. */
  readonly isUrged: boolean;
  /** Readers have a token that lives. */
  readonly isLive: boolean;
}

export class TokenLimits {
  readonly coolDown: CoolDown;
  /** For the writes of the token's secrets. */
  readonly writer: SecretWriter;
  readonly #deps: TokenLimitsDeps;
  #hasTurn = false;

  constructor(deps: TokenLimitsDeps) {
    this.#deps = deps;
    this.coolDown = new CoolDown(deps);
    this.writer = new SecretWriter(deps);
  }

  /** @param issuedAtMs of the published document, wall time; `undefined` when there is none */
  view(issuedAtMs: number | undefined): LimitsView {
    return {
      hasTurn: this.#hasTurn,
      demandedMs: this.coolDown.demandedMs(),
      intervalMs: this.coolDown.intervalMs(issuedAtMs),
      currentBlock: this.coolDown.currentBlock(issuedAtMs)?.failure,
    };
  }

  /** What stands in the way of a fetch for a report that the token was refused. @param issuedAtMs as in `view` */
  viewRejection(issuedAtMs: number | undefined): Omit<RejectionFacts, 'published' | 'pausedMs'> {
    return {
      demandedMs: this.coolDown.demandedMs(),
      blockedMs: this.coolDown.currentBlock(issuedAtMs)?.leftMs ?? 0,
      floorMs: this.coolDown.floorMs(issuedAtMs, FLOOR_MS),
      budgetMs: this.#deps.budget?.retryInMs(this.#token) ?? 0,
    };
  }

  /** Waits for one of the provider's turns; comes back without one when aborted before that. */
  async takeTurn(priority: Priority, signal: AbortSignal): Promise<void> {
    const turn = this.#deps.concurrency.enter(priority, signal).then(() => {
      this.#hasTurn = true;
    });
    await untilAborted(turn, signal);
  }

  leaveTurn(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#deps.concurrency.leave();
  }

  /** Gives back whatever was taken and not used. */
  release(): void {
    this.leaveTurn();
    this.#giveBack();
  }

  async admit(intent: CallIntent, term: Term): Promise<CallPermit | CallRefusal> {
    const { breaker, budget } = this.#deps;
    const hold = intent.isUrged ? undefined : breaker.request(this.#token, intent.isLive, term);
    if (hold !== undefined) return hold;
    const refused = await budget?.request(this.#token, intent.isFirstAttempt);
    if (refused === undefined) return this.#permit(intent);
    breaker.giveBack(this.#token);
    return refused;
  }

  /** Waits until it makes sense to ask again; rejects with the signal's reason when aborted. */
  async wait(refused: CallRefusal, priority: Priority, signal: AbortSignal): Promise<void> {
    const { budget, breaker } = this.#deps;
    if (refused.refusal === 'held') await breaker.wait(this.#token, priority, refused, signal);
    else await budget?.wait(this.#token, refused, priority, signal);
  }

  /** How long the next retry has to wait because others need what is left of the budget; 0 when it has not. */
  get retryWaitMs(): number {
    return this.#deps.budget?.retryWaitMs(this.#token) ?? 0;
  }

  /** What was seen with the former credentials says nothing about the new ones. */
  noteCredentialChange(): void {
    this.coolDown.noteCredentialChange();
    this.#deps.breaker.noteCredentialChange();
  }

  /** @param wake called when the provider is back for all. @returns what ends that */
  onRecovery(wake: () => void): () => void {
    return this.#deps.breaker.onRecovery(this.#token, wake);
  }

  /** The token is not managed any more. */
  forget(): void {
    this.#deps.budget?.forget(this.#token);
    this.#deps.breaker.forget(this.#token);
  }

  #permit({ isLive }: CallIntent): CallPermit {
    const { budget, breaker } = this.#deps;
    return {
      use: async () => {
        await budget?.use(this.#token);
        await this.coolDown.recordFetch();
      },
      settle: async (failure, explained) => {
        budget?.settle(this.#token);
        breaker.settle(this.#token, failure, isLive);
        if (explained === undefined) await this.coolDown.recordSuccess();
        else if (explained.code !== 'aborted') await this.coolDown.recordRefusal(explained);
      },
      [Symbol.dispose]: () => this.#giveBack(),
    };
  }

  /** The room in the budget, and the right to be the one that asks: others would wait for it without a call. */
  #giveBack(): void {
    this.#deps.budget?.giveBack(this.#token);
    this.#deps.breaker.giveBack(this.#token);
  }

  get #token(): string {
    return this.#deps.identity.token;
  }
}
