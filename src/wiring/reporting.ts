/**
 * Where a run reports: one stream of events that feeds the board, the log and the metrics.
 */
import { createEventLog } from '../adapters/log/event-log.ts';
import { createLog, type Log, type LogDestination } from '../adapters/log/log.ts';
import { loadPrettify } from '../adapters/log/pretty-line.ts';
import { createMetrics, type Metrics } from '../adapters/prometheus/metrics.ts';
import { nextTurn } from '../adapters/system/clock.ts';
import { TokenBoard } from '../board/token-board.ts';
import type { Configuration } from '../config/configuration.ts';
import { describeFault } from '../core/fault.ts';
import type { Clock, RefreshEvents } from '../core/ports.ts';
import { VERSION } from '../core/version.ts';

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
