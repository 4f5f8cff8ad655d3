/**
 * One replica's refreshing: reads the store, refreshes for as long as it leads, stands by while it does not.
 *
 * Guarantee: `stop` begins nothing new, lets what is in flight finish while leadership is kept, then gives it up, and
 * ends within {@link DRAIN_MS} plus the time that giving up takes. A stand-by only reads.
 */

import type { Configuration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import type { Coordinator, Leadership, RefreshEvents, Ticker } from '../core/ports.ts';
import type { RejectionReport, RejectionReports } from '../core/rejection/rejection-reports.ts';
import { ANSWER_MS, ASK_MS, type RefreshRequests } from '../core/wire/refresh-request.ts';
import { watchClock } from '../refresh/clock-watch.ts';
import type { Mirrors } from '../refresh/mirrors/mirrors.ts';
import type { ProviderScheduler } from '../refresh/provider-scheduler.ts';
import type { Term } from '../refresh/term.ts';
import { assemble, createRateLimiters, type OutsideSystems, type RefreshPorts } from './assembly.ts';
import { createMirrors } from './create-mirrors.ts';
import { Discovery } from './discovery.ts';
import { ManagedProvider } from './managed-provider.ts';
import { SecretUsage } from './secret-usage.ts';
import { TokenView } from './token-view.ts';

export interface ReplicaPorts extends RefreshPorts {
  readonly connections: OutsideSystems;
  readonly coordinator: Coordinator;
  readonly ticker: Ticker;
  /** Receives what must never happen: a bug. */
  readonly onFault: (error: unknown) => void;
}

/** What in-flight refreshes get to finish after `stop`; Kubernetes kills after 30 s, promise 9 says 10. */
const DRAIN_MS = 8000;
/** What a request waits for the leader to have read the store, out of what whoever asks waits beyond the work on it. */
const READY_MS = (ASK_MS - ANSWER_MS) / 2;

export class Replica {
  readonly #ports: ReplicaPorts;
  readonly #managed: readonly ManagedProvider[];
  readonly #schedulers: readonly ProviderScheduler[];
  readonly #stopping = new AbortController();
  readonly #drained = new AbortController();
  /** By place: each has the tokens that are published there. */
  readonly #views: ReadonlyMap<string, TokenView>;
  readonly #mirrors: Mirrors;
  readonly #discoveries: readonly Discovery[];
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #clockWatch: Promise<void> | undefined;
  #terms: Promise<void> | undefined;
  #discovering: Promise<unknown> | undefined;
  #hasFault = false;
  /** Resolves when this replica refreshes. */
  #refreshing = Promise.withResolvers<void>();

  constructor(configuration: Configuration, given: ReplicaPorts) {
    const rateLimiters = createRateLimiters(configuration, given.clock);
    this.#mirrors = createMirrors(configuration, given, given.connections, rateLimiters);
    const events: RefreshEvents = (event) => {
      given.events(event);
      this.#mirrors.onEvent(event);
    };
    const ports = { ...given, events };
    this.#ports = ports;
    const providers = assemble(configuration, ports, ports.connections, rateLimiters);
    const byPlace = Map.groupBy(providers, (each) => each.configuration.publish.to);
    const views = [...byPlace].map(([place, publishers]) => {
      const managedTokens = publishers.flatMap(({ tokens }) => tokens.map((token) => token.managed));
      const store = placeOf(ports.connections.stores, place);
      return [place, new TokenView({ managedTokens, store, clock: ports.clock })] as const;
    });
    this.#views = new Map(views);
    const managed = providers.map((assembled) => {
      const view = placeOf(this.#views, assembled.configuration.publish.to);
      return new ManagedProvider({ ...ports, assembled, view });
    });
    this.#managed = managed;
    this.#schedulers = managed.map(({ scheduler }) => scheduler);
    this.#discoveries = createDiscoveries(configuration, managed, ports);
  }

  /**
   * Resolves when the store has been read, and customers have been listed where they are discovered. Refreshing
   * begins with the first term of leadership, at once when there is one replica.
   */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** May be called at any time, and again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Carries out what a command has asked the leader for; a leader that is about to begin does so when it has. */
  readonly refreshNow: RefreshRequests = async (name) => {
    const inTime = new AbortController();
    const limit = this.#ports.clock.sleep(READY_MS, inTime.signal).catch(() => undefined);
    await Promise.race([this.#refreshing.promise, limit]);
    inTime.abort();
    return Promise.all(this.#managed.flatMap((provider) => provider.refreshNow(name)));
  };

  /** Takes readers' reports of refused tokens. */
  readonly rejections: RejectionReports = ((): RejectionReports => {
    const providerOf = ({ token }: RejectionReport): ManagedProvider | undefined =>
      this.#managed.find(({ configuration }) => configuration.name === token.split('/', 1)[0]);
    const isLeading = (): boolean => this.#schedulers.some((scheduler) => scheduler.isLeading);
    return {
      get isLeading() {
        return isLeading();
      },
      report: (report) => providerOf(report)?.reportRejection(report) ?? { kind: 'unknown' },
      settle: async (report, signal) =>
        (await providerOf(report)?.settleRejection(report, signal)) ?? { kind: 'unknown' },
    };
  })();

  /** Why a restart might help; empty when all is well. */
  stuckReasons(): readonly string[] {
    return [
      ...this.#schedulers.flatMap((scheduler) => scheduler.stalledReasons()),
      ...this.#ports.coordinator.stuckReasons(),
      ...(this.#hasFault ? ['leadership cannot be had any more: a bug, see the log'] : []),
    ];
  }

  async #start(): Promise<void> {
    const { clock, events, onFault } = this.#ports;
    const stopping = this.#stopping.signal;
    const restored = this.#ofViews((view) => view.readAll(stopping));
    this.#terms = this.#leadAgainAndAgain(restored).catch((error: unknown) => {
      this.#hasFault = true;
      onFault(error);
    });
    await restored;
    this.#clockWatch = watchClock(clock, stopping, (byMs) => {
      events({ event: 'clock-jumped', byMs });
      for (const scheduler of this.#schedulers) scheduler.handleClockJump();
    });
    await Promise.all(this.#discoveries.map((discovery) => discovery.look(stopping).catch(onFault)));
    this.#discovering = Promise.all(this.#discoveries.map((discovery) => discovery.run(stopping, onFault)));
  }

  /** One term after the other, until the program stops. */
  async #leadAgainAndAgain(restored: Promise<void>): Promise<void> {
    const stopping = this.#stopping.signal;
    while (!stopping.aborted) {
      const leadership = await this.#standBy(restored);
      if (leadership !== undefined && !stopping.aborted) await this.#serve(leadership);
    }
  }

  /** Waits for a term, and meanwhile follows what the leader publishes. `undefined`: the program stops. */
  async #standBy(restored: Promise<void>): Promise<Leadership | undefined> {
    const { coordinator } = this.#ports;
    const stopping = this.#stopping.signal;
    const elected = new AbortController();
    const following = restored.then(() => {
      const signal = AbortSignal.any([elected.signal, stopping]);
      return this.#ofViews((view) => view.keepWarm(signal));
    });
    try {
      return await coordinator.lead(stopping);
    } catch (error) {
      if (stopping.aborted) return undefined;
      throw error;
    } finally {
      elected.abort();
      await following;
    }
  }

  /** Refreshes until the term ends or the program stops, and ends when nothing is in flight any more. */
  async #serve(leadership: Leadership): Promise<void> {
    const { events } = this.#ports;
    const stopping = this.#stopping.signal;
    const { signal } = leadership;
    // A process that was paused may get a term that is over: nobody hears of it.
    if (leadership.hasEnded()) return;
    const term = createTerm(leadership, this.#drained.signal, stopping);
    const reportLoss = (): void => {
      if (!stopping.aborted) events({ event: 'leadership-lost' });
    };
    events({ event: 'leadership-acquired' });
    signal.addEventListener('abort', reportLoss, { once: true });
    const ended = AbortSignal.any([signal, stopping]);
    // Listened to from here on: a scheduler that starts may be the first to ask the clock, and find the term over.
    const end = new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }));
    await this.#ofViews((view) => view.catchUp(leadership.sinceMonotonicMs, ended));
    let mirroring: Promise<void> | undefined;
    if (!ended.aborted) {
      for (const scheduler of this.#schedulers) scheduler.start(term);
      const identities = this.#managed.flatMap((provider) => provider.identities);
      mirroring = this.#mirrors.run(term, identities).catch(this.#ports.onFault);
      this.#refreshing.resolve();
      await end;
      this.#refreshing = Promise.withResolvers();
      for (const view of this.#views.values()) view.noteEndOfTerm();
    }
    for (const scheduler of this.#schedulers) scheduler.stop();
    await Promise.all(this.#schedulers.map((scheduler) => scheduler.drained()));
    await mirroring;
  }

  async #ofViews(work: (view: TokenView) => Promise<void>): Promise<void> {
    await Promise.all([...this.#views.values()].map(work));
  }

  async #stop(): Promise<void> {
    const { clock, coordinator } = this.#ports;
    this.#stopping.abort(new Error('the program stops'));
    // A start that is still under way ends early, and has to end before what it built is torn down.
    await Promise.allSettled([this.#started]);
    const inTime = new AbortController();
    const limit = clock.sleep(DRAIN_MS, inTime.signal).then(
      () => this.#drained.abort(new Error('the time to drain is over')),
      () => undefined,
    );
    await this.#terms;
    inTime.abort();
    await limit;
    await this.#clockWatch;
    await this.#discovering;
    await coordinator.release();
  }
}

/** A term that ends with the drain too. */
function createTerm(leadership: Leadership, drained: AbortSignal, stopping: AbortSignal): Term {
  const signal = AbortSignal.any([leadership.signal, drained]);
  return { signal, hasEnded: () => leadership.hasEnded() || drained.aborted, stopping };
}

function createDiscoveries(
  configuration: Configuration,
  managed: readonly ManagedProvider[],
  ports: ReplicaPorts,
): readonly Discovery[] {
  const usage = new SecretUsage(configuration);
  return managed.flatMap((tokens) => {
    const { configuration: provider } = tokens;
    const { discovery } = provider;
    return discovery === undefined ? [] : new Discovery({ ...ports, provider, discovery, tokens, usage });
  });
}
