import assert from 'node:assert/strict';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import type { Clock, RefreshEvents } from '../../src/core/ports.ts';
import type { CadencePolicy } from '../../src/core/schedule/cadence.ts';
import { watchClock } from '../../src/refresh/clock-watch.ts';
import { ConcurrencyLimit } from '../../src/refresh/limits/concurrency-limit.ts';
import type { FetchBudget } from '../../src/refresh/limits/fetch-budget.ts';
import { ProviderBreaker } from '../../src/refresh/limits/provider-breaker.ts';
import type { WriteRateLimiter } from '../../src/refresh/limits/write-rate-limiter.ts';
import { ProviderScheduler, type ScheduleSetting } from '../../src/refresh/provider-scheduler.ts';
import { createManagedTokenBench, type ManagedTokenBench } from './managed-token-bench.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordedEvents } from './recorded-events.ts';
import { buildIdentity } from './sample-events.ts';
import { createSeededRandom } from './seeded-random.ts';
import { termUntil } from './term.ts';

export interface SchedulerBenchOptions {
  readonly tokenCount?: number;
  readonly lifetimeMs?: number;
  readonly setting?: ScheduleSetting;
  readonly policy?: Partial<CadencePolicy>;
  readonly concurrency?: number;
  readonly offsetMs?: (index: number) => number;
  readonly store?: MemoryStore;
  readonly chainFallback?: 'start-again' | 'none';
  readonly rateLimiter?: WriteRateLimiter;
  /** Made for the bench's events. */
  readonly budget?: (events: RefreshEvents) => FetchBudget;
}

/** One scheduler with real managed tokens over fakes: the provider `pivot`, with one token or one per customer. */
export interface SchedulerBench {
  readonly scheduler: ProviderScheduler;
  readonly tokens: readonly ManagedTokenBench[];
  readonly store: MemoryStore;
  readonly gate: ConcurrencyLimit;
  /** Of the scheduler and of all managed tokens. */
  readonly events: RecordedEvents;
  /** Starts the scheduler, and the watch over the clock as the daemon does. */
  start(): void;
  stop(): Promise<void>;
  /** Fails when a reader would now be given a token that is dead at its provider, whatever any clock says. */
  assertReadersAreServed(): void;
  /** Monotonic times of all fetches, ascending. */
  fetchTimesMs(): readonly number[];
}

export function createSchedulerBench(clock: Clock, options: SchedulerBenchOptions = {}): SchedulerBench {
  const { tokenCount = 1, lifetimeMs = 900_000, concurrency = 4, store = new MemoryStore() } = options;
  const policy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0, ...options.policy };
  const events = new RecordedEvents();
  const gate = new ConcurrencyLimit(concurrency);
  const budget = options.budget?.(events.record);
  const random = createSeededRandom(2026);
  const breaker = new ProviderBreaker({ provider: 'pivot', clock, random, events: events.record });
  const tokens = Array.from({ length: tokenCount }, (_, index) =>
    createManagedTokenBench(clock, {
      identity: buildIdentity(tokenCount === 1 ? 'pivot' : `pivot/customer-${index}`),
      store,
      gate,
      breaker,
      events,
      policy,
      random,
      offsetMs: options.offsetMs?.(index) ?? 0,
      ...(options.chainFallback === undefined ? {} : { chainFallback: options.chainFallback }),
      ...(options.rateLimiter === undefined ? {} : { rateLimiter: options.rateLimiter }),
      ...(budget === undefined ? {} : { budget }),
    }),
  );
  for (const { source } of tokens) source.lifetimeMs = lifetimeMs;
  const scheduler = new ProviderScheduler({
    provider: 'pivot',
    setting: options.setting ?? { kind: 'derived' },
    policy,
    expectedLifetimeMs: lifetimeMs,
    tokens: tokens.map(({ managed }) => managed),
    clock,
    events: events.record,
    ticker: createCronTicker({ info: ignore, warn: ignore, debug: ignore, error: failOnError }),
    onFault: failOnError,
  });
  const stopping = new AbortController();
  let watch = Promise.resolve();
  return {
    scheduler,
    tokens,
    store,
    gate,
    events,
    start: () => {
      scheduler.start(termUntil(new AbortController().signal, stopping.signal));
      watch = watchClock(clock, stopping.signal, () => scheduler.handleClockJump());
    },
    stop: async () => {
      stopping.abort(new Error('the program stops'));
      scheduler.stop();
      await scheduler.drained();
      await watch;
    },
    assertReadersAreServed: () => {
      for (const { published, source, identity } of tokens) {
        const text = published()?.accessToken.reveal();
        const diesAtMs = text === undefined ? undefined : source.deathsMonotonicMs.get(text);
        assert.ok(
          diesAtMs !== undefined && diesAtMs > clock.monotonicMs(),
          `readers of ${identity.token} were given a dead token at ${clock.monotonicMs() / 1000} s`,
        );
      }
    },
    fetchTimesMs: () =>
      tokens
        .flatMap(({ source }) => source.fetches.map(({ atMonotonicMs }) => atMonotonicMs))
        .toSorted((a, b) => a - b),
  };
}

/** Times between one fetch and the next. */
export function gapsBetween(timesMs: readonly number[]): readonly number[] {
  return timesMs.slice(1).map((timeMs, index) => timeMs - (timesMs[index] ?? Number.NaN));
}

function ignore(): void {
  // node-cron has nothing to tell that a test would look at.
}

function failOnError(error: unknown): never {
  throw error instanceof Error ? error : new Error(String(error));
}
