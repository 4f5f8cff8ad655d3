/** `status`: how the tokens are, from the secrets themselves; it needs no running daemon. */
import type { Configuration } from '../config/configuration.ts';
import type { Clock, RefreshEvents, StoredText, TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { readInBatches } from '../core/secret-batches.ts';
import { assessStored } from '../core/token/replacement.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { formatCount, formatMoment, formatRoughly, formatUtc } from '../core/wire/time-text.ts';
import { connect } from '../wiring/connections.ts';
import { connectLease, describeHolder } from '../wiring/coordination.ts';
import { describeInstallation } from '../wiring/installation.ts';
import { createSystemPorts, type SystemPorts } from '../wiring/system-ports.ts';
import { type ConfigurationOptions, loadOrExplain } from './configured.ts';
import { assembleDiscovered, describeFailures, describeRejected } from './discovered-providers.ts';
import { formatTable, toOneLine } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** One token's state, as `status --json` prints it. Seconds throughout. */
export interface TokenStatus {
  readonly token: string;
  readonly secret: string;
  /** `live`: readers are served. `absent`: they are not, for the reason in `detail`. `unreadable`: the store refused. */
  readonly state: 'live' | 'absent' | 'unreadable';
  readonly detail?: string;
  readonly expiresAt?: string;
  readonly refreshAt?: string;
  readonly lifeLeftSeconds?: number;
  /** Since the token was issued. */
  readonly ageSeconds?: number;
  readonly generation?: number;
}

/** Deadline for a call to the API server. */
const LEASE_CALL_MS = 5000;

/** Tokens that are named beside the reason that they share. */
const MAX_NAMED = 5;

/** Ends with 1 unless every token is live. */
export async function status(options: ConfigurationOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: false });
  if (loaded === undefined) return 2;
  const ports = createSystemPorts();
  const events: RefreshEvents = (event) => {
    if (event.event === 'binding-rejected') terminal.err(describeRejected(event));
  };
  const connections = connect(loaded.configuration, {
    ...ports,
    events,
    readEnv: (name) => terminal.env[name],
  });
  try {
    const discovered = await assembleDiscovered(loaded.configuration, { ...ports, events, connections });
    const identities = discovered.providers.flatMap(({ tokens }) =>
      tokens.map(({ managed }) => managed.identity),
    );
    const statuses = await readAll(connections.store, identities, ports.clock);
    terminal.out(
      options.json === true
        ? `${JSON.stringify(statuses)}\n`
        : `${formatStatuses(statuses, ports.clock.now())}${formatReasons(statuses)}`,
    );
    if (options.json !== true) terminal.out(await describeLeader(loaded.configuration, terminal, ports));
    terminal.err(describeFailures(discovered));
    return discovered.failures.length === 0 && statuses.every(({ state }) => state === 'live') ? 0 : 1;
  } finally {
    await connections.close();
  }
}

/** One line about who leads; empty where there is no election, or none can be looked at from here. */
async function describeLeader(
  configuration: Configuration,
  terminal: Terminal,
  { clock, files }: Pick<SystemPorts, 'clock' | 'files'>,
): Promise<string> {
  const { coordination } = configuration;
  if (coordination.kind === 'none') return '';
  const client = connectLease(coordination, { clock, files, readEnv: (name) => terminal.env[name] });
  if (client === undefined) return '';
  try {
    const { signal } = new AbortController();
    const call = { timeoutMs: LEASE_CALL_MS, signal };
    const leader = await describeHolder(client, describeInstallation(configuration), call);
    return `lease ${coordination.leaseName}: ${leader}\n`;
  } finally {
    await client.close();
  }
}

async function readAll(
  store: TokenStore,
  identities: readonly TokenIdentity[],
  clock: Clock,
): Promise<readonly TokenStatus[]> {
  const statuses: TokenStatus[] = [];
  const nowMs = clock.now();
  const namesOf = ({ secret }: TokenIdentity): readonly string[] => [secret];
  const { signal } = new AbortController();
  for await (const { items, texts } of readInBatches(identities, {
    namesOf,
    everyMs: 0,
    store,
    clock,
    signal,
  })) {
    for (const identity of items) {
      const read = texts.get(identity.secret);
      if (read !== undefined) statuses.push(describeStatus(identity, read, nowMs));
    }
  }
  return statuses;
}

function describeStatus(
  identity: TokenIdentity,
  read: Result<StoredText | undefined>,
  nowMs: number,
): TokenStatus {
  const { token, secret } = identity;
  if (!read.ok)
    return { token, secret, state: 'unreadable', detail: `${read.failure.code}: ${read.failure.message}` };
  const assessment = assessStored(read.value, identity, nowMs);
  if (assessment.kind === 'absent') return { token, secret, state: 'absent', detail: assessment.why };
  const { document } = assessment;
  return {
    token,
    secret,
    state: 'live',
    expiresAt: formatUtc(document.expiresAtMs),
    refreshAt: formatUtc(document.refreshAtMs),
    lifeLeftSeconds: Math.floor((document.expiresAtMs - nowMs) / 1000),
    ageSeconds: Math.floor((nowMs - document.issuedAtMs) / 1000),
    generation: document.generation,
  };
}

function formatStatuses(statuses: readonly TokenStatus[], nowMs: number): string {
  return formatTable(
    ['TOKEN', 'SECRET', 'STATE', 'LIFE LEFT', 'AGE', 'GENERATION', 'NEXT REFRESH'],
    statuses.map((each) => [
      each.token,
      each.secret,
      each.state,
      each.lifeLeftSeconds === undefined ? '-' : formatRoughly(each.lifeLeftSeconds * 1000),
      each.ageSeconds === undefined ? '-' : formatRoughly(each.ageSeconds * 1000),
      each.generation === undefined ? '-' : String(each.generation),
      each.refreshAt === undefined ? '-' : formatMoment(Date.parse(each.refreshAt), nowMs),
    ]),
  );
}

/** Below the table, so that it stays one: why tokens are not live, those of one reason in one line. */
function formatReasons(statuses: readonly TokenStatus[]): string {
  const reasons = Map.groupBy(
    statuses.filter(({ detail }) => detail !== undefined),
    ({ state, detail = '' }) => `${state}: ${toOneLine(detail)}`,
  );
  return [...reasons].map(([reason, tokens]) => `${nameTokens(tokens)} ${reason}\n`).join('');
}

function nameTokens(tokens: readonly TokenStatus[]): string {
  const names = tokens.slice(0, MAX_NAMED).map(({ token }) => toOneLine(token));
  const rest = tokens.length - names.length;
  const verb = tokens.length === 1 ? 'is' : 'are';
  return `${names.join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''} ${verb}`;
}
