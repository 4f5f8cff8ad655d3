/** `status`: how the tokens are, from the secrets themselves; it needs no running daemon. */
import type { Configuration, PublishConfiguration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import type { Clock, StoredText, TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { readInBatches } from '../core/secret-batches.ts';
import { mirrorName } from '../core/store-kind.ts';
import type { TokenDocument } from '../core/token/document.ts';
import { assessStored } from '../core/token/replacement.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import {
  formatCount,
  formatDistance,
  formatMoment,
  formatRoughly,
  formatUtc,
} from '../core/wire/time-text.ts';
import { connect } from '../wiring/connections.ts';
import { describeHolder, withLease } from '../wiring/coordination.ts';
import { describeInstallation } from '../wiring/installation.ts';
import {
  type CommandPorts,
  type ConfigurationOptions,
  createCommandPorts,
  loadOrExplain,
} from './configured.ts';
import { assembleDiscovered, describeFailures, describeRejected } from './discovered-providers.ts';
import { formatTable, toOneLine } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** One token's state, as `status --json` prints it. Seconds throughout. */
export interface TokenStatus {
  readonly token: string;
  readonly secret: string;
  /**
   * `live`: readers are served. `expired`: what they have has expired. `absent`: they have nothing, for the reason in `detail`.
   * `unreadable`: the store refused.
   */
  readonly state: 'live' | 'expired' | 'absent' | 'unreadable';
  readonly detail?: string;
  readonly expiresAt?: string;
  readonly refreshAt?: string;
  readonly lifeLeftSeconds?: number;
  /** Since the token was issued. */
  readonly ageSeconds?: number;
  readonly generation?: number;
  /** Where it is published first; absent where there is one place. */
  readonly place?: string;
  /** What the mirrors hold; absent without any. */
  readonly mirrors?: readonly CopyStatus[];
}

/** One token's copy in a mirror, as its readers find it. */
export interface CopyStatus extends Omit<TokenStatus, 'token' | 'mirrors'> {
  readonly place: string;
  /** The authority has a later token; absent where that cannot be told. */
  readonly isBehind?: boolean;
}

/** Tokens that are named beside the reason that they share. */
const MAX_NAMED = 5;

/** Ends with 1 unless every token is live, and every copy of it; a copy that is behind is live until it expires. */
export async function status(options: ConfigurationOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: false });
  if (loaded === undefined) return 2;
  const { configuration } = loaded;
  const ports = createCommandPorts(terminal, (event) => {
    if (event.event === 'binding-rejected') terminal.err(describeRejected(event));
  });
  const { clock } = ports;
  await using connections = connect(configuration, ports);
  const discovered = await assembleDiscovered(configuration, { ...ports, connections });
  const from = { places: configuration.places, stores: connections.stores, clock };
  const statuses = await readPlaces(
    discovered.providers.flatMap(({ configuration: { publish }, tokens }) =>
      tokens.map(({ managed }) => ({ publish, identity: managed.identity })),
    ),
    from,
  );
  if (options.json === true) terminal.out(`${JSON.stringify(statuses)}\n`);
  else {
    const nowMs = clock.now();
    terminal.out(
      formatStatuses(statuses, nowMs) + formatReasons(statuses, nowMs) + formatMirrors(statuses, nowMs),
    );
    terminal.out(await describeLeader(configuration, ports));
  }
  terminal.err(describeFailures(discovered));
  const found = statuses.flatMap((each) => [each, ...(each.mirrors ?? [])]);
  return discovered.failures.length === 0 && found.every(({ state }) => state === 'live') ? 0 : 1;
}

/** One line about who leads; empty where there is no election, or none can be looked at from here. */
async function describeLeader(configuration: Configuration, ports: CommandPorts): Promise<string> {
  const leader = await withLease(configuration, ports, (client, call) =>
    describeHolder(client, describeInstallation(configuration), call),
  );
  const { coordination } = configuration;
  return coordination.kind === 'none' || leader === undefined
    ? ''
    : `lease ${coordination.leaseName}: ${leader}\n`;
}

interface PlacesRead {
  readonly places: Configuration['places'];
  readonly stores: ReadonlyMap<string, TokenStore>;
  readonly clock: Clock;
}

interface Wanted {
  readonly publish: PublishConfiguration;
  readonly identity: TokenIdentity;
}

/**
 * What the authority of each token holds, and beside it what each mirror does. Each place is read once for the tokens of all
 * providers, and beside the others: one that does not answer costs its deadline, however many providers there are.
 */
async function readPlaces(
  wanted: readonly Wanted[],
  { places, stores, clock }: PlacesRead,
): Promise<readonly TokenStatus[]> {
  const found = new Map(
    await Promise.all(
      [...places.keys()].map(async (place) => {
        const here = wanted.flatMap(({ publish: { to, mirrors }, identity }): TokenIdentity[] => {
          if (place === to) return [identity];
          if (!mirrors.includes(place)) return [];
          const secret = mirrorName(placeOf(places, place), placeOf(places, to), identity.secret);
          return [{ ...identity, secret }];
        });
        const read = here.length === 0 ? [] : await readAll(placeOf(stores, place), here, clock);
        return [place, new Map(read.map((each) => [each.token, each]))] as const;
      }),
    ),
  );
  return wanted.flatMap(({ publish: { to, mirrors }, identity: { token } }) => {
    const published = found.get(to)?.get(token);
    if (published === undefined) return [];
    const copies = mirrors.flatMap((place) => {
      const copy = found.get(place)?.get(token);
      if (copy === undefined) return [];
      const { token: _, ...rest } = copy;
      return [{ ...rest, place, ...compare(copy, published) }];
    });
    return [
      {
        ...published,
        ...(places.size > 1 ? { place: to } : {}),
        ...(mirrors.length === 0 ? {} : { mirrors: copies }),
      },
    ];
  });
}

