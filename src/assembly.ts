/**
 * Where the rooms meet: a configuration and its {@link Connections} become the keepers of its tokens.
 */
import type { Configuration, ProviderConfiguration, TokenConfiguration } from './config/configuration.ts';
import { describeReference } from './config/reference.ts';
import type { ConnectedSource, Connections } from './connections.ts';
import { decideTolerableCadence } from './core/cadence.ts';
import type { Clock, Random, RefreshEvents } from './core/ports.ts';
import { ChainKeeper } from './refresh/chain-keeper.ts';
import { FetchGate } from './refresh/fetch-gate.ts';
import { SecretWriter } from './refresh/secret-writer.ts';
import { TokenKeeper } from './refresh/token-keeper.ts';
import { TokenPublication } from './refresh/token-publication.ts';

/** What refreshing needs beside the outside systems. */
export interface RefreshPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** A configured provider with everything that refreshes its tokens. */
export interface AssembledProvider {
  readonly configuration: ProviderConfiguration;
  readonly tokens: readonly AssembledToken[];
}

export interface AssembledToken extends ConnectedSource {
  readonly keeper: TokenKeeper;
  /** Secret of the chain's newest refresh token, for kinds that have one. */
  readonly stateSecret: string | undefined;
}

/** Connects the rooms. */
export function assemble(
  configuration: Configuration,
  ports: RefreshPorts,
  connections: Connections,
): readonly AssembledProvider[] {
  return configuration.providers.map((provider) => assembleProvider(provider, { ...ports, ...connections }));
}

function assembleProvider(
  configuration: ProviderConfiguration,
  shared: RefreshPorts & Connections,
): AssembledProvider {
  const gate = new FetchGate(configuration.concurrency);
  const { policy } = configuration.schedule;
  // A provider's only token has nobody to make room for.
  const spreadMs =
    configuration.tokens.length > 1
      ? decideTolerableCadence(configuration.lifetimeMs, policy).refreshEveryMs / 2
      : 0;
  const tokens = configuration.tokens.map((token): AssembledToken => {
    const parts = { ...shared, identity: token.identity };
    const { stateSecret } = token;
    const { versionBudget } = configuration;
    const writer = new SecretWriter({ ...parts, stateSecret, versionBudget });
    const offsetMs = Math.round(shared.random.next() * spreadMs);
    const connected = shared.createSource(configuration, token);
    const keeper = new TokenKeeper({
      ...parts,
      gate,
      minIntervalMs: configuration.minIntervalMs,
      source: connected.source,
      publication: new TokenPublication({ ...parts, writer, policy, offsetMs }),
      chain:
        token.stateSecret === undefined
          ? undefined
          : new ChainKeeper({
              ...parts,
              writer,
              stateSecret: token.stateSecret,
              fallback: configuration.configured.chainFallback,
              remedy: describeRemedy(configuration, token),
            }),
    });
    return { ...connected, keeper, stateSecret };
  });
  return { configuration, tokens };
}

/** What starts a chain that is broken for good; says where a credential is, and never what it is. */
function describeRemedy(provider: ProviderConfiguration, token: TokenConfiguration): string {
  const { customer } = token.identity;
  const references = customer === undefined ? provider.credentials : token.customerCredentials;
  const places = [...references].map(([name, reference]) => `${name} (${describeReference(reference)})`);
  return customer === undefined
    ? `get ${provider.name} a new login and check ${places.join(' and ')}`
    : `bind customer ${customer} again and put the new ${places.join(' and ')} in place`;
}
