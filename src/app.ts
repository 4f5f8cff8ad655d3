/**
 * The daemon: starts everything in order, refreshes for as long as it leads, and tears down in reverse.
 *
 * Guarantee: `stop` begins nothing new, lets what is in flight finish, and ends within {@link DRAIN_MS} plus the time
 * that closing connections takes.
 */
import type { Logger } from 'node-cron';
import { type AssembledProvider, type Assembly, assemble, type RefreshPorts } from './assembly.ts';
import type { Configuration } from './config/configuration.ts';
import type { Coordinator } from './core/ports.ts';
import { createHealth } from './http/health.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { watchClock } from './refresh/clock-watch.ts';
import { ProviderScheduler } from './refresh/provider-scheduler.ts';
import type { Term } from './refresh/term.ts';
import type { TokenKeeper } from './refresh/token-keeper.ts';

/** What the daemon needs from the world. */
export interface AppPorts extends RefreshPorts {
  readonly coordinator: Coordinator;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  readonly cronLogger: Logger;
  /** Receives what must never happen: a bug. */
  readonly onFault: (error: unknown) => void;
}

export interface App {
  /** Resolves when HTTP answers, the store has been read and refreshing has begun. @throws when it cannot listen */
  start(): Promise<{ readonly httpUrl: string }>;
  /** May be called at any time, and again. */
  stop(): Promise<void>;
}

/** What in-flight refreshes get to finish after `stop`; Kubernetes kills after 30 s, promise 9 says 10. */
const DRAIN_MS = 8000;
/** Reads of the store at once while starting. */
const RESTORES_AT_ONCE = 16;

export function createApp(configuration: Configuration, ports: AppPorts): App {
  return new Daemon(configuration, ports);
}

class Daemon implements App {
  readonly #configuration: Configuration;
  readonly #ports: AppPorts;
  readonly #assembly: Assembly;
  readonly #schedulers: readonly ProviderScheduler[];
  readonly #stopping = new AbortController();
  readonly #drained = new AbortController();
  readonly #health = createHealth(() => this.#schedulers.flatMap((scheduler) => scheduler.stalledReasons()));
  #http: HttpServer | undefined;
  #started: Promise<{ readonly httpUrl: string }> | undefined;
  #stopped: Promise<void> | undefined;
  #clockWatch: Promise<void> | undefined;

  constructor(configuration: Configuration, ports: AppPorts) {
    this.#configuration = configuration;
    this.#ports = ports;
    this.#assembly = assemble(configuration, ports);
    this.#schedulers = this.#assembly.providers.map((provider) => createScheduler(provider, ports));
    this.#health.configurationLoaded();
  }

  start(): Promise<{ readonly httpUrl: string }> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<{ readonly httpUrl: string }> {
    const { clock, coordinator, events, metrics, onFault } = this.#ports;
    const { host, port } = this.#configuration.http;
    this.#http = await startHttpServer({ host, port, health: this.#health, metrics, onFault });
    const httpUrl = this.#http.url;
    await this.#restoreAll();
    this.#health.storeRead();
    if (this.#stopping.signal.aborted) return { httpUrl };

    const leadership = await coordinator.lead(this.#stopping.signal).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return undefined;
      throw error;
    });
    if (leadership === undefined) return { httpUrl };
    const term: Term = {
      signal: AbortSignal.any([leadership.signal, this.#drained.signal]),
      stopping: this.#stopping.signal,
    };
    events({ event: 'leadership-acquired' });
    for (const scheduler of this.#schedulers) scheduler.start(term);
    this.#clockWatch = watchClock(clock, this.#stopping.signal, (byMs) => {
      events({ event: 'clock-jumped', byMs });
      for (const scheduler of this.#schedulers) scheduler.handleClockJump();
    });
    return { httpUrl };
  }

  /**
   * Reads what is published, so that nothing fresh is fetched. When the store does not answer, the rest is not tried:
   * each keeper reads its secret again before it fetches.
   */
  async #restoreAll(): Promise<void> {
    const waiting: TokenKeeper[] = this.#assembly.providers.flatMap(({ tokens }) =>
      tokens.map(({ keeper }) => keeper),
    );
    const restoreNext = async (): Promise<void> => {
      for (let keeper = waiting.shift(); keeper !== undefined; keeper = waiting.shift()) {
        const restored = await keeper.restore(this.#stopping.signal);
        if (!restored.ok && restored.failure.code === 'store-unavailable') waiting.length = 0;
      }
    };
    await Promise.all(Array.from({ length: RESTORES_AT_ONCE }, restoreNext));
  }

  async #stop(): Promise<void> {
    const { clock, coordinator } = this.#ports;
    this.#health.stopping();
    this.#stopping.abort(new Error('the program stops'));
    // A start that is still under way ends early, and has to end before what it built is torn down.
    await Promise.allSettled([this.#started]);
    for (const scheduler of this.#schedulers) scheduler.stop();
    const drained = Promise.all(this.#schedulers.map((scheduler) => scheduler.drained()));
    const inTime = new AbortController();
    const limit = clock.sleep(DRAIN_MS, inTime.signal).then(
      () => this.#drained.abort(new Error('the time to drain is over')),
      () => undefined,
    );
    await drained;
    inTime.abort();
    await limit;
    await this.#clockWatch;
    await coordinator.release();
    await this.#http?.stop();
    await this.#assembly.close();
  }
}

function createScheduler({ configuration, tokens }: AssembledProvider, ports: AppPorts): ProviderScheduler {
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
    clock: ports.clock,
    events: ports.events,
    cronLogger: ports.cronLogger,
    onFault: ports.onFault,
  });
}
