/** `run`: the daemon, or with `--once` a single pass for a CronJob or a shell. */

import type { Configuration } from '../config/configuration.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import type { Clock, Leadership } from '../core/ports.ts';
import type { ConfiguredStore } from '../core/store-kind.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { connect } from '../wiring/connections.ts';
import { findCoordinationProblem } from '../wiring/coordination.ts';
import { createDaemon, type Daemon } from '../wiring/daemon.ts';
import { findRejectionsProblem } from '../wiring/rejections.ts';
import { createReporting, describeProgram, type Reporting } from '../wiring/reporting.ts';
import {
  type CommandPorts,
  type ConfigurationOptions,
  complainOfStop,
  createCommandPorts,
  hasUsableJournal,
  loadOrExplain,
} from './configured.ts';
import { assembleDiscovered, describeFailures } from './discovered-providers.ts';
import { type InTurnDeps, inTurn } from './in-turn.ts';
import { refreshTokens } from './refresh-tokens.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface RunOptions extends ConfigurationOptions {
  /** Refresh what is due and end. */
  readonly once?: boolean;
}

interface RunPorts extends Omit<CommandPorts, 'events'> {
  readonly reporting: Reporting;
}

/** With the time for the last lines of the log it is within 10 s, after which people kill. */
const STOP_LIMIT_MS = 8_500;

export async function run(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true });
  if (loaded === undefined) return 2;
  const { configuration, path } = loaded;
  if (!(await hasUsableJournal(configuration, terminal))) return 2;
  const ports = createCommandPorts(terminal);
  const { readEnv } = ports;
  const reporting = await createReporting({
    settings: configuration.log,
    clock: ports.clock,
    isInteractive: terminal.isInteractive,
    hasColor: terminal.hasColor,
    destination: { write: (line) => terminal.line(line) },
  });
  for (const problem of terminal.warnings)
    reporting.log.write('warn', 'process-unsafe', { problem }, problem);
  const problem =
    findCoordinationProblem(configuration, readEnv) ?? findRejectionsProblem(configuration, readEnv);
  if (problem !== undefined) {
    terminal.err(`${problem}\n`);
    return 2;
  }
  if (options.once === true && configuration.providers.some(({ publish }) => publish.mirrors.length > 0)) {
    terminal.err('mirrors are written by a daemon only: leave publish.mirrors out, or run without --once\n');
    return 2;
  }
  return options.once === true
    ? runOnce(configuration, terminal, { ...ports, reporting })
    : runDaemon(configuration, terminal, { ...ports, reporting, path });
}

async function runDaemon(
  configuration: Configuration,
  terminal: Terminal,
  { path, ...ports }: RunPorts & { readonly path: string },
): Promise<ExitCode> {
  const { log } = ports.reporting;
  const daemon = createDaemon(configuration, ports);
  const { clock } = ports;
  const stopRequest = terminal.stopRequest();
  const started = daemon.start();
  started.then(
    ({ httpUrl }) => {
      const tokens = configuration.providers.flatMap((provider) => provider.tokens).length;
      const { places, providers } = configuration;
      const others = providers.some(({ discovery }) => discovery !== undefined)
        ? ', and those of customers that are discovered'
        : '';
      log.write(
        'info',
        'program-started',
        {
          ...describeProgram(),
          config: path,
          providers: providers.length,
          tokens,
          store: describePlaces([...places.values()]),
          http: httpUrl,
        },
        `keeping ${tokens} token${tokens === 1 ? '' : 's'} fresh${others}; health and metrics on ${httpUrl}`,
      );
    },
    () => undefined,
  );
  const signal = await Promise.race([stopRequest, started.then(() => stopRequest)]).catch(
    async (error: unknown) => {
      await stopInTime(daemon, clock);
      terminal.err(`${error instanceof Error ? error.message : 'cannot start'}\n`);
      return undefined;
    },
  );
  if (signal === undefined) return 1;
  log.write(
    'info',
    'program-stopping',
    { signal },
    `${signal}: beginning nothing new, finishing what is in flight`,
  );
  if (await stopInTime(daemon, clock)) {
    log.write('info', 'program-stopped', {}, 'stopped');
    return 0;
  }
  const waitsFor = daemon.stopWaitsFor();
  log.write(
    'error',
    'program-stop-overdue',
    { waitsFor },
    `ends now, ${formatDuration(STOP_LIMIT_MS)} after ${signal}, without waiting any longer for ${waitsFor.join(', ')}`,
  );
  return 1;
}

/** @returns false when it does not end within {@link STOP_LIMIT_MS} */
async function stopInTime(daemon: Daemon, clock: Clock): Promise<boolean> {
  try {
    await withDeadline(clock, STOP_LIMIT_MS, new AbortController().signal, () => daemon.stop());
    return true;
  } catch (error) {
    if (error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

async function runOnce(
  configuration: Configuration,
  terminal: Terminal,
  { reporting: { events }, ...ports }: RunPorts,
): Promise<ExitCode> {
  const deps = { ...ports, events, stopRequest: terminal.stopRequest() };
  const turn = await inTurn(configuration, undefined, deps, (leadership) =>
    refreshDue(configuration, terminal, deps, leadership),
  );
  if (turn.kind === 'stopped') return complainOfStop(turn.signal, {}, terminal);
  if (turn.kind === 'done') return turn.result;
  if (turn.kind === 'not-ours' && turn.problem !== undefined) {
    terminal.err(`nothing was refreshed: ${turn.problem}\n`);
    return 1;
  }
  terminal.err('another process keeps these tokens fresh: nothing to do\n');
  return 0;
}

async function refreshDue(
  configuration: Configuration,
  terminal: Terminal,
  deps: InTurnDeps,
  leadership: Leadership,
): Promise<ExitCode> {
  await using connections = connect(configuration, deps);
  const discovered = await assembleDiscovered(configuration, { ...deps, connections });
  const managedTokens = discovered.providers.flatMap(({ tokens }) => tokens.map(({ managed }) => managed));
  const outcomes = await refreshTokens(managedTokens, 'due', terminal, leadership);
  const failures = outcomes.flatMap(({ managed, outcome }) =>
    outcome.kind === 'failed' ? [{ ...outcome.failure, token: managed.identity.token }] : [],
  );
  for (const { token, code, message } of failures) terminal.err(`${token}: ${code}: ${message}\n`);
  terminal.err(describeFailures(discovered));
  return failures.length > 0 || discovered.failures.length > 0 ? 1 : 0;
}

/** Several may be at one address: their names tell them apart. */
function describePlaces(places: readonly ConfiguredStore[]): string {
  return places
    .map(({ name, endpoint, kind, region }) => {
      const address = endpoint ?? `${kind} ${region ?? ''}`.trim();
      return places.length === 1 ? address : `${name} (${address})`;
    })
    .join(', ');
}
