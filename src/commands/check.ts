/** `check`: whether the configuration is good, and with `--live` whether the world agrees with it. Writes nothing. */

import type { Configuration } from '../config/configuration.ts';
import type { RefreshEvents, TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { fail, succeed } from '../core/result.ts';
import type { AssembledToken } from '../replica/assembly.ts';
import { verifySinkCredentials } from '../wiring/alerting.ts';
import { connect } from '../wiring/connections.ts';
import { connectLease, findLeaseProblem } from '../wiring/coordination.ts';
import { createSystemPorts, type SystemPorts } from '../wiring/system-ports.ts';
import { type ConfigurationOptions, loadOrExplain, MAX_SHOWN } from './configured.ts';
import { assembleDiscovered, describeRejected } from './discovered-providers.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface CheckOptions extends ConfigurationOptions {
  /** Also read credentials, ask each provider for a token (which is dropped), and look at the secrets. */
  readonly live?: boolean;
}

/** Deadline for a call to the API server. */
const LEASE_CALL_MS = 5000;

/** One finding, as `check --json` prints it; without `--live` only about what lies on this machine and is wrong. */
interface Finding {
  /** A token's name, a provider's for the search for its customers, a sink's, or `coordination`. */
  readonly token: string;
  readonly aspect:
    | 'credentials'
    | 'provider'
    | 'secret'
    | 'state secret'
    | 'discovery'
    | 'routing key'
    | 'lease';
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
}

export async function check(options: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  const system = createSystemPorts();
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true, files: system.files });
  if (loaded === undefined) return 2;
  const { configuration, path, warnings } = loaded;
  const findings =
    options.live === true
      ? await checkLive(configuration, terminal, system)
      : await checkHere(configuration, terminal, system);
  const tokens = configuration.providers.flatMap((provider) => provider.tokens).length;
  if (options.json === true) {
    terminal.out(`${JSON.stringify({ config: path, tokens, problems: [], warnings, findings })}\n`);
  } else {
    const others = configuration.providers.some(({ discovery }) => discovery !== undefined)
      ? ', and those of customers that are discovered'
      : '';
    terminal.out(`${path}: good, ${tokens} token${tokens === 1 ? '' : 's'}${others}\n`);
    for (const warning of warnings.slice(0, MAX_SHOWN)) terminal.out(`note: ${warning}\n`);
    if (warnings.length > MAX_SHOWN)
      terminal.out(`… and ${warnings.length - MAX_SHOWN} more notes, which --json shows\n`);
    for (const finding of findings) terminal.out(tell(finding));
  }
  return findings.every(({ ok }) => ok) ? 0 : 1;
}

async function checkHere(
  configuration: Configuration,
  terminal: Terminal,
  system: SystemPorts,
): Promise<readonly Finding[]> {
  const readEnv = (name: string): string | undefined => terminal.env[name];
  const ports = { ...system, events: () => undefined, readEnv };
  const connections = connect(configuration, ports);
  const { store } = connections;
  const keys = await verifySinkCredentials(configuration, { ...ports, store }, { live: false });
  await connections.close();
  return keys
    .filter(({ result }) => !result.ok)
    .map(({ sink, label, result }) => describe(sink, label, result));
}

async function checkLive(
  configuration: Configuration,
  terminal: Terminal,
  system: SystemPorts,
): Promise<readonly Finding[]> {
  const events: RefreshEvents = (event) => {
    if (event.event === 'binding-rejected') terminal.err(`note: ${describeRejected(event)}`);
    if (event.event === 'batch-read-denied') terminal.err(`note: ${event.problem}\n`);
  };
  const ports = { ...system, events };
  const connections = connect(configuration, { ...ports, readEnv: (name) => terminal.env[name] });
  const { signal } = new AbortController();
  try {
    const findings: Finding[] = await checkLease(configuration, terminal, ports);
    const { providers, failures } = await assembleDiscovered(configuration, { ...ports, connections });
    for (const { configuration: provider, tokens } of providers) {
      if (provider.discovery !== undefined) {
        const failed = failures.find((each) => each.provider === provider.name);
        findings.push(
          describe(provider.name, 'discovery', failed === undefined ? succeed(0) : fail(failed.failure)),
        );
      }
      for (const token of tokens) {
        const { identity } = token.managed;
        const credentials = await token.source.verifyCredentials(signal);
        findings.push(describe(identity.token, 'credentials', credentials));
        // A fetch would spend the chain's refresh token, so kinds with a chain are not asked.
        if (credentials.ok && !provider.configured.hasChain) {
          findings.push(describe(identity.token, 'provider', await askProvider(token, signal)));
        }
        const secret = await inspectSecret(connections.store, identity.secret, signal);
        findings.push(describe(identity.token, 'secret', secret));
        if (token.stateSecret !== undefined) {
          const stateSecret = await inspectSecret(connections.store, token.stateSecret, signal);
          findings.push(describe(identity.token, 'state secret', stateSecret));
        }
      }
    }
    const alerting = { ...ports, readEnv: (name: string) => terminal.env[name], store: connections.store };
    for (const { sink, label, result } of await verifySinkCredentials(configuration, alerting, {
      live: true,
    }))
      findings.push(describe(sink, label, result));
    return findings;
  } finally {
    await connections.close();
  }
}

/** Whether this process could take part in the election; empty where there is none, or none can be looked at from here. */
async function checkLease(
  configuration: Configuration,
  terminal: Terminal,
  { clock, files }: Pick<SystemPorts, 'clock' | 'files'>,
): Promise<Finding[]> {
  const { coordination } = configuration;
  if (coordination.kind === 'none') return [];
  const client = connectLease(coordination, { clock, files, readEnv: (name) => terminal.env[name] });
  if (client === undefined) {
    terminal.err(
      'note: the Lease is not looked at: this is no pod, and there is no coordination.apiServer\n',
    );
    return [];
  }
  try {
    const { signal } = new AbortController();
    const problem = await findLeaseProblem(client, { timeoutMs: LEASE_CALL_MS, signal });
    const about = { token: 'coordination', aspect: 'lease' } as const;
    return [problem === undefined ? { ...about, ok: true } : { ...about, ok: false, message: problem }];
  } finally {
    await client.close();
  }
}

/** What can be known without writing: it is ours or may be created, and its value can be read. */
async function inspectSecret(
  store: TokenStore,
  secretName: string,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const writable = await store.verifyWritable(secretName, signal);
  return writable.ok ? store.read(secretName, signal) : writable;
}

async function askProvider({ source }: AssembledToken, signal: AbortSignal): Promise<Result<void>> {
  const { result } = await source.fetch(undefined, signal);
  return result.ok ? succeed(undefined) : result;
}

function describe(token: string, aspect: Finding['aspect'], result: Result<unknown>): Finding {
  if (result.ok) return { token, aspect, ok: true };
  return { token, aspect, ok: false, code: result.failure.code, message: result.failure.message };
}

function tell({ token, aspect, ok, code, message }: Finding): string {
  if (ok) return `ok    ${token}: ${aspect}\n`;
  return `FAIL  ${token}: ${aspect}: ${code === undefined ? '' : `${code}: `}${message}\n`;
}
