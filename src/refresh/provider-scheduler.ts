/**
 * Decides, tick by tick, which tokens of one provider are refreshed.
 *
 * Guarantee: on each tick the clock is asked, not the slot, so a tick that came late or not at all is made up for by
 * the next one; a jump of the clock restarts the cron task. A tick never waits for a refresh.
 */

import type { RefreshReason } from '../core/events.ts';
import type { Clock, RefreshEvents, Ticker, Ticking } from '../core/ports.ts';
import { type Cadence, type CadencePolicy, decideTolerableCadence } from '../core/schedule/cadence.ts';
import { type CronGaps, tickExpression } from '../core/schedule/cron-expression.ts';
import { formatPeriod } from '../core/wire/time-text.ts';
import type { ManagedToken } from './managed-token.ts';
import type { RefreshOutcome } from './refresh-run.ts';
import type { Term } from './term.ts';

/** How a provider's ticks come about. */
export type ScheduleSetting =
  /** From the lifetime of its tokens. */
  | { readonly kind: 'derived' }
  /** A cron expression of the user's: every firing refreshes every token. */
  | { readonly kind: 'classic'; readonly expression: string; readonly gaps: Pick<CronGaps, 'largestGapMs'> };

export interface ProviderSchedulerDeps {
  readonly provider: string;
  readonly setting: ScheduleSetting;
  readonly policy: CadencePolicy;
  /** What to expect until a token has been seen, in milliseconds. */
  readonly expectedLifetimeMs: number;
  readonly tokens: readonly ManagedToken[];
  readonly clock: Clock;
  readonly events: RefreshEvents;
  readonly ticker: Ticker;
  /** Receives what must never happen: a refresh that threw. */
  readonly onFault: (error: unknown) => void;
}

/** Less than this is no change: lifetimes come in whole seconds, and from moments that are rounded to seconds. */
const LIFETIME_CHANGE_SHARE = 0.05;
const LIFETIME_WOBBLE_MS = 2000;
/** On top of two ticks, before silence is taken for a stall. */
const STALL_SLACK_MS = 60_000;

export class ProviderScheduler {
  readonly #deps: ProviderSchedulerDeps;
  readonly #tokens: Set<ManagedToken>;
  #cadence: Cadence;
  #term: Term | undefined;
  #task: Ticking | undefined;
  #lastTickMonotonicMs = 0;
  readonly #running = new Set<Promise<unknown>>();

  constructor(deps: ProviderSchedulerDeps) {
    this.#deps = deps;
    this.#tokens = new Set(deps.tokens);
    this.#cadence = decideTolerableCadence(deps.expectedLifetimeMs, deps.policy);
  }

  /** Refreshes what is due and arms the cron task. Call it once per term. */
  start(term: Term): void {
    this.#term = term;
    const { expectedLifetimeMs, policy } = this.#deps;
    const lifetimeMs = this.#shortestLifetimeMs();
    // The same ticks as before a restart, and as `plan` shows.
    const isExpected = !differs(lifetimeMs, expectedLifetimeMs);
    this.#cadence = decideTolerableCadence(isExpected ? expectedLifetimeMs : lifetimeMs, policy);
    this.#arm(undefined);
    this.#refresh('start');
  }

  /** Takes tokens in; those that are due are refreshed at once. */
  add(tokens: readonly ManagedToken[]): void {
    for (const token of tokens) this.#tokens.add(token);
    // What was restored may live shorter than expected, and is due at ticks of its own.
    this.#followLifetimes();
    this.#refresh('start', tokens);
  }

  /** Begins a refresh whether it is due or not. `undefined`: this replica does not lead. */
  begin(
    token: ManagedToken,
    refresh: (term: Term) => Promise<RefreshOutcome>,
  ): Promise<RefreshOutcome> | undefined {
    const term = this.#leading;
    if (term === undefined) return undefined;
    const run = refresh(term);
    this.#track(run, token);
    return run;
  }

  /** Whether this replica refreshes, so that what it knows of published tokens is true. */
  get isLeading(): boolean {
    return this.#leading !== undefined;
  }

