/**
 * The ports of a real process: system clock, chance, log and metrics, and one stream of events that feeds them.
 */
import { FileLanes } from '../adapters/files/file-lanes.ts';
import { DirectoryRequests } from '../adapters/journal/directory-requests.ts';
import { type ApiServer, findClusterApiServer, NAMESPACE_FILE } from '../adapters/kubernetes/api-server.ts';
import { createLeaseClient, type LeaseClient } from '../adapters/kubernetes/lease-client.ts';
import { createLeaseElector } from '../adapters/kubernetes/lease-elector.ts';
import { askLeaseHolder, LeaseRequestDesk } from '../adapters/kubernetes/lease-requests.ts';
import { createEventLog } from '../adapters/log/event-log.ts';
import { createLog, type Log, type LogDestination } from '../adapters/log/log.ts';
import { loadPrettify } from '../adapters/log/pretty-line.ts';
import { createMetrics, type Metrics } from '../adapters/prometheus/metrics.ts';
import { createSystemClock, nextTurn } from '../adapters/system/clock.ts';
import { createCronLogger } from '../adapters/system/cron-log.ts';
import { createCronTicker } from '../adapters/system/cron-ticker.ts';
import { createSystemRandom } from '../adapters/system/random.ts';
import { createSoleLeader } from '../adapters/system/sole-leader.ts';
import { leaveLocalTime } from '../adapters/system/time-zone.ts';
import { TokenBoard } from '../board/token-board.ts';
import type { Configuration, CoordinationConfiguration } from '../config/configuration.ts';
import { describeFault } from '../core/fault.ts';
import type { Clock, Coordinator, Random, RefreshEvents } from '../core/ports.ts';
import { VERSION } from '../core/version.ts';
import type { RefreshReport, RefreshRequests } from '../core/wire/refresh-request.ts';
import { StatusPages } from '../status/status-pages.ts';
import { type Alerting, createAlerting } from './alerting.ts';
import { type App, createApp } from './app.ts';
import { type ConnectionPorts, connect } from './connections.ts';
import { describeInstallation } from './installation.ts';

type KubernetesCoordination = Extract<CoordinationConfiguration, { kind: 'kubernetes' }>;

export { describeHolder, findLeaseProblem } from '../adapters/kubernetes/lease-check.ts';

/** The two ports that every command needs. */
export interface SystemPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Reads of files, for the whole process. */
  readonly files: FileLanes;
}

export function createSystemPorts(): SystemPorts {
  leaveLocalTime();
  const clock = createSystemClock();
  return { clock, random: createSystemRandom(), files: new FileLanes(clock) };
}

/** What runs, for the first line of the log. */
export function describeProgram(): { readonly version: string; readonly node: string } {
  return { version: VERSION, node: process.versions.node };
}

/** Where and how a run reports. */
export interface Reporting {
  readonly log: Log;
  readonly board: TokenBoard;
  /** To the board, to the log, to the metrics and to whoever else listens. */
  readonly events: RefreshEvents;
  /** Hands over each event from now on, once the board has it. */
  readonly listen: (listener: RefreshEvents) => void;
  readonly metrics: Metrics;
  readonly onFault: (error: unknown) => void;
}

export interface ReportingOptions {
  readonly settings: Configuration['log'];
  readonly clock: Clock;
  readonly isInteractive: boolean;
  readonly hasColor: boolean;
  readonly destination: LogDestination;
}

export async function createReporting(options: ReportingOptions): Promise<Reporting> {
  const { settings, clock, isInteractive } = options;
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && isInteractive);
  const log = createLog({
    level: settings.level,
    prettify: isPretty ? await loadPrettify({ color: options.hasColor }) : undefined,
    clock,
    destination: options.destination,
  });
  const board = new TokenBoard(clock);
  const lostLogLines = (): number => log.lostLines();
  const metrics = createMetrics({ version: VERSION, board, clock, lostLogLines, nextTurn });
  const listeners: RefreshEvents[] = [board.onEvent, createEventLog(log, clock), metrics.onEvent];
  return {
    log,
    board,
    metrics,
    events: (event) => {
      for (const listener of listeners) listener(event);
    },
    listen: (listener) => {
      listeners.push(listener);
    },
    onFault: (error) => {
      log.write(
        'error',
        'fault',
        describeFault(error),
        'a bug in token-refresher: please report the frames of this line',
      );
    },
  };
}

/** The daemon for a configuration, wired to a real process. */
export function createDaemon(
  configuration: Configuration,
  { reporting, ...ports }: SystemPorts & Omit<ConnectionPorts, 'events'> & { readonly reporting: Reporting },
): App {
  const { board, events, metrics, onFault, log } = reporting;
  for (const { name, kind, tokens } of configuration.providers) {
    board.registerProvider(name, kind.kind);
    board.registerTokens(tokens.map(({ identity }) => identity));
  }
  const connections = connect(configuration, { ...ports, events });
  const { store } = connections;
  const alerting = createAlerting(configuration, { ...ports, board, store, onFault, events });
  if (alerting !== undefined) reporting.listen(alerting.onEvent);
  const app = createApp(configuration, {
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
    coordinator: createCoordinator(configuration, {
      ...ports,
      events,
      handleRequest: (name) => app.refreshNow(name),
    }),
    ticker: createCronTicker(createCronLogger(log)),
  });
  return alerting === undefined ? app : withAlerting(app, alerting);
}

