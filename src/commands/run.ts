/** `run`: the daemon, or with `--once` a single pass for a CronJob or a shell. */

import type { Configuration } from '../config/configuration.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import type { Clock, Leadership } from '../core/ports.ts';
import type { App } from '../wiring/app.ts';
import { connect } from '../wiring/connections.ts';
import {
  createDaemon,
  createReporting,
  createSystemPorts,
  describeProgram,
  findCoordinationProblem,
  type Reporting,
  type SystemPorts,
} from '../wiring/runtime.ts';
import { type ConfigurationOptions, complainOfStop, hasUsableJournal, loadOrExplain } from './configured.ts';
import { assembleDiscovered, describeFailures } from './discovered-providers.ts';
import { inTurn } from './in-turn.ts';
import { refreshTokens } from './refresh-tokens.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface RunOptions extends ConfigurationOptions {
  /** Refresh what is due and end. */
  readonly once?: boolean;
}

/** With the time for the last lines of the log it is within 10 s, after which people kill. */
const STOP_LIMIT_MS = 8_500;

export async function run(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true });
  if (loaded === undefined) return 2;
  const { configuration, path } = loaded;
  if (!(await hasUsableJournal(configuration, terminal))) return 2;
  const ports = createSystemPorts();
  const reporting = await createReporting({
    settings: configuration.log,
    clock: ports.clock,
    isInteractive: terminal.isInteractive,
    hasColor: terminal.hasColor,
    destination: { write: (line) => terminal.line(line) },
  });
  for (const problem of terminal.warnings)
    reporting.log.write('warn', 'process-unsafe', { problem }, problem);
  return options.once === true
    ? runOnce(configuration, terminal, { ...ports, reporting })
    : runDaemon(configuration, terminal, { ...ports, reporting, path });
}

async function runDaemon(
  configuration: Configuration,
  terminal: Terminal,
  { path, ...ports }: SystemPorts & { readonly reporting: Reporting; readonly path: string },
): Promise<ExitCode> {
  const { log } = ports.reporting;
  const readEnv = (name: string): string | undefined => terminal.env[name];
  const coordinationProblem = findCoordinationProblem(configuration, readEnv);
  if (coordinationProblem !== undefined) {
    terminal.err(`${coordinationProblem}\n`);
    return 2;
  }
  const app = createDaemon(configuration, { ...ports, readEnv });
  const { clock } = ports;
  const stopRequest = terminal.stopRequest();
  const started = app.start();
  started.then(
    ({ httpUrl }) => {
      const tokens = configuration.providers.flatMap((provider) => provider.tokens).length;
      const { store, providers } = configuration;
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
          store: store.endpoint ?? `aws-secrets-manager ${store.region ?? ''}`.trim(),
          http: httpUrl,
        },
        `keeping ${tokens} token${tokens === 1 ? '' : 's'} fresh${others}; health and metrics on ${httpUrl}`,
      );
    },
    () => undefined,
  );
  const signal = await Promise.race([stopRequest, started.then(() => stopRequest)]).catch(
    async (error: unknown) => {
      await stopInTime(app, clock);
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
  if (await stopInTime(app, clock)) {
    log.write('info', 'program-stopped', {}, 'stopped');
    return 0;
  }
  const waitsFor = app.stopWaitsFor();
  log.write(
    'error',
    'program-stop-overdue',
    { waitsFor },
    `ends now, ${STOP_LIMIT_MS} ms after ${signal}, without waiting any longer for ${waitsFor.join(', ')}`,
  );
  return 1;
}

/** @returns false when it does not end within {@link STOP_LIMIT_MS} */
async function stopInTime(app: App, clock: Clock): Promise<boolean> {
  try {
    await withDeadline(clock, STOP_LIMIT_MS, new AbortController().signal, () => app.stop());
    return true;
  } catch (error) {
    if (error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

async function runOnce(
  configuration: Configuration,
  terminal: Terminal,
  ports: SystemPorts & { readonly reporting: Reporting },
): Promise<ExitCode> {
  const { clock, random, files, reporting } = ports;
  const { events } = reporting;
  const readEnv = (name: string): string | undefined => terminal.env[name];
  const problem = findCoordinationProblem(configuration, readEnv);
  if (problem !== undefined) {
    terminal.err(`${problem}\n`);
    return 2;
  }
  const deps = { clock, random, files, events, readEnv, stopRequest: terminal.stopRequest() };
  const turn = await inTurn(configuration, undefined, deps, (leadership) =>
    refreshDue(configuration, terminal, ports, leadership),
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
  { clock, random, files, reporting: { events } }: SystemPorts & { readonly reporting: Reporting },
  leadership: Leadership,
): Promise<ExitCode> {
  const connections = connect(configuration, {
    clock,
    random,
    files,
    events,
    readEnv: (name) => terminal.env[name],
  });
  try {
    const discovered = await assembleDiscovered(configuration, { clock, random, events, connections });
    const keepers = discovered.providers.flatMap(({ tokens }) => tokens.map(({ keeper }) => keeper));
    const outcomes = await refreshTokens(keepers, 'due', terminal, leadership);
    const failed = outcomes.filter(({ outcome }) => outcome.kind === 'failed');
    for (const { keeper, outcome } of failed) {
      if (outcome.kind === 'failed')
        terminal.err(`${keeper.identity.token}: ${outcome.failure.code}: ${outcome.failure.message}\n`);
    }
    terminal.err(describeFailures(discovered));
    return failed.length > 0 || discovered.failures.length > 0 ? 1 : 0;
  } finally {
    await connections.close();
  }
}
