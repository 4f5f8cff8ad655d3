/** `refresh NAME`: fetches and publishes a token now, whether it is due or not. */
import { connect } from '../connections.ts';
import { formatUtc } from '../core/time-text.ts';
import { createReporting, createSystemPorts } from '../runtime.ts';
import { type ConfigurationOptions, complain, hasUsableJournal, loadOrExplain } from './configured.ts';
import { assembleDiscovered, describeFailures } from './discovered-providers.ts';
import { refreshTokens, type TokenOutcome } from './refresh-tokens.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export type RefreshOptions = ConfigurationOptions;

/** @param name a token (`pivot`, `pivot-b2b2c/ayu`), or a provider: then all its tokens */
export async function refresh(name: string, options: RefreshOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true });
  if (loaded === undefined) return 2;
  const { configuration } = loaded;
  if (!(await hasUsableJournal(configuration, terminal, options))) return 2;
  const ports = createSystemPorts();
  // Standard output is for the result; what happens on the way goes to standard error.
  const { events } = await createReporting({
    settings: { ...configuration.log, level: 'warn' },
    clock: ports.clock,
    isInteractive: terminal.isInteractive,
    hasColor: terminal.hasColor,
    destination: { write: (line) => terminal.err(line) },
  });
  const connections = connect(configuration, { ...ports, events, readEnv: (key) => terminal.env[key] });
  try {
    const discovered = await assembleDiscovered(configuration, {
      ...ports,
      events,
      connections,
      isWanted: (provider) => name === provider || name.startsWith(`${provider}/`),
    });
    const all = discovered.providers.flatMap(({ tokens }) => tokens.map(({ keeper }) => keeper));
    const chosen = all.filter(({ identity }) => identity.token === name || identity.provider === name);
    if (chosen.length === 0) {
      // A failed search was told already, as an event.
      if (discovered.failures.length > 0) {
        const [message = ''] = describeFailures(discovered).trimEnd().split('\n');
        if (options.json === true)
          terminal.out(`${JSON.stringify({ config: options.config, problems: [{ message }] })}\n`);
        return 1;
      }
      const known = all.map(({ identity }) => identity.token).join(', ');
      complain(
        [{ message: `no token or provider ${JSON.stringify(name)}; there are ${known}` }],
        options,
        terminal,
      );
      return 2;
    }
    const outcomes = await refreshTokens(chosen, 'explicit', terminal);
    terminal.out(
      options.json === true ? `${JSON.stringify(outcomes.map(describe))}\n` : outcomes.map(tell).join(''),
    );
    return outcomes.some(({ outcome }) => outcome.kind === 'failed') ? 1 : 0;
  } finally {
    await connections.close();
  }
}

function describe({ keeper, outcome }: TokenOutcome) {
  const { identity, published } = keeper;
  return {
    token: identity.token,
    secret: identity.secret,
    outcome: outcome.kind,
    ...(outcome.kind === 'failed' ? { code: outcome.failure.code, message: outcome.failure.message } : {}),
    ...(published === undefined
      ? {}
      : { expiresAt: formatUtc(published.expiresAtMs), generation: published.generation }),
  };
}

function tell({ keeper, outcome }: TokenOutcome): string {
  const { identity, published } = keeper;
  switch (outcome.kind) {
    case 'refreshed':
      return `${identity.token}: refreshed, good until ${published === undefined ? '?' : formatUtc(published.expiresAtMs)}\n`;
    case 'unchanged':
      return `${identity.token}: the provider handed out no newer token\n`;
    case 'fresh':
      return `${identity.token}: somebody else has just published a fresh token\n`;
    case 'failed':
      return `${identity.token}: failed: ${outcome.failure.code}: ${outcome.failure.message}\n`;
  }
}