function compare(
  copy: Omit<TokenStatus, 'mirrors'>,
  { state, generation = 0 }: TokenStatus,
): Pick<CopyStatus, 'isBehind'> {
  if (state !== 'live' || copy.state === 'unreadable') return {};
  return { isBehind: (copy.generation ?? 0) < generation };
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
  if (assessment.kind === 'live')
    return { token, secret, state: 'live', ...describeLife(assessment.document, nowMs) };
  const { expired, why } = assessment;
  return expired === undefined
    ? { token, secret, state: 'absent', detail: why }
    : { token, secret, state: 'expired', ...describeLife(expired, nowMs) };
}

function describeLife(
  {
    issuedAtMs,
    expiresAtMs,
    refreshAtMs,
    generation,
  }: Pick<TokenDocument, 'issuedAtMs' | 'expiresAtMs' | 'refreshAtMs' | 'generation'>,
  nowMs: number,
): Partial<TokenStatus> {
  return {
    expiresAt: formatUtc(expiresAtMs),
    refreshAt: formatUtc(refreshAtMs),
    lifeLeftSeconds: Math.floor((expiresAtMs - nowMs) / 1000),
    ageSeconds: Math.floor((nowMs - issuedAtMs) / 1000),
    generation,
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
      each.state === 'live' && each.refreshAt !== undefined
        ? formatMoment(Date.parse(each.refreshAt), nowMs)
        : '-',
    ]),
  );
}

/** Below the table, so that it stays one: why tokens are not live, those of one reason in one line. */
function formatReasons(statuses: readonly TokenStatus[], nowMs: number): string {
  const expired = statuses.filter(({ state }) => state === 'expired');
  const firstMs = Date.parse(expired.flatMap(({ expiresAt }) => expiresAt ?? []).toSorted()[0] ?? '');
  const since = `expired${expired.length === 1 ? '' : ', the first'} ${formatMoment(firstMs, nowMs)}, ${formatDistance(firstMs - nowMs)}`;
  const secrets = new Set(statuses.map(({ secret }) => secret));
  const isSecret = (word: string): boolean =>
    secrets.has(word) || secrets.has(word.slice(word.indexOf('/') + 1));
  // Those that differ in the secrets that they name are one reason.
  const reasons = Map.groupBy(
    statuses.filter(({ detail }) => detail !== undefined),
    ({ state, secret, detail = '' }) =>
      `${state} ${detail
        .replaceAll(secret, '')
        .replace(/and [\d,]+ more/g, '')
        .replace(/[^\s,:;]+/g, (word) => (isSecret(word) ? '' : word))}`,
  );
  return [
    ...(expired.length === 0 ? [] : [`${nameTokens(expired)} ${since}\n`]),
    ...reasons
      .values()
      .map((tokens) => `${nameTokens(tokens)} ${tokens[0]?.state}: ${toOneLine(tokens[0]?.detail ?? '')}\n`),
  ].join('');
}

/** Of each mirror: how many copies are up to date, until when those that are behind serve their readers, what is wrong. */
function formatMirrors(statuses: readonly TokenStatus[], nowMs: number): string {
  const copies = statuses.flatMap(({ token, mirrors = [] }) => mirrors.map((copy) => ({ ...copy, token })));
  return [...Map.groupBy(copies, ({ place }) => place)]
    .map(([place, all]) => {
      const good = all.filter(({ state, isBehind }) => state === 'live' && isBehind !== true).length;
      const behind = all.filter(({ state, isBehind }) => state === 'live' && isBehind === true);
      const first = behind.flatMap(({ expiresAt }) => expiresAt ?? []).toSorted()[0];
      const lines = [
        `${formatCount(good)} of ${formatCount(all.length)} cop${all.length === 1 ? 'y' : 'ies'} up to date\n`,
        ...(first === undefined
          ? []
          : [
              `${nameTokens(behind)} behind: readers there are fine until ${formatMoment(Date.parse(first), nowMs)}, ${formatDistance(Date.parse(first) - nowMs)}\n`,
            ]),
        ...formatReasons(all, nowMs).split(/(?<=\n)/),
      ];
      return lines.map((line) => (line === '' ? '' : `mirror ${place}: ${line}`)).join('');
    })
    .join('');
}

function nameTokens(tokens: readonly Pick<TokenStatus, 'token'>[]): string {
  const names = tokens.slice(0, MAX_NAMED).map(({ token }) => toOneLine(token));
  const rest = tokens.length - names.length;
  const verb = tokens.length === 1 ? 'is' : 'are';
  return `${names.join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''} ${verb}`;
}
