/**
 * The daemon: a replica, and the HTTP server that tells how it is. Starts everything in order and tears down in
 * reverse.
 */
import type { Configuration } from '../config/configuration.ts';
import type { RefreshRequests } from '../core/wire/refresh-request.ts';
import { createHealth } from '../http/health.ts';
import { type HttpServer, startHttpServer } from '../http/server.ts';
import type { StatusSource } from '../http/status-routes.ts';
import { Replica, type ReplicaPorts } from '../replica/replica.ts';
import { findJournalProblem } from './connections.ts';

/** What the daemon needs from the world. */
export interface AppPorts extends ReplicaPorts {
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  /** Makes the status page; there is none without. */
  readonly status?: StatusSource;
}

export interface App {
  /**
   * Resolves when HTTP answers and the store has been read; see {@link Replica.start}.
   * @throws when it cannot listen, or has a journal that cannot be used
   */
  start(): Promise<{ readonly httpUrl: string }>;
  /** Ends as {@link Replica.stop} does, and closes all connections. May be called at any time, and again. */
  stop(): Promise<void>;
  /** See {@link Replica.refreshNow}. */
  readonly refreshNow: RefreshRequests;
  /** Why a restart might help; empty when all is well. */
  stuckReasons(): readonly string[];
  /** What {@link App.stop} still waits for, for people; empty before and after. */
  stopWaitsFor(): readonly string[];
}

export function createApp(configuration: Configuration, ports: AppPorts): App {
  return new Daemon(configuration, ports);
}

class Daemon implements App {
  readonly #configuration: Configuration;
  readonly #ports: AppPorts;
  readonly #replica: Replica;
  readonly #health = createHealth(
    () => this.#replica.stuckReasons(),
    () => this.#ports.coordinator.unreadyReasons(),
  );
  #http: HttpServer | undefined;
  #started: Promise<{ readonly httpUrl: string }> | undefined;
  #stopped: Promise<void> | undefined;
  #stopWaitsFor: readonly string[] = [];

  constructor(configuration: Configuration, ports: AppPorts) {
    this.#configuration = configuration;
    this.#ports = ports;
    this.#replica = new Replica(configuration, ports);
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

  readonly refreshNow: RefreshRequests = (name) => this.#replica.refreshNow(name);

  stuckReasons(): readonly string[] {
    return this.#replica.stuckReasons();
  }

  stopWaitsFor(): readonly string[] {
    return this.#stopWaitsFor;
  }

  async #start(): Promise<{ readonly httpUrl: string }> {
    const { clock, metrics, onFault, status } = this.#ports;
    const { host, port } = this.#configuration.http;
    const problem = await findJournalProblem(this.#configuration, this.#ports.clock);
    if (problem !== undefined) throw new Error(problem);
    const claimed = await this.#ports.connections.claimJournal?.();
    if (claimed !== undefined) throw new Error(claimed);
    this.#http = await startHttpServer({
      host,
      port,
      clock,
      health: this.#health,
      metrics,
      onFault,
      ...(status === undefined ? {} : { status }),
    });
    if (this.#stopped === undefined) await this.#replica.start();
    this.#health.storeRead();
    return { httpUrl: this.#http.url };
  }

  async #stop(): Promise<void> {
    this.#health.stopping();
    // Ends a start that is under way, which has to end before what it built is torn down.
    this.#stopWaitsFor = ['refreshes in flight, or the release of leadership'];
    await this.#replica.stop();
    this.#stopWaitsFor = ['the start, which was under way'];
    await Promise.allSettled([this.#started]);
    this.#stopWaitsFor = ['HTTP connections'];
    await this.#http?.stop();
    this.#stopWaitsFor = ['connections to the store and the providers'];
    await this.#ports.connections.close();
    this.#stopWaitsFor = [];
  }
}
