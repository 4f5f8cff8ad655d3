/**
 * Where the rooms meet: a configuration and its {@link OutsideSystems} become its managed tokens.
 */
import { regularEveryMs } from '../config/cadence-check.ts';
import type { Configuration, ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import { describeReference } from '../core/credential/credential-reference.ts';
import type {
  BindingCatalog,
  Clock,
  FetchCounts,
  FetchWaits,
  Journal,
  Random,
  RefreshEvents,
  TokenSource,
  TokenStore,
} from '../core/ports.ts';
import { decideTolerableCadence } from '../core/schedule/cadence.ts';
import { SEED_CREDENTIAL } from '../core/token/chain-state.ts';
import { ConcurrencyLimit } from '../refresh/limits/concurrency-limit.ts';
import { FetchBudget } from '../refresh/limits/fetch-budget.ts';
import { ProviderBreaker } from '../refresh/limits/provider-breaker.ts';
import { TokenLimits } from '../refresh/limits/token-limits.ts';
import { WriteRateLimiter } from '../refresh/limits/write-rate-limiter.ts';
import { ManagedToken } from '../refresh/managed-token.ts';
import { TokenChain } from '../refresh/token-chain.ts';

/** What refreshing needs beside the outside systems. */
export interface RefreshPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** The outside systems that refreshing needs. The simulation brings its own. */
export interface OutsideSystems {
  /** By the name of their place. */
  readonly stores: ReadonlyMap<string, TokenStore>;
  /** Where bindings and other credentials are read from, whatever place tokens are published to. */
  readonly credentials: Pick<TokenStore, 'read' | 'readMany'>;
  /** `undefined`: what must survive the end of the process is in memory alone. */
  readonly journal: Journal | undefined;
  readonly waits: FetchWaits | undefined;
  readonly counts: FetchCounts | undefined;
  /** Where customers are discovered; asked only for providers that are configured so. */
  readonly bindings: BindingCatalog;
  createSources(provider: ProviderConfiguration): (token: TokenConfiguration) => TokenSource;
}

/** A configured provider with everything that refreshes its tokens. */
export interface AssembledProvider {
  readonly configuration: ProviderConfiguration;
  /** Those that are configured, and those that were added since. */
  readonly tokens: readonly AssembledToken[];
  /** Makes a token of a discovered customer. */
  add(token: TokenConfiguration): AssembledToken;
  /** `undefined`: there is no token of that name. */
  find(token: string): AssembledToken | undefined;
  /** @returns the token of that name, which is none of ours any more; `undefined` when it was none before */
  remove(token: string): AssembledToken | undefined;
}

export interface AssembledToken {
  readonly source: TokenSource;
  readonly managed: ManagedToken;
  /** Secret of the chain's newest refresh token, for kinds that have one. */
  readonly stateSecret: string | undefined;
}

/** By place. */
type RateLimiters = ReadonlyMap<string, WriteRateLimiter>;

/** Connects the rooms. */
export function assemble(
  configuration: Configuration,
  ports: RefreshPorts,
  connections: OutsideSystems,
  rateLimiters: RateLimiters = createRateLimiters(configuration, ports.clock),
): readonly AssembledProvider[] {
  return configuration.providers.map((provider) => {
    const { to } = provider.publish;
    const store = placeOf(connections.stores, to);
    const rateLimiter = placeOf(rateLimiters, to);
    return assembleProvider(provider, { ...ports, ...connections, store, rateLimiter });
  });
}

/** A pace for each place, whoever writes there. */
export function createRateLimiters({ places }: Configuration, clock: Clock): RateLimiters {
  const limiters = [...places.values()].map(({ name, writesPerSecond, rules }) => {
    const options = { callsPerSecond: writesPerSecond, callsPerWrite: rules.callsPerPublish, clock };
    return [name, new WriteRateLimiter(options)] as const;
  });
  return new Map(limiters);
}

function assembleProvider(
  configuration: ProviderConfiguration,
  shared: RefreshPorts &
    OutsideSystems & { readonly store: TokenStore; readonly rateLimiter: WriteRateLimiter },
): AssembledProvider {
  const tokens = new Map<string, AssembledToken>();
  const { concurrency, minIntervalMs, versionBudget } = configuration;
  const { policy } = configuration.schedule;
  // A provider's only token has nobody to make room for.
  const spreadMs =
    configuration.tokens.length > 1 || configuration.discovery !== undefined
      ? decideTolerableCadence(configuration.lifetimeMs, policy).refreshEveryMs / 2
      : 0;
  const { clock, random, events, store, waits, journal, rateLimiter } = shared;
  const common = {
    clock,
    random,
    events,
    store,
    waits,
    journal,
    rateLimiter,
    fallback: configuration.configured.chainFallback,
    policy,
    minIntervalMs,
    versionBudget,
    concurrency: new ConcurrencyLimit(concurrency),
    breaker: new ProviderBreaker({ provider: configuration.name, clock, random, events }),
    budget: createFetchBudget(configuration, () => tokens.size, shared),
  };
  const createSource = shared.createSources(configuration);
  const add = (token: TokenConfiguration): AssembledToken => {
    const { identity, stateSecret } = token;
    const source = createSource(token);
    // One object for all parts of a token, grown step by step: with 10,000 tokens a copy for each part would be seen.
    const offsetMs = Math.round(random.next() * spreadMs);
    const base = { ...common, identity, stateSecret, source, offsetMs };
    const limits = new TokenLimits(base);
    const parts = Object.assign(base, { limits, writer: limits.writer });
    const chain =
      stateSecret === undefined
        ? undefined
        : new TokenChain(
            Object.assign(parts, { stateSecret, remedy: () => describeRemedy(configuration, token) }),
          );
    const managed = new ManagedToken(Object.assign(parts, { chain }));
    const assembled = { source, managed, stateSecret };
    tokens.set(token.identity.token, assembled);
    return assembled;
  };
  for (const token of configuration.tokens) add(token);
  return {
    configuration,
    get tokens() {
      return [...tokens.values()];
    },
    add,
    find: (name) => tokens.get(name),
    remove: (name) => {
      const removed = tokens.get(name);
      tokens.delete(name);
      return removed;
    },
  };
}

function createFetchBudget(
  { name, fetchBudget, schedule, lifetimeMs }: ProviderConfiguration,
  countTokens: () => number,
  { counts, clock, events }: RefreshPorts & OutsideSystems,
): FetchBudget | undefined {
  if (fetchBudget === undefined) return undefined;
  return new FetchBudget({
    provider: name,
    limit: fetchBudget,
    regularEveryMs: regularEveryMs(
      lifetimeMs,
      schedule.policy,
      schedule.kind === 'classic' ? schedule : undefined,
    ),
    countTokens,
    counts,
    clock,
    events,
  });
}

/** What starts a chain that is broken for good; says where a credential is, and never what it is. */
function describeRemedy(provider: ProviderConfiguration, token: TokenConfiguration): string {
  const { customer } = token.identity;
  const references = customer === undefined ? provider.credentials : token.customerCredentials;
  const seed = references[SEED_CREDENTIAL];
  if (seed !== undefined) {
    const whose = customer === undefined ? provider.name : `customer ${customer}`;
    return `have ${whose} authorized again and put the new refresh token into ${SEED_CREDENTIAL} (${describeReference(seed)}), which is then tried at once`;
  }
  const places = Object.entries(references).map(
    ([name, reference]) => `${name} (${describeReference(reference)})`,
  );
  return customer === undefined
    ? `get ${provider.name} a new login and check ${places.join(' and ')}`
    : `bind customer ${customer} again and put the new ${places.join(' and ')} in place`;
}
