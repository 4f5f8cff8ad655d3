import type { SecretTarget } from '../../core/events.ts';
import { longestWait } from '../../core/limits/retry-after.ts';
import type { PlanLimits, RefreshPlan, VersionBudget } from '../../core/limits/version-pace.ts';
import type { SecretWrite } from '../../core/ports.ts';
import { fail, type Result } from '../../core/result.ts';
import { describeEnd, type Term } from '../term.ts';
import { untilAborted } from '../until-aborted.ts';
import { WriteHistory, type WriteHistoryDeps } from './write-history.ts';
import { UNSAVED_CHAIN, type WriteRateLimiter } from './write-rate-limiter.ts';

export interface SecretWriterDeps extends WriteHistoryDeps {
  /** For kinds with refresh tokens. */
  readonly stateSecret: string | undefined;
  /** For each of the token's secrets. */
  readonly versionBudget: VersionBudget;
  /** Shared by all writers of the process. */
  readonly rateLimiter: WriteRateLimiter;
}

/** When nothing is readable there is no more urgent document. */
const NO_READABLE_TOKEN = 0;

/** Waits for its turn, publishes, counts the versions that this makes, and reports how it went, so that every write is seen. */
export class SecretWriter {
  readonly #deps: SecretWriterDeps;
  /** Of the token's secrets; empty without a budget. */
  readonly #histories: readonly WriteHistory[];

  constructor(deps: SecretWriterDeps) {
    const { identity, stateSecret, versionBudget } = deps;
    this.#deps = deps;
    const count = (target: SecretTarget, secretName: string | undefined): readonly WriteHistory[] =>
      versionBudget === 'none' || secretName === undefined
        ? []
        : [new WriteHistory(deps, { target, secretName, versionBudget })];
    this.#histories = [...count('document', identity.secret), ...count('state', stateSecret)];
  }

  /**
   * Leadership is looked at after the wait for a turn, right before the write.
   * @param expiresAtMs of the token that readers see, wall time; `undefined` when there is none
   */
  async publish(
    target: SecretTarget,
    write: SecretWrite,
    term: Term,
    expiresAtMs: number = NO_READABLE_TOKEN,
  ): Promise<Result<{ readonly version: string }>> {
    const { identity, store, rateLimiter, clock, events } = this.#deps;
    const { signal } = term;
    const priority = target === 'state' ? UNSAVED_CHAIN : expiresAtMs;
    await untilAborted(rateLimiter.enter(priority, signal), signal);
    if (term.hasEnded()) return fail(describeEnd(term));
    const history = this.#histories[target === 'document' ? 0 : 1];
    history?.expect(write.requestToken);
    const startedMs = clock.monotonicMs();
    const written = await store.publish(write, signal);
    const failure = written.ok ? undefined : written.failure;
    const durationMs = clock.monotonicMs() - startedMs;
    events({ event: 'secret-written', identity, target, durationMs, failure });
    if (failure !== undefined) rateLimiter.onThrottled(failure);
    await history?.record(write.requestToken, written, term);
    return written;
  }

  /** Finds out what the store counts, if that may be news. True when it was asked. */
  async learnVersions(term: Term): Promise<boolean> {
    const asked = await Promise.all(this.#histories.map((history) => history.learn(term)));
    return asked.includes(true);
  }

  /** Another process has written the document: the store has to be asked again what it counts. */
  noticeOthers(): void {
    this.#histories[0]?.noticeOthers();
  }

  /** When to refresh a token whose write is about to be sent, so that the versions last. Monotonic. */
  planRefreshAt(plan: RefreshPlan): number {
    return this.#latest(plan, (history) => history.planRefreshAt(plan));
  }

  /** How far a refresh that was planned with less knowledge has to be put off, at least. Monotonic. */
  decidePostponedAt(limits: PlanLimits): number {
    return this.#latest(limits, (history) => history.decidePostponedAt(limits));
  }

  /** Milliseconds until a secret that is full has room again; `undefined` when none is, or that is not known. */
  get roomInMs(): number | undefined {
    return longestWait(...this.#histories.map(({ roomInMs }) => roomInMs));
  }

  /** The secret with the fewest versions left sets the pace. */
  #latest({ plannedAtMs, offsetMs }: PlanLimits, decide: (history: WriteHistory) => number): number {
    return Math.max(plannedAtMs - offsetMs, ...this.#histories.map(decide));
  }
}