  /** Removes a token. Resolves when nothing of it is in flight any more; see {@link ManagedToken.retire}. */
  remove(token: ManagedToken): Promise<void> {
    this.#tokens.delete(token);
    const retired = token.retire(this.#term).catch(this.#deps.onFault);
    this.#track(retired, token);
    return retired;
  }

  /** Stops ticking. What is being refreshed goes on; see {@link ProviderScheduler.drained}. */
  stop(): void {
    this.#task?.stop();
    this.#task = undefined;
    this.#term = undefined;
  }

  /** Resolves when no refresh that this scheduler has started is under way. */
  async drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Why a restart might help: the cron task should have ticked long ago. Empty when all is well. */
  stalledReasons(): readonly string[] {
    const { provider, clock } = this.#deps;
    const { tickMs } = this.#timing;
    const silentMs = clock.monotonicMs() - this.#lastTickMonotonicMs;
    if (this.#task === undefined || silentMs <= 2 * tickMs + STALL_SLACK_MS) return [];
    return [`${provider}: no tick for ${formatPeriod(silentMs)}, expected every ${formatPeriod(tickMs)}`];
  }

  /** Restarts the cron task and ticks at once: its timer was set for a clock that has moved since. */
  handleClockJump(): void {
    if (this.#task === undefined) return;
    this.#armTask();
    this.#refresh('due');
  }

  /** The term, while anything may be begun in it. */
  get #leading(): Term | undefined {
    return this.#term?.stopping.aborted === false && !this.#term.hasEnded() ? this.#term : undefined;
  }

  #tick(): void {
    this.#lastTickMonotonicMs = this.#deps.clock.monotonicMs();
    this.#refresh(this.#deps.setting.kind === 'classic' ? 'schedule' : 'due');
  }

  /** Refreshes every token that would be worse off at the next tick than now; all when the user's schedule says so. */
  #refresh(reason: RefreshReason, tokens: Iterable<ManagedToken> = this.#tokens): void {
    const term = this.#leading;
    if (term === undefined) return;
    const isClassic = this.#deps.setting.kind === 'classic';
    const nearMs = isClassic ? (this.#task?.msToNext() ?? 0) : this.#cadence.tickMs / 2;
    for (const token of tokens) {
      const run = token.refreshIfDue(reason, term, reason === 'schedule' ? 'whenever' : nearMs);
      if (run !== undefined) this.#track(run, token);
    }
  }

  /** If the provider turns out to hand out another lifetime, the schedule follows. */
  #track(work: Promise<unknown>, token: ManagedToken): void {
    const tracked = work
      .then(() => {
        const { lifetimeMs } = token;
        if (lifetimeMs !== undefined && differs(lifetimeMs, this.#cadence.lifetimeMs))
          this.#followLifetimes();
      }, this.#deps.onFault)
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #followLifetimes(): void {
    if (this.#task === undefined) return;
    const lifetimeMs = this.#shortestLifetimeMs();
    if (!differs(lifetimeMs, this.#cadence.lifetimeMs)) return;
    const formerLifetimeMs = this.#cadence.lifetimeMs;
    this.#cadence = decideTolerableCadence(lifetimeMs, this.#deps.policy);
    this.#arm(formerLifetimeMs);
  }

  #shortestLifetimeMs(): number {
    let shortestMs = Number.POSITIVE_INFINITY;
    for (const token of this.#tokens) shortestMs = Math.min(shortestMs, token.lifetimeMs ?? shortestMs);
    return shortestMs === Number.POSITIVE_INFINITY ? this.#deps.expectedLifetimeMs : shortestMs;
  }

  #arm(formerLifetimeMs: number | undefined): void {
    this.#armTask();
    const { provider, events } = this.#deps;
    const { lifetimeMs } = this.#cadence;
    events({ event: 'schedule-derived', provider, lifetimeMs, ...this.#timing, formerLifetimeMs });
  }

  #armTask(): void {
    const { provider, clock, events, ticker } = this.#deps;
    this.#task?.stop();
    this.#lastTickMonotonicMs = clock.monotonicMs();
    this.#task = ticker.start({
      name: provider,
      expression: this.#timing.cron,
      onTick: () => this.#tick(),
      onMissed: () => {
        events({ event: 'tick-missed', provider });
        this.#tick();
      },
    });
  }

  get #timing(): { readonly cron: string; readonly refreshEveryMs: number; readonly tickMs: number } {
    const { setting, provider } = this.#deps;
    const { tickMs, refreshEveryMs } = this.#cadence;
    if (setting.kind === 'derived') return { cron: tickExpression(tickMs, provider), refreshEveryMs, tickMs };
    const { largestGapMs } = setting.gaps;
    return { cron: setting.expression, refreshEveryMs: largestGapMs, tickMs: largestGapMs };
  }
}

function differs(aMs: number, bMs: number): boolean {
  return Math.abs(aMs - bMs) > Math.max(bMs * LIFETIME_CHANGE_SHARE, LIFETIME_WOBBLE_MS);
}
