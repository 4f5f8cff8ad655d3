/**
 * One provider's tokens in a running replica: what is added is read, watched and refreshed; what is removed ends well.
 */

import type { ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import { ANSWER_MS, describeOutcome, type RefreshReport } from '../core/wire/refresh-request.ts';
import { ProviderScheduler, type ProviderSchedulerDeps } from '../refresh/provider-scheduler.ts';
import type { RefreshOutcome } from '../refresh/refresh-run.ts';
import type { AssembledProvider, RefreshPorts } from './assembly.ts';
import type { DiscoveredTokens } from './discovery.ts';
import type { TokenView } from './token-view.ts';

export interface ManagedProviderDeps
  extends Pick<RefreshPorts, 'clock' | 'events'>,
    Pick<ProviderSchedulerDeps, 'ticker' | 'onFault'> {
  readonly assembled: AssembledProvider;
  readonly view: TokenView;
}

const EXPLICIT_ATTEMPTS = 3;
const NOT_LEADING: RefreshOutcome = {
  kind: 'failed',
  failure: { code: 'leadership-lost', retry: 'soon', message: 'leadership was lost: ask again' },
};
const UNFINISHED: RefreshOutcome = {
  kind: 'failed',
  failure: {
    code: 'aborted',
    retry: 'soon',
    message: `not done within ${ANSWER_MS / 1000} s: the leader goes on trying, see its log`,
  },
};

export class ManagedProvider implements DiscoveredTokens {
  readonly scheduler: ProviderScheduler;
  readonly #deps: ManagedProviderDeps;
  /** Names of tokens that were removed and have something in flight. */
  readonly #leaving = new Set<string>();

  constructor(deps: ManagedProviderDeps) {
    this.#deps = deps;
    this.scheduler = createScheduler(deps);
  }

  get configuration(): ProviderConfiguration {
    return this.#deps.assembled.configuration;
  }

  async add(tokens: readonly TokenConfiguration[], signal: AbortSignal): Promise<void> {
    const { assembled, view } = this.#deps;
    const managedTokens = tokens.map((token) => assembled.add(token).managed);
    await view.add(managedTokens, signal);
    this.scheduler.add(managedTokens);
  }

  /** Refreshes a token of that name now, or all of them when it is the provider's; see {@link RefreshRequests}. */
  refreshNow(name: string): readonly Promise<RefreshReport>[] {
    const { assembled, clock } = this.#deps;
    const chosen = assembled.tokens.filter(
      ({ managed }) => name === this.configuration.name || managed.identity.token === name,
    );
    return chosen.map(async ({ managed }) => {
      const done = new AbortController();
      const outcome = await Promise.race([
        this.scheduler.refreshNow(managed, EXPLICIT_ATTEMPTS) ?? Promise.resolve(NOT_LEADING),
        clock.sleep(ANSWER_MS, done.signal).then(() => UNFINISHED),
      ]);
      done.abort();
      return describeOutcome(managed, outcome);
    });
  }

  remove({ identity }: TokenConfiguration, why: string): void {
    const { assembled, view, events } = this.#deps;
    const { token } = identity;
    const managed = assembled.remove(token)?.managed;
    if (managed === undefined) return;
    view.remove(managed);
    this.#leaving.add(token);
    // Told at the end, so that it is the last that is heard of the token.
    const tell = (): void => {
      this.#leaving.delete(token);
      events({ event: 'token-removed', identity, why });
    };
    const retired = this.scheduler.remove(managed);
    if (managed.isRefreshing || managed.hasUnsaved) void retired.then(tell);
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
  ticker,
  onFault,
}: ManagedProviderDeps): ProviderScheduler {
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
    tokens: tokens.map(({ managed }) => managed),
    clock,
    events,
    ticker,
    onFault,
  });
}
