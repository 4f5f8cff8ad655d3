/**
 * The daemon: a replica, the HTTP server that tells how it is, and the alerts beside them. Starts everything in order and
 * tears down in reverse.
 */
import { readRunbook } from '../adapters/runbook-file.ts';
import { createCronLogger } from '../adapters/system/cron-log.ts';
import { createCronTicker } from '../adapters/system/cron-ticker.ts';
import type { Configuration } from '../config/configuration.ts';
import { VERSION } from '../core/version.ts';
import { createHealth } from '../http/health.ts';
import type { RunbookSource } from '../http/runbook-routes.ts';
import { type HttpServer, startHttpServer } from '../http/server.ts';
import type { StatusSource } from '../http/status-routes.ts';
import { Replica, type ReplicaPorts } from '../replica/replica.ts';
import { RunbookPages } from '../status/runbook-pages.ts';
import { StatusPages } from '../status/status-pages.ts';
import { type Alerting, createAlerting } from './alerting.ts';
import { type ConnectionPorts, type Connections, connect, findJournalProblem } from './connections.ts';
import { createCoordinator, nameReplica } from './coordination.ts';
import { createRejections, type Rejections } from './rejections.ts';
import type { Reporting } from './reporting.ts';
import type { SystemPorts } from './system-ports.ts';

/** What the daemon needs from the world. */
export interface DaemonPorts extends ReplicaPorts {
  readonly connections: Connections;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  /** Makes the status page; there is none without. */
  readonly status?: StatusSource;
  /** What alerts and failure codes mean; there is none without. */
  readonly runbook?: RunbookSource;
  /** `undefined`: nobody is to be told. */
  readonly alerting?: Alerting | undefined;
  /** Takes readers' reports of refused tokens; `undefined`: they cannot report. */
  readonly rejections?: Rejections | undefined;
}

export class Daemon {
  readonly #configuration: Configuration;
  readonly #ports: DaemonPorts;
  readonly #replica: Replica;
  readonly #health = createHealth(
    () => this.#replica.stuckReasons(),
    () => this.#ports.coordinator.unreadyReasons(),
  );
  #http: HttpServer | undefined;
  #started: Promise<{ readonly httpUrl: string }> | undefined;
  #stopped: Promise<unknown> | undefined;
  /** What is being torn down, for people. */
  #ending: string | undefined;
  #isTellingAlerts = false;

  constructor(configuration: Configuration, ports: DaemonPorts) {
    this.#configuration = configuration;
    this.#ports = ports;
    this.#replica = new Replica(configuration, ports);
    this.#health.configurationLoaded();
  }

  /**
   * Resolves when HTTP answers and the store has been read; see {@link Replica.start}.
   * @throws when it cannot listen, or has a journal that cannot be used
   */
  start(): Promise<{ readonly httpUrl: string }> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** Ends as {@link Replica.stop} does, and closes all connections. May be called at any time, and again. */
  async stop(): Promise<void> {
    // Alerts run beside: what they have left to tell does not lengthen the end.
    this.#stopped ??= Promise.all([this.#tellLastAlerts(), this.#stop()]);
    await this.#stopped;
  }

  /** Why a restart might help; empty when all is well. */
  readonly stuckReasons = (): readonly string[] => this.#replica.stuckReasons();

  /** See {@link Replica.refreshNow}. */
  readonly refreshNow: Replica['refreshNow'] = (name) => this.#replica.refreshNow(name);

  /** What {@link Daemon.stop} still waits for, for people; empty before and after. */
  stopWaitsFor(): readonly string[] {
    return [
      ...(this.#ending === undefined ? [] : [this.#ending]),
      ...(this.#isTellingAlerts ? ['alert receivers'] : []),
    ];
  }

  async #start(): Promise<{ readonly httpUrl: string }> {
    const { alerting, clock, connections } = this.#ports;
    alerting?.start(this.stuckReasons);
    const problem =
      (await findJournalProblem(this.#configuration, clock)) ?? (await connections.claimJournal());
    if (problem !== undefined) throw new Error(problem);
    this.#http = await startHttpServer({
      ...this.#ports,
      ...this.#configuration.http,
      health: this.#health,
    });
    // Before anybody can lead, who says where it takes reports.
    await this.#ports.rejections?.start(this.#replica.rejections);
    if (this.#stopped === undefined) await this.#replica.start();
    this.#health.storeRead();
    return { httpUrl: this.#http.url };
  }

  async #stop(): Promise<void> {
    this.#health.stopping();
    // Ends a start that is under way, which has to end before what it built is torn down.
    await this.#end('refreshes in flight, or the release of leadership', this.#replica.stop());
    await this.#end('the start, which was under way', Promise.allSettled([this.#started]));
    await this.#end('HTTP connections', Promise.all([this.#http?.stop(), this.#ports.rejections?.stop()]));
    await this.#end('connections to the store and the providers', this.#ports.connections.close());
    this.#ending = undefined;
  }

  async #end(what: string, end: Promise<unknown> | undefined): Promise<void> {
    this.#ending = what;
    await end;
  }

  async #tellLastAlerts(): Promise<void> {
    this.#isTellingAlerts = true;
    try {
      await this.#ports.alerting?.stop();
    } finally {
      this.#isTellingAlerts = false;
    }
  }
}

/** The daemon for a configuration, wired to a real process. */
export function createDaemon(
  configuration: Configuration,
  { reporting, ...ports }: SystemPorts & Omit<ConnectionPorts, 'events'> & { readonly reporting: Reporting },
): Daemon {
  const { board, events, metrics, onFault, log } = reporting;
  for (const { name, kind, tokens } of configuration.providers) {
    board.registerProvider(name, kind.kind);
    board.registerTokens(tokens.map(({ identity }) => identity));
  }
  const connections = connect(configuration, { ...ports, events });
  const { credentials: store } = connections;
  const alerting = createAlerting(configuration, { ...ports, board, store, onFault, events });
  if (alerting !== undefined) reporting.listen(alerting.onEvent);
  const rejections = createRejections(configuration, { ...ports, board, store, onFault, events });
  const daemon: Daemon = new Daemon(configuration, {
    ...ports,
    events,
    metrics,
    onFault,
    connections,
    status: new StatusPages({
      name: configuration.alerts.name,
      runbookUrl: configuration.alerts.runbookUrl,
      version: VERSION,
      replica: nameReplica(configuration.coordination, ports.readEnv),
      board,
      clock: ports.clock,
    }),
    runbook: new RunbookPages(readRunbook()),
    coordinator: createCoordinator(configuration, {
      ...ports,
      events,
      handleRequest: (name) => daemon.refreshNow(name),
      rejectionsAt: () => rejections?.address,
    }),
    ticker: createCronTicker(createCronLogger(log)),
    alerting,
    rejections,
  });
  return daemon;
}
