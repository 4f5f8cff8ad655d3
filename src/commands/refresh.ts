/**
 * `refresh NAME`: fetches and publishes a token now, whether it is due or not. Where a daemon refreshes these tokens, it is
 * asked to: two hands on one chain would break it.
 */
import type { Configuration, ProviderConfiguration } from '../config/configuration.ts';
import type { Leadership } from '../core/ports.ts';
import { buildReport, type RefreshReport } from '../core/wire/refresh-request.ts';
import { formatDistance, formatMoment } from '../core/wire/time-text.ts';
import { connect } from '../wiring/connections.ts';
import { findCoordinationProblem } from '../wiring/coordination.ts';
import { createReporting } from '../wiring/reporting.ts';
import {
  type ConfigurationOptions,
  complain,
  complainOfStop,
  createCommandPorts,
  hasUsableJournal,
  loadOrExplain,
  refuse,
} from './configured.ts';
import { assembleDiscovered, describeFailures } from './discovered-providers.ts';
import { type InTurnDeps, inTurn } from './in-turn.ts';
import { refreshTokens } from './refresh-tokens.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** @param name a token (`acme`, `acme/ayu`), or a provider: then all its tokens */
export async function refresh(
  name: string,
  options: ConfigurationOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true });
  if (loaded === undefined) return 2;
  const { configuration } = loaded;
  if (!(await hasUsableJournal(configuration, terminal, options))) return 2;
  const ports = createCommandPorts(terminal);
  // Standard output is for the result; what happens on the way goes to standard error.
  const { events } = await createReporting({
    settings: { ...configuration.log, level: 'warn' },
    clock: ports.clock,
    isInteractive: terminal.isInteractive,
    hasColor: terminal.hasColor,
    destination: {
      write: (line) => {
        terminal.err(line);
        return true;
      },
    },
  });
  const problem = findCoordinationProblem(configuration, ports.readEnv);
  if (problem !== undefined) return refuse(problem, options, terminal);
  const deps = { ...ports, events, stopRequest: terminal.stopRequest() };
  const turn = await inTurn(configuration, name, deps, (leadership) =>
    refreshHere(configuration, name, { ...deps, leadership }, options, terminal),
  );
  if (turn.kind === 'stopped') return complainOfStop(turn.signal, options, terminal);
  if (turn.kind === 'not-ours') {
    const message =
      turn.problem === undefined
        ? 'another process refreshes these tokens and has not answered: see its log, or ask again'
        : `nothing was refreshed: ${turn.problem}`;
    complain([{ message }], options, terminal);
    return 1;
  }
  const result = turn.kind === 'done' ? turn.result : turn.reports;
  if (typeof result === 'number') return result;
  if (result.length === 0) {
    const message = `the process that refreshes knows no token or provider ${JSON.stringify(name)}`;
    return refuse(message, options, terminal);
  }
  terminal.out(
    options.json === true
      ? `${JSON.stringify(result)}\n`
      : result.map((report) => tell(report, ports.clock.now())).join(''),
  );
  return result.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
}

/** @returns what came of it, or the exit code when there is nothing to refresh */
async function refreshHere(
  configuration: Configuration,
  name: string,
  { leadership, ...ports }: InTurnDeps & { readonly leadership: Leadership },
  options: ConfigurationOptions,
  terminal: Terminal,
): Promise<readonly RefreshReport[] | ExitCode> {
  await using connections = connect(configuration, ports);
  const discovered = await assembleDiscovered(configuration, {
    ...ports,
    connections,
    isWanted: (provider) => name === provider || name.startsWith(`${provider}/`),
  });
  const all = discovered.providers.flatMap(({ tokens }) => tokens.map(({ managed }) => managed));
  const chosen = all.filter(({ identity }) => identity.token === name || identity.provider === name);
  if (chosen.length > 0) {
    const outcomes = await refreshTokens(chosen, 'explicit', terminal, leadership);
    const refreshed = new Set(
      outcomes.flatMap(({ managed, outcome }) =>
        outcome.kind === 'refreshed' ? [managed.identity.provider] : [],
      ),
    );
    terminal.err(configuration.providers.map((provider) => noteMirrors(provider, refreshed)).join(''));
    return outcomes.map(({ managed, outcome }) => buildReport(managed, outcome));
  }
  if (discovered.failures.length > 0) {
    complain([{ message: describeFailures(discovered).trimEnd() }], options, terminal);
    return 1;
  }
  const known = all.map(({ identity }) => identity.token).join(', ');
  return refuse(`no token or provider ${JSON.stringify(name)}; there are ${known}`, options, terminal);
}

/** What this process has published, only a daemon brings to the mirrors. */
function noteMirrors(
  { name, publish: { mirrors } }: ProviderConfiguration,
  refreshed: ReadonlySet<string>,
): string {
  if (mirrors.length === 0 || !refreshed.has(name)) return '';
  return `note: ${name}: the daemon brings this to ${mirrors.join(', ')} when it starts, or with its next refresh\n`;
}

function tell({ token, outcome, code, message, expiresAt = '' }: RefreshReport, nowMs: number): string {
  switch (outcome) {
    case 'refreshed': {
      const expiresAtMs = Date.parse(expiresAt);
      const distance = formatDistance(expiresAtMs - nowMs);
      return `${token}: refreshed; token expires ${formatMoment(expiresAtMs, nowMs)}, ${distance}\n`;
    }
    case 'unchanged':
      return `${token}: the provider handed out no newer token\n`;
    case 'fresh':
      return `${token}: another writer has just published a fresh token\n`;
    case 'failed':
      return `${token}: failed: ${code}: ${message}\n`;
  }
}
