import type { Clock, FetchWaits, Journal, Random, TokenSource, TokenStore } from '../../src/core/ports.ts';
import type { CadencePolicy } from '../../src/core/schedule/cadence.ts';
import { type ChainState, parseChainState } from '../../src/core/token/chain-state.ts';
import { parseDocument, type TokenDocument } from '../../src/core/token/document.ts';
import type { TokenIdentity } from '../../src/core/token/token.ts';
import { ConcurrencyLimit } from '../../src/refresh/limits/concurrency-limit.ts';
import type { FetchBudget } from '../../src/refresh/limits/fetch-budget.ts';
import { ProviderBreaker } from '../../src/refresh/limits/provider-breaker.ts';
import { TokenLimits } from '../../src/refresh/limits/token-limits.ts';
import { WriteRateLimiter } from '../../src/refresh/limits/write-rate-limiter.ts';
import { ManagedToken } from '../../src/refresh/managed-token.ts';
import { type Term } from '../../src/refresh/term.ts';
import { TokenChain } from '../../src/refresh/token-chain.ts';
import { FakeTokenSource } from './fake-token-source.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordedEvents } from './recorded-events.ts';
import { buildIdentity } from './sample-events.ts';
import { createSeededRandom } from './seeded-random.ts';
import { termUntil } from './term.ts';

export interface ManagedTokenBenchOptions {
  /** Shared by the benches of several replicas. */
  readonly store?: MemoryStore;
  /** Written instead of `store`. */
  readonly tokenStore?: TokenStore;
  readonly identity?: TokenIdentity;
  readonly policy?: Partial<CadencePolicy>;
  readonly offsetMs?: number;
  readonly random?: Random;
  readonly chainFallback?: 'start-again' | 'none';
  /** Outlives the managed token, as the store does. */
  readonly journal?: Journal;
  readonly gate?: ConcurrencyLimit;
  /** The provider's, shared by all of its tokens. */
  readonly budget?: FetchBudget;
  readonly breaker?: ProviderBreaker;
  /** Shared by all managed tokens of a process; without it no write waits for others. */
  readonly rateLimiter?: WriteRateLimiter;
  readonly source?: FakeTokenSource;
  /** Asked instead of `source`. */
  readonly provider?: TokenSource;
  /** Outlive the managed token, as the store does. */
  readonly waits?: FetchWaits;
  /** Shared by several managed tokens whose order matters. */
  readonly events?: RecordedEvents;
}

/** What a human is told to do about a broken chain. */
export const CHAIN_REMEDY = 'bind the account again';

/** One managed token with fakes all around it, and the term that it works in. */
export interface ManagedTokenBench {
  readonly identity: TokenIdentity;
  readonly stateSecret: string;
  readonly store: MemoryStore;
  readonly source: FakeTokenSource;
  readonly events: RecordedEvents;
  readonly managed: ManagedToken;
  readonly term: Term;
  /** The program is asked to stop. */
  stop(): void;
  loseLeadership(): void;
  /** What readers of the token's secret see. @throws when that is no document */
  published(): TokenDocument | undefined;
  /** What the state secret holds. @throws when that is no chain state */
  savedChain(): ChainState | undefined;
}

/** Draws 0.5 for every jitter, so that waits are round numbers. */
export function createEvenRandom(seed: number = 1): Random {
  const { uuid } = createSeededRandom(seed);
  return { next: () => 0.5, uuid };
}

/** So fast that no write waits. */
export function createFastLimiter(clock: Clock): WriteRateLimiter {
  return new WriteRateLimiter({ callsPerWrite: 2, callsPerSecond: 1_000_000, clock });
}

export function createManagedTokenBench(
  clock: Clock,
  options: ManagedTokenBenchOptions = {},
): ManagedTokenBench {
  const { identity = buildIdentity(), store = new MemoryStore(), random = createEvenRandom() } = options;
  const { chainFallback, offsetMs = 0, gate = new ConcurrencyLimit(1) } = options;
  const policy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0, ...options.policy };
  const source = options.source ?? new FakeTokenSource(clock);
  const events = options.events ?? new RecordedEvents();
  const stateSecret = `${identity.secret}/state`;
  const parts = { identity, store: options.tokenStore ?? store, clock, random, events: events.record };
  const limits = new TokenLimits({
    ...parts,
    stateSecret: chainFallback === undefined ? undefined : stateSecret,
    versionBudget: policy.versionBudget ?? 'none',
    rateLimiter: options.rateLimiter ?? createFastLimiter(clock),
    concurrency: gate,
    waits: options.waits,
    budget: options.budget,
    breaker:
      options.breaker ??
      new ProviderBreaker({ provider: identity.provider, clock, random, events: events.record }),
    minIntervalMs: policy.minIntervalMs,
  });
  const managed = new ManagedToken({
    ...parts,
    source: options.provider ?? source,
    policy,
    offsetMs,
    limits,
    chain:
      chainFallback === undefined
        ? undefined
        : new TokenChain({
            ...parts,
            writer: limits.writer,
            stateSecret,
            fallback: chainFallback,
            remedy: () => CHAIN_REMEDY,
            source: options.provider ?? source,
            journal: options.journal,
          }),
  });
  const leadership = new AbortController();
  const stopping = new AbortController();
  return {
    identity,
    stateSecret,
    store,
    source,
    events,
    managed,
    term: termUntil(leadership.signal, stopping.signal),
    stop: () => stopping.abort(new Error('the program stops')),
    loseLeadership: () => leadership.abort(new Error('leadership was lost')),
    published: () => {
      const stored = store.current(identity.secret);
      if (stored === undefined) return undefined;
      const parsed = parseDocument(stored.text);
      if (!parsed.ok) throw new Error(parsed.problem);
      return parsed.document;
    },
    savedChain: () => {
      const stored = store.current(stateSecret);
      if (stored === undefined) return undefined;
      const parsed = parseChainState(stored.text, identity);
      if (!parsed.ok) throw new Error(parsed.problem);
      return parsed.state;
    },
  };
}
