/** `status`: how the tokens are, from the secrets themselves; it needs no running daemon. */
import { connect } from '../connections.ts';
import type { TokenStore } from '../core/ports.ts';
import { assessStored } from '../core/replacement.ts';
import { formatUtc } from '../core/time-text.ts';
import type { TokenIdentity } from '../core/token.ts';
import { createSystemPorts } from '../runtime.ts';
import { type ConfigurationOptions, loadOrExplain } from './configured.ts';
import { formatTable } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface StatusOptions extends ConfigurationOptions {
  readonly json?: boolean;
}

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

const READS_AT_ONCE = 16;

/** Ends with 1 unless every token is live. */
export async function status(options: StatusOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: false });
  if (loaded === undefined) return 2;
  const ports = createSystemPorts();
  const connections = connect(loaded.configuration, {
    ...ports,
    events: () => undefined,
    readEnv: (name) => terminal.env[name],
  });
  try {
    const identities = loaded.configuration.providers.flatMap(({ tokens }) =>
      tokens.map(({ identity }) => identity),
    );
    const statuses = await readAll(connections.store, identities, ports.clock.now());
    terminal.out(options.json === true ? `${JSON.stringify(statuses)}\n` : formatStatuses(statuses));
    return statuses.every(({ state }) => state === 'live') ? 0 : 1;
  } finally {
    await connections.close();
  }
}

async function readAll(
  store: TokenStore,
  identities: readonly TokenIdentity[],
  nowMs: number,
): Promise<TokenStatus[]> {
  const statuses = new Map<TokenIdentity, TokenStatus>();
  const waiting = [...identities];
  const readNext = async (): Promise<void> => {
    for (let identity = waiting.shift(); identity !== undefined; identity = waiting.shift()) {
      statuses.set(identity, await readStatus(store, identity, nowMs));
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readNext));
  return identities.flatMap((identity) => statuses.get(identity) ?? []);
}

async function readStatus(store: TokenStore, identity: TokenIdentity, nowMs: number): Promise<TokenStatus> {
  const { token, secret } = identity;
  const read = await store.read(secret, new AbortController().signal);
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

function formatStatuses(statuses: readonly TokenStatus[]): string {
  return formatTable(
    ['TOKEN', 'SECRET', 'STATE', 'LIFE LEFT', 'AGE', 'GENERATION', 'NEXT REFRESH'],
    statuses.map((each) => [
      each.token,
      each.secret,
      each.detail === undefined ? each.state : `${each.state}: ${each.detail}`,
      each.lifeLeftSeconds === undefined ? '-' : `${each.lifeLeftSeconds} s`,
      each.ageSeconds === undefined ? '-' : `${each.ageSeconds} s`,
      each.generation === undefined ? '-' : String(each.generation),
      each.refreshAt ?? '-',
    ]),
  );
}
