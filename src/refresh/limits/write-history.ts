/**
 * Which versions one secret got in the last 24 hours, against its budget.
 *
 * Guarantee: a version that this process has made, or may have made, is counted once. Other processes' versions, earlier
 * and other replicas' ones included, are counted when the store is asked: once in a term, again when another process is
 * seen to write, and every hour while the budget is nearly used.
 * Non-guarantee: a store that does not say (the permission is missing) leaves this process's own count.
 */
import type { SecretTarget } from '../../core/events.ts';
import type { Failure } from '../../core/failure.ts';
import { lowMark, type QuotaState } from '../../core/limits/quota.ts';
import {
  decideAffordableAt,
  decideBudgetState,
  decideVersionPlan,
  type PlanLimits,
  type RefreshPlan,
  VERSION_DAY_MS,
  withinDay,
} from '../../core/limits/version-pace.ts';
import type { Clock, RefreshEvents, TokenStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import type { Term } from '../term.ts';

export interface WriteHistoryDeps {
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

/** Between two questions to the store while the budget is nearly used. */
const ASK_AGAIN_MS = 3_600_000;
/** The same while the store refuses to write: the list of a full secret is two calls, and many may be full. */
const ASK_WHILE_FULL_MS = 600_000;
const EXCEEDED_FOR_MS = 3_600_000;
// Shared by all histories, of which there may be many thousands.
const NO_WRITES: readonly number[] = [];

const EVENT_OF = {
  normal: 'version-budget-recovered',
  low: 'version-budget-low',
  exhausted: 'version-budget-exhausted',
} as const satisfies Readonly<Record<QuotaState, string>>;

/** All times are monotonic, so that no jump of a clock moves them. */
export class WriteHistory {
  readonly #deps: WriteHistoryDeps;
  readonly #secret: CountedSecret;
  /** Ascending. */
  #writesAtMs = NO_WRITES;
  /** Of the newest write: a retry makes no second version. */
  #newestRequest: string | undefined;
  /** What the store said when it was last asked: `denied` when it does not tell us. */
  #answer: { readonly kind: 'counted' | 'denied'; readonly term: Term; readonly atMs: number } | undefined;
  /** The store has refused a version: the secret is `full` until a write meets something else. */
  #refusal: { readonly kind: 'full' | 'past'; readonly atMs: number } | undefined;
  /** When a version was last needed and not left, or will be. */
  #exceededAtMs: number | undefined;
  #shortLifeAtMs: number | undefined;
  /** When the next token is written, although readers will have none before that. */
  #heldUntilMs: number | undefined;
  #state: QuotaState = 'normal';

  constructor(deps: WriteHistoryDeps, secret: CountedSecret) {
    this.#deps = deps;
    this.#secret = secret;
  }

  /** Asks the store what it counts, if that may be news. True when it was asked. Never fails: see above. */
  async learn(term: Term): Promise<boolean> {
    const isNearlyUsed = this.#recent().length >= lowMark(this.#secret.versionBudget);
    return await this.#askUnlessKnown(term, isNearlyUsed ? ASK_AGAIN_MS : 'term');
  }

  /** Another process has written the secret: the store has to be asked again what it counts. */
  noticeOthers(): void {
    if (this.#answer?.kind === 'counted') this.#answer = undefined;
  }

  /** Called before a write is sent: it is counted from now on, and reported when there was no room for it. */
  expect(requestToken: string): void {
    if (requestToken === this.#newestRequest) return;
    if (this.#recent().length >= this.#secret.versionBudget) this.#exceededAtMs = this.#nowMs();
    this.#announce();
  }

  /** Called when a write has ended. */
  async record(requestToken: string, written: Result<unknown>, term: Term): Promise<void> {
    const code = written.ok ? undefined : written.failure.code;
    const nowMs = this.#nowMs();
    if (code === 'store-quota') {
      this.#refusal = { kind: 'full', atMs: nowMs };
      this.#exceededAtMs = nowMs;
      await this.#askUnlessKnown(term, ASK_WHILE_FULL_MS);
    } else {
      if (this.#refusal !== undefined) this.#refusal = { ...this.#refusal, kind: 'past' };
      if (mayHaveMadeVersion(code)) {
        const others =
          requestToken === this.#newestRequest ? this.#writesAtMs.slice(0, -1) : this.#writesAtMs;
        this.#writesAtMs = [...others, nowMs];
        this.#newestRequest = requestToken;
      }
      if (code === 'store-conflict') this.noticeOthers();
    }
    this.#announce();
  }

  /** Plans the refresh of a token whose write is about to be sent. @returns when it is */
  planRefreshAt(plan: RefreshPlan): number {
    const supply = {
      budget: this.#secret.versionBudget,
      writesAtMs: this.#recent(),
      wasRefused: this.#wasRefused(),
      shortLifeAtMs: this.#shortLifeAtMs,
    };
    const { refreshAtMs, isTooLate, shortLifeAtMs } = decideVersionPlan(plan, supply, this.#nowMs());
    this.#shortLifeAtMs = shortLifeAtMs;
    this.#heldUntilMs = isTooLate ? refreshAtMs : undefined;
    // Reported for as long as readers may be without a token.
    if (isTooLate) this.#exceededAtMs = refreshAtMs;
    return refreshAtMs;
  }

  /** How far a refresh that was planned with less knowledge has to be put off, at least. */
  decidePostponedAt({ plannedAtMs, latestAtMs }: PlanLimits): number {
    if (this.#wasRefused()) return latestAtMs;
    const supply = { writesAtMs: this.#recent(), latestAtMs, budget: this.#secret.versionBudget };
    return Math.min(Math.max(decideAffordableAt(supply) ?? plannedAtMs, plannedAtMs), latestAtMs);
  }

  /** Milliseconds until the oldest known version ages out of a secret that is full; `undefined` when not known. */
  get roomInMs(): number | undefined {
    const oldestMs = this.#refusal?.kind === 'full' ? this.#recent()[0] : undefined;
    return oldestMs === undefined ? undefined : oldestMs + VERSION_DAY_MS - this.#nowMs();
  }

  /** @param forMs how long a count of this term is believed; that the store does not tell us is for the term */
  async #askUnlessKnown(term: Term, forMs: number | 'term'): Promise<boolean> {
    const answer = this.#answer;
    if (answer?.term === term) {
      const isForTerm = answer.kind === 'denied' || forMs === 'term';
      if (isForTerm || this.#nowMs() - answer.atMs < forMs) return false;
    }
    const { identity, store, events } = this.#deps;
    const { target, secretName, versionBudget } = this.#secret;
    const read = await store.readVersionAges(secretName, term.signal);
    if (term.signal.aborted) return true;
    const nowMs = this.#nowMs();
    // A list that lacks what we know of is an older one: the store is eventually consistent.
    if (read.ok && read.value.length >= this.#recent().length)
      this.#writesAtMs = read.value.map((ageMs) => nowMs - Math.max(0, ageMs)).toSorted((a, b) => a - b);
    const agesMs = this.#recent().map((atMs) => nowMs - atMs);
    const failure = read.ok ? undefined : read.failure;
    events({ event: 'secret-versions-counted', identity, target, versionBudget, agesMs, failure });
    // A store that has not answered is asked again.
    if (failure !== undefined && failure.retry !== 'needs-human') return true;
    this.#answer = { kind: read.ok ? 'counted' : 'denied', term, atMs: nowMs };
    this.#announce();
    return true;
  }

  #announce(): void {
    const { identity, events } = this.#deps;
    const { target, versionBudget } = this.#secret;
    const nowMs = this.#nowMs();
    const versions = this.#recent().length;
    // For an hour after the last write that met it, so that a shortage is reported once and not at each write.
    const isExceeded = this.#exceededAtMs !== undefined && nowMs - this.#exceededAtMs < EXCEEDED_FOR_MS;
    const state = decideBudgetState(this.#state, versions, versionBudget, isExceeded);
    if (state === this.#state) return;
    this.#state = state;
    const held = this.#heldUntilMs === undefined ? {} : { heldForMs: this.#heldUntilMs - nowMs };
    events({ event: EVENT_OF[state], identity, target, versions, versionBudget, ...held });
  }

  #wasRefused(): boolean {
    return this.#refusal !== undefined && this.#nowMs() - this.#refusal.atMs < VERSION_DAY_MS;
  }

  /** The writes of the last 24 hours. */
  #recent(): readonly number[] {
    this.#writesAtMs = withinDay(this.#writesAtMs, this.#nowMs());
    return this.#writesAtMs;
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}

/** A lost answer may have been a success; a fence that held back a label came after the version was made. */
export function mayHaveMadeVersion(code: Failure['code'] | undefined): boolean {
  return code === undefined || ['store-conflict', 'store-unavailable', 'aborted'].includes(code);
}
