/**
 * One provider's tokens in a running replica: what is added is read, watched and refreshed; what is removed ends well.
 */
import type { Logger } from 'node-cron';
import type { AssembledProvider, RefreshPorts } from './assembly.ts';
import type { ProviderConfiguration, TokenConfiguration } from './config/configuration.ts';
import type { DiscoveredTokens } from './discovery/discovery.ts';
import { ProviderScheduler } from './refresh/provider-scheduler.ts';
import type { TokenView } from './token-view.ts';

export interface KeptProviderParts extends Pick<RefreshPorts, 'clock' | 'events'> {
  readonly assembled: AssembledProvider;
  readonly view: TokenView;
  readonly cronLogger: Logger;
  readonly onFault: (error: unknown) => void;
}

export class KeptProvider implements DiscoveredTokens {
  readonly scheduler: ProviderScheduler;
  readonly #parts: KeptProviderParts;
  /** Names of tokens that were removed and have something in flight. */
  readonly #leaving = new Set<string>();

  constructor(parts: KeptProviderParts) {
    this.#parts = parts;
    this.scheduler = createScheduler(parts);
  }

  get configuration(): ProviderConfiguration {
    return this.#parts.assembled.configuration;
  }

  async add(tokens: readonly TokenConfiguration[], signal: AbortSignal): Promise<void> {
    const { assembled, view } = this.#parts;
    const keepers = tokens.map((token) => assembled.add(token).keeper);
    await view.add(keepers, signal);
    this.scheduler.add(keepers);
  }

  remove({ identity }: TokenConfiguration, why: string): void {
    const { assembled, view, events } = this.#parts;
    const { token } = identity;
    const keeper = assembled.remove(token)?.keeper;
    if (keeper === undefined) return;
    view.remove(keeper);
    this.#leaving.add(token);
    // Told at the end, so that it is the last that is heard of the token.
    const tell = (): void => {
      this.#leaving.delete(token);
      events({ event: 'token-removed', identity, why });
    };
    const retired = this.scheduler.remove(keeper);
    if (keeper.isRefreshing || keeper.hasUnsaved) void retired.then(tell);
    else tell();
  }

  isLeaving({ identity }: TokenConfiguration): boolean {
    return this.#leaving.has(identity.token);
  }
}

function createScheduler({
  assembled,
  clock,
  events,
  cronLogger,
  onFault,
}: KeptProviderParts): ProviderScheduler {
  const { configuration, tokens } = assembled;
  const { schedule, name, lifetimeMs } = configuration;
  return new ProviderScheduler({
    provider: name,
    setting:
      schedule.kind === 'classic'
        ? { kind: 'classic', expression: schedule.expression, largestGapMs: schedule.gaps.largestGapMs }
        : { kind: 'derived' },
    policy: schedule.policy,
    expectedLifetimeMs: lifetimeMs,
    keepers: tokens.map(({ keeper }) => keeper),
    clock,
    events,
    cronLogger,
    onFault,
  });
}
