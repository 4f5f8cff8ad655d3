/**
 * The ports of a real process: system clock, chance, log and metrics, and one stream of events that feeds them.
 */
import { createMetrics, type Metrics } from './adapters/prometheus/metrics.ts';
import { createSystemClock } from './adapters/system/clock.ts';
import { createCronLogger } from './adapters/system/cron-log.ts';
import { createEventLog } from './adapters/system/event-log.ts';
import { createLog, type Log, type LogDestination } from './adapters/system/log.ts';
import { createSystemRandom } from './adapters/system/random.ts';
import { createSoleLeader } from './adapters/system/sole-leader.ts';
import { leaveLocalTime } from './adapters/system/time-zone.ts';
import { type App, createApp } from './app.ts';
import type { RefreshPorts } from './assembly.ts';
import type { Configuration } from './config/configuration.ts';
import { describeFault } from './core/fault.ts';
import type { Clock, Random, RefreshEvents } from './core/ports.ts';
import { VERSION } from './core/version.ts';

/** The two ports that every command needs. */
export interface SystemPorts {
  readonly clock: Clock;
  readonly random: Random;
}

export function createSystemPorts(): SystemPorts {
  leaveLocalTime();
  return { clock: createSystemClock(), random: createSystemRandom() };
}

/** What runs, for the first line of the log. */
export function describeProgram(): { readonly version: string; readonly node: string } {
  return { version: VERSION, node: process.versions.node };
}

/** Where and how a run reports. */
export interface Reporting {
  readonly log: Log;
  /** To the log, to the metrics and to whoever else listens. */
  readonly events: RefreshEvents;
  readonly metrics: Metrics;
  readonly onFault: (error: unknown) => void;
}

export interface ReportingOptions {
  readonly settings: Configuration['log'];
  readonly clock: Clock;
  readonly isInteractive: boolean;
  readonly hasColor: boolean;
  /** Further subscribers to the events. */
  readonly listeners?: readonly RefreshEvents[];
  readonly destination: LogDestination;
}

export function createReporting(options: ReportingOptions): Reporting {
  const { settings, clock, isInteractive } = options;
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && isInteractive);
  const log = createLog({
    level: settings.level,
    format: isPretty ? 'pretty' : 'json',
    color: options.hasColor,
    clock,
    destination: options.destination,
  });
  const metrics = createMetrics({ version: VERSION, clock });
  const subscribers = [createEventLog(log, clock), metrics.onEvent, ...(options.listeners ?? [])];
  return {
    log,
    metrics,
    events: (event) => {
      for (const subscriber of subscribers) subscriber(event);
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
  { reporting, ...ports }: Omit<RefreshPorts, 'events'> & { readonly reporting: Reporting },
): App {
  const { events, metrics, onFault, log } = reporting;
  metrics.registerTokens(
    configuration.providers.flatMap(({ tokens }) => tokens.map(({ identity }) => identity)),
  );
  return createApp(configuration, {
    ...ports,
    events,
    metrics,
    onFault,
    coordinator: createSoleLeader(),
    cronLogger: createCronLogger(log),
  });
}
