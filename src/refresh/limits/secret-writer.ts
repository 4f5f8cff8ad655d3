import type { SecretTarget } from '../../core/events.ts';
import type { PlanLimits, RefreshPlan, VersionBudget } from '../../core/limits/version-pace.ts';
import type { Clock, RefreshEvents, SecretWrite, TokenStore } from '../../core/ports.ts';
import { fail, type Result } from '../../core/result.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { describeEnd, type Term } from '../term.ts';
import type { Priority } from './priority-queue.ts';
import { WriteHistory } from './write-history.ts';
import { UNSAVED_CHAIN, type WriteRateLimiter } from './write-rate-limiter.ts';

export interface SecretWriterDeps {
  readonly identity: TokenIdentity;
  /** For kinds with refresh tokens. */
  readonly stateSecret: string | undefined;
  /** For each of the token's secrets. */
  readonly versionBudget: VersionBudget;
  readonly store: TokenStore;
  /** Shared by all writers of the process. */
  readonly rateLimiter: WriteRateLimiter | 'none';
  readonly clock: Clock;
  readonly events: RefreshEvents;
}

/** When nothing is readable there is no more urgent document. */
const NO_READABLE_TOKEN = 0;

/** Waits for its turn, publishes, counts the versions that this makes, and reports how it went, so that every write is seen. */
export class SecretWriter {
  readonly #deps: SecretWriterDeps;
  /** `undefined`: it has no budget. */
  readonly #document: WriteHistory | undefined;
  /** The same, and for kinds without refresh tokens. */
  readonly #state: WriteHistory | undefined;

  constructor(deps: SecretWriterDeps) {
    const { identity, stateSecret, versionBudget } = deps;
    this.#deps = deps;
    const count = (target: SecretTarget, secretName: string | undefined): WriteHistory | undefined =>
      versionBudget === 'none' || secretName === undefined
        ? undefined
        : new WriteHistory(deps, { target, secretName, versionBudget });
    this.#document = count('document', identity.secret);
    this.#state = count('state', stateSecret);
  }

  /**
   * Leadership is looked at after the wait for a turn, right before the write.
   * @param expiresAtMs of the token that readers see, wall time; `undefined` when there is none
   */
  async publish(
    target: SecretTarget,
    write: SecretWrite,
    term: Term,
    expiresAtMs?: number,
  ): Promise<Result<{ readonly version: string }>> {
    const { identity, store, rateLimiter, clock, events } = this.#deps;
    await this.#waitForTurn(
      target === 'state' ? UNSAVED_CHAIN : (expiresAtMs ?? NO_READABLE_TOKEN),
      term.signal,
    );
    const { signal } = term;
    if (term.hasEnded()) return fail(describeEnd(term));
    const history = target === 'document' ? this.#document : this.#state;
    history?.expect(write.requestToken);
    const startedMs = clock.monotonicMs();
    const written = await store.publish(write, signal);
    events({
      event: 'secret-written',
      identity,
      target,
      durationMs: clock.monotonicMs() - startedMs,
      failure: written.ok ? undefined : written.failure,
    });
    if (!written.ok && rateLimiter !== 'none') rateLimiter.onThrottled(written.failure);
    await history?.record(write.requestToken, written, term);
    return written;
  }

  /** Finds out what the store counts, if that may be news. True when it was asked. */
  async learnVersions(term: Term): Promise<boolean> {
    const asked = await Promise.all(this.#histories.map((history) => history.learn(term)));
    return asked.includes(true);
  }

  /** Somebody else has written the document: the store has to be asked again what it counts. */
  noticeOthers(): void {
    this.#document?.noticeOthers();
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
    const known = this.#histories.flatMap(({ roomInMs }) => roomInMs ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  get #histories(): readonly WriteHistory[] {
    return [this.#document, this.#state].filter((history) => history !== undefined);
  }

  /** Ends early with the signal. */
  async #waitForTurn(priority: Priority, signal: AbortSignal): Promise<void> {
    const { rateLimiter } = this.#deps;
    if (rateLimiter === 'none') return;
    try {
      await rateLimiter.enter(priority, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** The secret with the fewest versions left sets the pace. */
  #latest(limits: PlanLimits, decide: (history: WriteHistory) => number): number {
    const usualMs = limits.plannedAtMs - limits.offsetMs;
    return Math.max(usualMs, ...this.#histories.map(decide));
  }
}
