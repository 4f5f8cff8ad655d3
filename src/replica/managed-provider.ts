/**
 * One provider's tokens in a running replica: what is added is read, watched and refreshed; what is removed ends well.
 */

import type { ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import { untilAborted } from '../core/deadline.ts';
import type { Failure } from '../core/failure.ts';
import type { RejectionAnswer, RejectionReport } from '../core/rejection/rejection-reports.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { ANSWER_MS, buildReport, type RefreshReport } from '../core/wire/refresh-request.ts';
import type { ManagedToken } from '../refresh/managed-token.ts';
import { ProviderScheduler, type ProviderSchedulerDeps } from '../refresh/provider-scheduler.ts';
import type { RefreshOutcome } from '../refresh/refresh-run.ts';
import { RejectionDesk } from '../refresh/rejection-desk.ts';
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
/** What a human is told whose request takes too long. @param failure of the latest attempt */
function describeUnfinished(failure: Failure | undefined): RefreshOutcome {
  const { code, message } = failure ?? { code: 'aborted', message: 'no attempt has failed yet' };
  const text = `not done within ${formatDuration(ANSWER_MS)}, the leader goes on trying: ${message}`;
  return { kind: 'failed', failure: { code, retry: 'soon', message: text } };
}

export class ManagedProvider implements DiscoveredTokens {
  readonly scheduler: ProviderScheduler;
  readonly #deps: ManagedProviderDeps;
  readonly #desk: RejectionDesk;
  /** Names of tokens that were removed and have something in flight. */
  readonly #leaving = new Set<string>();

  constructor(deps: ManagedProviderDeps) {
    this.#deps = deps;
    this.scheduler = createScheduler(deps);
    const { reissue } = deps.assembled.configuration.configured;
    this.#desk = new RejectionDesk({ ...deps, reissue, scheduler: this.scheduler });
  }

  get configuration(): ProviderConfiguration {
    return this.#deps.assembled.configuration;
  }

  get identities(): readonly TokenIdentity[] {
    return this.#deps.assembled.tokens.map(({ managed }) => managed.identity);
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
        this.scheduler.begin(managed, (term) => managed.refresh('explicit', term, EXPLICIT_ATTEMPTS)) ??
          Promise.resolve(NOT_LEADING),
        clock.sleep(ANSWER_MS, done.signal).then(() => describeUnfinished(managed.latestFailure)),
      ]);
      done.abort();
      return buildReport(managed, outcome);
    });
  }

  /** Acts on a report that a token was refused. `undefined`: it is none of this provider's. */
  reportRejection(report: RejectionReport): RejectionAnswer | undefined {
    const managed = this.#find(report.token);
    return managed && answerOf(this.#desk.report(managed, report));
  }

  /** See {@link RejectionReports.settle}. */
  async settleRejection(report: RejectionReport, signal: AbortSignal): Promise<RejectionAnswer> {
    const managed = this.#find(report.token);
    if (managed === undefined) return { kind: 'unknown' };
    // A bug in there is reported where the run was begun.
    await untilAborted(Promise.resolve(managed.outcome), signal).catch(() => undefined);
    return answerOf(this.#desk.look(managed, report.fingerprint));
  }

  #find(token: string): ManagedToken | undefined {
    return this.#deps.assembled.find(token)?.managed;
  }

  remove({ identity }: TokenConfiguration, why: string): void {
    const { assembled, view, events } = this.#deps;
    const { token } = identity;
    const managed = assembled.remove(token)?.managed;
    if (managed === undefined) return;
    view.remove(managed);
    this.#desk.forget(token);
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

function answerOf(verdict: ReturnType<RejectionDesk['look']>): RejectionAnswer {
  return verdict === undefined ? { kind: 'standby' } : { kind: 'decided', verdict };
}

function createScheduler({ assembled, ...ports }: ManagedProviderDeps): ProviderScheduler {
  const { configuration, tokens } = assembled;
  const { schedule, name, lifetimeMs } = configuration;
  return new ProviderScheduler({
    ...ports,
    provider: name,
    setting: schedule,
    policy: schedule.policy,
    expectedLifetimeMs: lifetimeMs,
    tokens: tokens.map(({ managed }) => managed),
  });
}
