import type { Configuration } from '../config/configuration.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import {
  type AssembledProvider,
  assemble,
  type OutsideSystems,
  type RefreshPorts,
} from '../replica/assembly.ts';
import { Discovery } from '../replica/discovery.ts';
import { SecretUsage } from '../replica/secret-usage.ts';

interface DiscoveredProviders {
  readonly providers: readonly AssembledProvider[];
  /** Those whose customers could not be listed, or not all of them. */
  readonly failures: readonly { readonly provider: string; readonly failure: Failure }[];
}

interface DiscoveryScope extends RefreshPorts {
  readonly connections: OutsideSystems;
  /** Leaves providers out whose customers nobody asks for; all are listed when left out. */
  readonly isWanted?: (provider: string) => boolean;
}

/** All tokens of a configuration, those of customers included that are discovered now. */
export async function assembleDiscovered(
  configuration: Configuration,
  { isWanted = () => true, ...ports }: DiscoveryScope,
): Promise<DiscoveredProviders> {
  const providers = assemble(configuration, ports, ports.connections);
  const usage = new SecretUsage(configuration);
  const looks = providers.map(async (assembled) => {
    const { configuration: provider } = assembled;
    const { discovery, name } = provider;
    if (discovery === undefined || !isWanted(name)) return [];
    const looked = await new Discovery({
      ...ports,
      provider,
      discovery,
      usage,
      tokens: {
        add: async (tokens) => {
          for (const token of tokens) assembled.add(token);
        },
        // Nothing is removed in the first look.
        remove: () => undefined,
        isLeaving: () => false,
      },
    }).look(new AbortController().signal);
    return looked.ok ? [] : [{ provider: name, failure: looked.failure }];
  });
  return { providers, failures: (await Promise.all(looks)).flat() };
}

/** One line for people about a binding that cannot be used. */
export function describeRejected({
  provider,
  bindingSecret,
  reason,
}: Extract<RefreshEvent, { readonly event: 'binding-rejected' }>): string {
  return `${provider}: secret ${bindingSecret} cannot be used as a binding: ${reason}\n`;
}

/** One line for people about each failure. */
export function describeFailures({ failures }: DiscoveredProviders): string {
  return failures
    .map(
      ({ provider, failure }) =>
        `${provider}: customers cannot be discovered: ${failure.code}: ${failure.message}\n`,
    )
    .join('');
}
