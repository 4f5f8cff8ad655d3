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
import { lowMark, type QuotaState } from '../../core/limits/quota.ts';
import { RecentWrites, VERSION_DAY_MS } from '../../core/limits/recent-writes.ts';
import {
  decideAffordableAt,
  decideBudgetState,
  decideVersionPlan,
  type PlanLimits,
  type RefreshPlan,
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

/** What the store said when it was last asked, and when (monotonic): `denied` when it does not tell us. */
interface Answer {
  readonly kind: 'counted' | 'denied';
  readonly term: Term;
  readonly atMs: number;
}

/** The store has refused a version: the secret is `full` until a write meets something else. */
interface Refusal {
  readonly kind: 'full' | 'past';
  readonly atMs: number;
}

/** Between two questions to the store while the budget is nearly used. */
const ASK_AGAIN_MS = 3_600_000;
/** The same while the store refuses to write: the list of a full secret is two calls, and many may be full. */
const ASK_WHILE_FULL_MS = 600_000;
const EXCEEDED_FOR_MS = 3_600_000;

const EVENT_OF = {
  normal: 'version-budget-recovered',
  low: 'version-budget-low',
  exhausted: 'version-budget-exhausted',
} as const satisfies Readonly<Record<QuotaState, string>>;

export class WriteHistory {
  readonly #deps: WriteHistoryDeps;
  readonly #secret: CountedSecret;
  readonly #writes = new RecentWrites();
  /** Of the newest write: a retry makes no second version. */
  #newestRequest: string | undefined;
  #answer: Answer | undefined;
  #refusal: Refusal | undefined;
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
    const isNearlyUsed = this.#writes.count(this.#nowMs()) >= lowMark(this.#secret.versionBudget);
    if (this.#isKnown(term, isNearlyUsed ? ASK_AGAIN_MS : undefined)) return false;
    await this.#ask(term);
    return true;
  }

  noticeOthers(): void {
    if (this.#answer?.kind === 'counted') this.#answer = undefined;
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
    term: Term,
  ): Promise<void> {
    const failure = written.ok ? undefined : written.failure;
    const nowMs = this.#nowMs();
    if (failure?.code === 'store-quota') {
      this.#refusal = { kind: 'full', atMs: nowMs };
      this.#exceededAtMs = nowMs;
      if (!this.#isKnown(term, ASK_WHILE_FULL_MS)) await this.#ask(term);
    } else {
      if (this.#refusal !== undefined) this.#refusal = { ...this.#refusal, kind: 'past' };
      if (mayHaveMadeVersion(failure)) {
        if (requestToken === this.#newestRequest) this.#writes.moveNewest(nowMs);
        else this.#writes.add(nowMs);
        this.#newestRequest = requestToken;
      }
      if (failure?.code === 'store-conflict') this.noticeOthers();
    }
    this.#announce();
  }

  /** Plans the refresh of a token whose write is about to be sent. @returns when it is, monotonic */
  planRefreshAt(plan: RefreshPlan): number {
    const nowMs = this.#nowMs();
    const supply = {
      budget: this.#secret.versionBudget,
      writesAtMs: this.#writes.times(nowMs),
      wasRefused: this.#wasRefused(),
      shortLifeAtMs: this.#shortLifeAtMs,
    };
    const { refreshAtMs, isTooLate, shortLifeAtMs } = decideVersionPlan(plan, supply, nowMs);
    this.#shortLifeAtMs = shortLifeAtMs;
    this.#heldUntilMs = isTooLate ? refreshAtMs : undefined;
    // Told for as long as readers may be without a token.
    if (isTooLate) this.#exceededAtMs = refreshAtMs;
    return refreshAtMs;
  }

  /** How far a refresh that was planned with less knowledge has to be put off, at least. */
  decidePostponedAt({ plannedAtMs, latestAtMs }: PlanLimits): number {
    if (this.#wasRefused()) return latestAtMs;
    const writesAtMs = this.#writes.times(this.#nowMs());
    const affordableAtMs = decideAffordableAt({ writesAtMs, latestAtMs, budget: this.#secret.versionBudget });
    return Math.min(Math.max(affordableAtMs ?? plannedAtMs, plannedAtMs), latestAtMs);
  }

  /** Milliseconds until the oldest known version ages out of a secret that is full; `undefined` when not known. */
  get roomInMs(): number | undefined {
    const nowMs = this.#nowMs();
    const oldestMs = this.#refusal?.kind === 'full' ? this.#writes.times(nowMs)[0] : undefined;
    return oldestMs === undefined ? undefined : oldestMs + VERSION_DAY_MS - nowMs;
  }

  /** Whether the store has said in this term what there is to know. @param forMs of a count; without it for the term */
  #isKnown(term: Term, forMs: number | undefined): boolean {
    const answer = this.#answer;
    if (answer === undefined || answer.term !== term) return false;
    return answer.kind === 'denied' || forMs === undefined || this.#nowMs() - answer.atMs < forMs;
  }

  async #ask(term: Term): Promise<void> {
    const { signal } = term;
    const { identity, store, events } = this.#deps;
    const { target, secretName, versionBudget } = this.#secret;
    const read = await store.readVersionAges(secretName, signal);
    if (signal.aborted) return;
    const nowMs = this.#nowMs();
    // A list that lacks what we know of is an older one: the store is eventually consistent.
    if (read.ok && read.value.length >= this.#writes.count(nowMs))
      this.#writes.replaceByAges(read.value, nowMs);
    const failure = read.ok ? undefined : read.failure;
    events({
      event: 'secret-versions-counted',
      identity,
      target,
      versionBudget,
      agesMs: this.#writes.times(nowMs).map((timeMs) => nowMs - timeMs),
      failure,
    });
    // A store that has not answered is asked again.
    if (failure !== undefined && failure.retry !== 'needs-human') return;
    this.#answer = { kind: failure === undefined ? 'counted' : 'denied', term, atMs: nowMs };
    this.#announce();
  }

  #announce(): void {
    const { identity, events } = this.#deps;
    const { target, versionBudget } = this.#secret;
    const nowMs = this.#nowMs();
    const versions = this.#writes.count(nowMs);
    // For an hour after the last write that met it, so that a shortage is told once and not at each write.
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

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
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