/** Alerts run beside the daemon: what they have left to tell does not lengthen its end. */
function withAlerting(app: App, alerting: Alerting): App {
  const stuckReasons = (): readonly string[] => app.stuckReasons();
  let isTelling = false;
  return {
    stuckReasons,
    refreshNow: (name) => app.refreshNow(name),
    stopWaitsFor: () => [...app.stopWaitsFor(), ...(isTelling ? ['alert receivers'] : [])],
    start: () => {
      alerting.start(stuckReasons);
      return app.start();
    },
    stop: async () => {
      isTelling = true;
      const told = alerting.stop().finally(() => {
        isTelling = false;
      });
      await Promise.all([app.stop(), told]);
    },
  };
}

/** Why the replicas cannot agree with this configuration here; `undefined` when they can. */
export function findCoordinationProblem(
  { coordination }: Configuration,
  readEnv: ConnectionPorts['readEnv'],
): string | undefined {
  if (coordination.kind === 'none' || findApiServer(coordination, readEnv) !== undefined) return undefined;
  return (
    'coordination: kubernetes, but this is no pod (KUBERNETES_SERVICE_HOST is not set): ' +
    'set coordination.apiServer, or coordination.kind to none'
  );
}

interface CoordinatorDeps extends SystemPorts, Pick<ConnectionPorts, 'events' | 'readEnv'> {
  /** What a command asks for while this process leads; `undefined`: it cannot be asked. */
  readonly handleRequest?: RefreshRequests;
}

/** @throws outside of a cluster, unless {@link findCoordinationProblem} was heeded */
export function createCoordinator(
  configuration: Configuration,
  { clock, random, events, readEnv, files, handleRequest }: CoordinatorDeps,
): Coordinator {
  const { coordination, journal } = configuration;
  if (coordination.kind === 'none') {
    const requests = journal === undefined ? undefined : new DirectoryRequests(journal.dir, clock);
    return createSoleLeader(
      requests === undefined
        ? undefined
        : { take: (signal) => requests.take(handleRequest, signal), release: () => requests.release() },
    );
  }
  const client = connectLease(coordination, { clock, readEnv, files });
  if (client === undefined) throw new Error('there is no API server to coordinate by');
  const { leaseName, timing } = coordination;
  const desk =
    handleRequest === undefined ? undefined : new LeaseRequestDesk({ client, clock, handle: handleRequest });
  return createLeaseElector({
    client,
    ...(desk === undefined ? {} : { onOwnLease: (lease) => desk.look(lease) }),
    // Two replicas of one name would both take the lease for theirs, and so would a restarted one for its former self.
    identity: `${nameReplica(coordination, readEnv)}_${random.uuid()}`,
    leaseName,
    installation: describeInstallation(configuration),
    timing,
    clock,
    random,
    events,
  });
}

/**
 * Asks whoever leads to refresh a token now. `undefined`: there is nobody to ask by this configuration, or at present.
 * Waits while somebody leads who does not answer; rejects when aborted.
 */
export async function askLeader(
  { coordination, journal }: Configuration,
  name: string,
  ports: SystemPorts & Pick<ConnectionPorts, 'readEnv'>,
  signal: AbortSignal,
): Promise<readonly RefreshReport[] | undefined> {
  if (coordination.kind === 'none')
    return journal === undefined
      ? undefined
      : new DirectoryRequests(journal.dir, ports.clock).ask(name, signal);
  const client = connectLease(coordination, ports);
  if (client === undefined) return undefined;
  try {
    return await askLeaseHolder(name, { ...ports, client }, signal);
  } finally {
    await client.close();
  }
}

/** The Lease that replicas agree by; `undefined` outside of a cluster. Opens no connection yet. */
export function connectLease(
  coordination: KubernetesCoordination,
  { clock, readEnv, files }: Pick<SystemPorts, 'clock' | 'files'> & Pick<ConnectionPorts, 'readEnv'>,
): LeaseClient | undefined {
  const { leaseName, namespace } = coordination;
  const apiServer = findApiServer(coordination, readEnv);
  if (apiServer === undefined) return undefined;
  return createLeaseClient({
    apiServer,
    leaseName,
    namespace: namespace === undefined ? { file: NAMESPACE_FILE } : { name: namespace },
    clock,
    files,
  });
}

/** Which of the replicas this is, as people call it. */
function nameReplica(coordination: CoordinationConfiguration, readEnv: ConnectionPorts['readEnv']): string {
  const configured = coordination.kind === 'kubernetes' ? coordination.identity : undefined;
  return configured ?? readEnv('POD_NAME') ?? readEnv('HOSTNAME') ?? 'token-refresher';
}

function findApiServer(
  { apiServer }: KubernetesCoordination,
  readEnv: ConnectionPorts['readEnv'],
): ApiServer | undefined {
  return apiServer ?? findClusterApiServer(readEnv);
}
