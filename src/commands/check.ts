/** `check`: whether the configuration is good, and with `--live` whether the world agrees with it. Writes nothing. */

import type { Configuration, ProviderConfiguration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import { forEachConcurrent } from '../core/for-each-concurrent.ts';
import type { TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { fail, succeed } from '../core/result.ts';
import { mirrorName } from '../core/store-kind.ts';
import { type ChainState, parseChainState } from '../core/token/chain-state.ts';
import type { AssembledToken } from '../replica/assembly.ts';
import { verifySinkCredentials } from '../wiring/alerting.ts';
import { type Connections, connect } from '../wiring/connections.ts';
import { findLeaseProblem, withLease } from '../wiring/coordination.ts';
import { createBearerReader, findRejectionsProblem, findReviewProblem } from '../wiring/rejections.ts';
import {
  type CommandPorts,
  type ConfigurationOptions,
  createCommandPorts,
  loadOrExplain,
  MAX_SHOWN,
} from './configured.ts';
import { assembleDiscovered, describeRejected } from './discovered-providers.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface CheckOptions extends ConfigurationOptions {
  /** Also read credentials, ask each provider for a token (which is dropped), and look at the secrets. */
  readonly live?: boolean;
}

/** One finding, as `check --json` prints it; without `--live` only about what lies on this machine and is wrong. */
interface Finding {
  /** A token's name, a provider's for the search for its customers, a sink's, `coordination` or `rejections`. */
  readonly token: string;
  readonly aspect:
    | 'credentials'
    | 'provider'
    | 'secret'
    | 'state secret'
    | 'mirror'
    | 'discovery'
    | 'routing key'
    | 'lease'
    | 'token reviews';
  /** A mirror, also one that was the authority before. */
  readonly place?: string;
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
}

/** Whose tokens `--live` looks at side by side. */
const PROVIDERS_AT_ONCE = 16;

export async function check(options: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  const ports = createCommandPorts(terminal, (event) => {
    if (event.event === 'binding-rejected') terminal.err(`note: ${describeRejected(event)}`);
    if (event.event === 'batch-read-denied') terminal.err(`note: ${event.problem}\n`);
  });
  const loaded = await loadOrExplain(options, terminal, { checksEnv: true, files: ports.files });
  if (loaded === undefined) return 2;
  const { configuration, path, warnings } = loaded;
  await using connections = connect(configuration, ports);
  const world = { configuration, ports, connections, terminal };
  const findings =
    options.live === true
      ? await checkLive(world)
      : (await checkSinks(world, { live: false })).filter(({ ok }) => !ok);
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

/** What a check looks at, and where it says what it does not look at. */
interface World {
  readonly configuration: Configuration;
  readonly ports: CommandPorts;
  readonly connections: Connections;
  readonly terminal: Terminal;
}

/** @param live false: what lies on this machine alone */
async function checkSinks(
  { configuration, ports, connections: { credentials: store } }: World,
  { live }: { readonly live: boolean },
): Promise<readonly Finding[]> {
  const results = await verifySinkCredentials(configuration, { ...ports, store }, { live });
  return results.map(({ sink, label, result }) => describe(sink, label, result));
}

async function checkLive(world: World): Promise<readonly Finding[]> {
  const { configuration, ports, connections } = world;
  const findings = [
    ...(await checkLease(world)),
    ...(await checkReviews(world)),
    ...(await checkBearer(world)),
  ];
  const { providers, failures } = await assembleDiscovered(configuration, { ...ports, connections });
  // Side by side, because a provider or place that does not answer takes its deadline for each token.
  const checked = new Map<AssembledToken, readonly Finding[]>();
  await forEachConcurrent(providers, PROVIDERS_AT_ONCE, ({ configuration: provider, tokens }) =>
    forEachConcurrent(tokens, provider.concurrency, async (token) => {
      checked.set(token, await checkToken(token, provider, world));
    }),
  );
  for (const provider of providers) {
    const { name, discovery } = provider.configuration;
    if (discovery !== undefined) {
      const failed = failures.find((each) => each.provider === name);
      findings.push(describe(name, 'discovery', failed === undefined ? succeed(0) : fail(failed.failure)));
    }
    findings.push(...provider.tokens.flatMap((token) => checked.get(token) ?? []));
  }
  return [...findings, ...(await checkSinks(world, { live: true }))];
}

async function checkToken(
  { managed, source, stateSecret }: AssembledToken,
  { configured, publish: { to, mirrors } }: ProviderConfiguration,
  { configuration: { places }, connections: { stores } }: World,
): Promise<readonly Finding[]> {
  const { signal } = new AbortController();
  const { token, secret } = managed.identity;
  const authority = placeOf(stores, to);
  const credentials = await source.verifyCredentials(signal);
  const findings = [describe(token, 'credentials', credentials)];
  // A fetch would spend the chain's refresh token, so kinds with a chain are not asked.
  if (credentials.ok && !configured.hasChain) {
    const { result } = await source.fetch(undefined, signal);
    findings.push(describe(token, 'provider', result));
  }
  findings.push(describe(token, 'secret', await inspectSecret(authority, secret, signal)));
  if (stateSecret !== undefined)
    findings.push(describe(token, 'state secret', await inspectSecret(authority, stateSecret, signal)));
  /** `unknown`: it cannot be read, or is another token's. */
  const readState = async (place: string, name: string): Promise<ChainState | 'unknown' | undefined> => {
    const read = await placeOf(stores, place).read(name, signal);
    if (!read.ok) return 'unknown';
    const parsed = read.value && parseChainState(read.value.text, managed.identity);
    if (parsed?.ok === false && parsed.isForeign) return 'unknown';
    return parsed?.ok === true ? parsed.state : undefined;
  };
  for (const name of mirrors) {
    const place = placeOf(places, name);
    const mirrored = mirrorName(place, placeOf(places, to), secret);
    const copy = await inspectSecret(placeOf(stores, name), mirrored, signal);
    findings.push({ ...describe(token, 'mirror', copy), place: name });
    if (stateSecret === undefined) continue;
    const usual = place.rules.names.stateSecretOf(mirrored);
    for (const former of new Set([mirrorName(place, placeOf(places, to), stateSecret), usual])) {
      const [there, here] = [await readState(name, former), await readState(to, stateSecret)];
      if (there === undefined || there === 'unknown' || here === 'unknown') continue;
      if (there.obtainedAtMs <= (here?.obtainedAtMs ?? 0)) continue;
      const message = `${former} there holds a newer refresh token than ${stateSecret} in ${to}: stop the daemon, copy it, then start the daemon`;
      findings.push({ token, aspect: 'state secret', place: name, ok: false, message });
    }
  }
  return findings;
}

/** Whether this process could take part in the election; empty where there is none, or none can be looked at from here. */
async function checkLease({ configuration, ports, terminal }: World): Promise<readonly Finding[]> {
  if (configuration.coordination.kind === 'none') return [];
  const finding = await withLease(configuration, ports, async (client, call) =>
    judge('coordination', 'lease', await findLeaseProblem(client, call)),
  );
  if (finding !== undefined) return [finding];
  terminal.err('note: the Lease is not looked at: this is no pod, and there is no coordination.apiServer\n');
  return [];
}

/** Whether callers could be told apart who report refused tokens; empty where no service account may. */
async function checkReviews({ configuration, ports, terminal }: World): Promise<readonly Finding[]> {
  const { rejections } = configuration;
  if (rejections === undefined || rejections.allow.length === 0) return [];
  const absent = findRejectionsProblem(configuration, ports.readEnv);
  if (absent !== undefined) {
    terminal.err(`note: service accounts are not looked at: ${absent}\n`);
    return [];
  }
  return [judge('rejections', 'token reviews', await findReviewProblem(rejections, configuration, ports))];
}

/** Of readers outside of Kubernetes, who report refused tokens; empty where none may. */
async function checkBearer({ configuration, ports, connections }: World): Promise<readonly Finding[]> {
  const { rejections = { bearer: undefined } } = configuration;
  const read = createBearerReader(rejections, { ...ports, store: connections.credentials });
  if (read === undefined) return [];
  return [describe('rejections', 'credentials', await read(new AbortController().signal))];
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

function judge(token: string, aspect: Finding['aspect'], problem: string | undefined): Finding {
  return problem === undefined ? { token, aspect, ok: true } : { token, aspect, ok: false, message: problem };
}

function describe(token: string, aspect: Finding['aspect'], result: Result<unknown>): Finding {
  if (result.ok) return { token, aspect, ok: true };
  return { token, aspect, ok: false, code: result.failure.code, message: result.failure.message };
}

function tell({ token, aspect, place, ok, code, message }: Finding): string {
  const what = place === undefined ? aspect : `${aspect} ${place}`;
  if (ok) return `ok    ${token}: ${what}\n`;
  return `FAIL  ${token}: ${what}: ${code === undefined ? '' : `${code}: `}${message}\n`;
}
