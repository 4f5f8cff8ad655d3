/** From the board to what people and programs read. Costs a pass over all tokens, and sorting those that match. */
import { runbookLink } from '../core/alert.ts';
import {
  type Board,
  countVersions,
  decideStandbyState,
  decideTokenState,
  isStandby,
  type LeadershipRecord,
  nextAttemptAtMs,
  type ProviderRecord,
  publishedOf,
  TOKEN_STATES,
  type TokenRecord,
  type TokenState,
} from '../core/board.ts';
import type { Clock } from '../core/ports.ts';
import { assessReaders } from '../core/readers-outlook.ts';
import { STRIP_LENGTH, type StripMark } from '../core/token/refresh-strip.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import { describeReaders, findTrouble } from './find-causes.ts';
import type { ProviderStatus, StateCounts, StatusDocument, TokenStatus } from './status-document.ts';
import type { StatusQuery } from './status-query.ts';

export interface StatusSettings {
  /** Name of the installation. */
  readonly name: string;
  readonly version: string;
  /** Which replica this is. */
  readonly replica: string;
  /** Without a fragment; `undefined`: the file in the project is named. */
  readonly runbookUrl: string | undefined;
}

export interface StatusSources extends StatusSettings {
  readonly board: Board;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
}

const MAX_MESSAGE_LENGTH = 500;
const NOTHING = '.'.repeat(STRIP_LENGTH);
const MARK_LETTERS: Readonly<Record<StripMark, string>> = { none: '.', ok: 'o', retried: 'r', failed: 'f' };

/** A token with what it is sorted by, worked out once. */
interface Seen {
  readonly record: TokenRecord;
  readonly state: TokenState;
  readonly rank: number;
  /** When it expires: no life at all comes first, what is not known last. */
  readonly life: number;
}

export function describeStatus(sources: StatusSources, query: StatusQuery): StatusDocument {
  const { board, clock, name, version, replica } = sources;
  const nowMs = clock.now();
  const decideState = isStandby(board.leadership, clock.monotonicMs())
    ? decideStandbyState
    : decideTokenState;
  const counts = noCounts();
  const ofProviders = new Map<string, { counts: StateCounts; records: TokenRecord[] }>();
  const matching: Seen[] = [];
  const accepts = createFilter(query);
  for (const record of board.tokens()) {
    const seen = see(record, decideState(record, nowMs));
    const { provider } = record.identity;
    const ofProvider = ofProviders.get(provider) ?? { counts: noCounts(), records: [] };
    ofProviders.set(provider, ofProvider);
    ofProvider.counts[seen.state] += 1;
    ofProvider.records.push(record);
    counts[seen.state] += 1;
    if (accepts(seen)) matching.push(seen);
  }
  const { provider, state, code, text, sort, size } = query;
  const { readers, filling, causes } = findTrouble(board, sources.runbookUrl, nowMs);
  const pages = Math.max(1, Math.ceil(matching.length / size));
  const page = Math.min(query.page, pages);
  const shown = matching.toSorted(ORDERS[sort]).slice((page - 1) * size, page * size);
  return {
    at: formatUtc(nowMs),
    name,
    version,
    replica,
    leadership: describeLeadership(board.leadership),
    tokens: sum(counts),
    counts,
    trouble: { readers: describeReaders(readers), filling },
    causes: [...causes],
    providers: [...board.providers()].map((each) => {
      const { counts: ofProvider = noCounts(), records = [] } = ofProviders.get(each.name) ?? {};
      return {
        ...describeProvider(each, ofProvider),
        readers: describeReaders(assessReaders(records, nowMs)),
      };
    }),
    view: {
      provider: provider ?? null,
      state: state ?? null,
      code: code ?? null,
      text,
      sort,
      size,
      page,
      pages,
      matching: matching.length,
      tokens: shown.map((seen) => describeToken(seen, sources, nowMs)),
    },
  };
}

/** Who was seen to lead is told for as long as that can be seen. */
function describeLeadership({ isLeader, sinceMs, other, trouble }: LeadershipRecord) {
  const isBlind = trouble?.blindSinceMonotonicMs !== undefined;
  return {
    isLeader,
    since: formatUtc(sinceMs),
    leader: isBlind ? null : (other?.name ?? null),
    reach: isBlind ? null : (other?.reach ?? null),
    problem: trouble?.problem ?? null,
  };
}

function describeToken({ record, state }: Seen, sources: StatusSources, nowMs: number): TokenStatus {
  const { failure, isRefreshing } = record;
  const { token, provider, kind, customer, secret } = record.identity;
  const { issuedAtMs, refreshAtMs, expiresAtMs, generation } = publishedOf(record.readable) ?? {};
  const monotonicMs = sources.clock.monotonicMs();
  const marks = record.strip?.marks(monotonicMs);
  return {
    token,
    provider,
    kind,
    customer: customer ?? null,
    secret,
    state,
    issuedAt: whenKnown(issuedAtMs, formatUtc),
    dueAt: whenKnown(refreshAtMs, formatUtc),
    expiresAt: whenKnown(expiresAtMs, formatUtc),
    lifeLeftSeconds: whenKnown(expiresAtMs, (timeMs) => Math.floor((timeMs - nowMs) / 1000)),
    generation: generation ?? null,
    isRefreshing,
    nextAttemptAt: whenKnown(nextAttemptAtMs(record), formatUtc),
    failure: whenKnown(failure, ({ code, message, sinceMs, attempts }) => ({
      code,
      message: message.slice(0, MAX_MESSAGE_LENGTH),
      since: formatUtc(sinceMs),
      attempts,
      runbook: runbookLink(sources.runbookUrl, code),
    })),
    versions: {
      last24Hours: countVersions(record, monotonicMs),
      budget: sources.board.provider(provider)?.versionBudget ?? null,
    },
    last24Hours: marks === undefined ? NOTHING : marks.map((mark) => MARK_LETTERS[mark]).join(''),
  };
}

function describeProvider(provider: ProviderRecord, counts: StateCounts): Omit<ProviderStatus, 'readers'> {
  const { name, kind, schedule, calls, clockSkewMs, fetchBudget, discovery } = provider;
  const durationsMs = calls.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  return {
    name,
    kind,
    tokens: sum(counts),
    counts,
    schedule: whenKnown(schedule, ({ cron, lifetimeMs, refreshEveryMs, tickMs }) => ({
      cron,
      lifetimeSeconds: lifetimeMs / 1000,
      refreshEverySeconds: refreshEveryMs / 1000,
      tickSeconds: tickMs / 1000,
    })),
    calls: whenKnown(calls.at(-1), ({ durationMs }) => ({
      recent: calls.length,
      failed: calls.filter(({ hasFailed }) => hasFailed).length,
      medianSeconds: roundToSeconds(durationsMs[Math.floor(durationsMs.length / 2)] ?? durationMs),
      latestSeconds: roundToSeconds(durationMs),
    })),
    clockSkewSeconds: whenKnown(clockSkewMs, roundToSeconds),
    fetchBudget: fetchBudget ?? null,
    discovery: whenKnown(discovery, ({ customers, rejected }) => ({ customers, rejected })),
  };
}

function createFilter({ provider, state, code, text }: StatusQuery): (seen: Seen) => boolean {
  const wanted = text.toLowerCase();
  return (seen) => {
    const { identity } = seen.record;
    if (provider !== undefined && identity.provider !== provider) return false;
    if (state !== undefined && seen.state !== state) return false;
    if (code !== undefined && seen.record.failure?.code !== code) return false;
    return (
      wanted === '' ||
      identity.token.toLowerCase().includes(wanted) ||
      identity.secret.toLowerCase().includes(wanted)
    );
  };
}

/** Names decide where nothing else does, so that a page is the same each time. */
const ORDERS: Readonly<Record<StatusQuery['sort'], (a: Seen, b: Seen) => number>> = {
  worst: (a, b) => a.rank - b.rank || byLife(a, b),
  life: byLife,
  name: byName,
};

function see(record: TokenRecord, state: TokenState): Seen {
  const nothing = record.readable.kind === 'unknown' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return {
    record,
    state,
    rank: TOKEN_STATES.indexOf(state),
    life: publishedOf(record.readable)?.expiresAtMs ?? nothing,
  };
}

function byLife(a: Seen, b: Seen): number {
  return a.life === b.life ? byName(a, b) : a.life < b.life ? -1 : 1;
}

function byName({ record: a }: Seen, { record: b }: Seen): number {
  return a.identity.token < b.identity.token ? -1 : a.identity.token > b.identity.token ? 1 : 0;
}

function noCounts(): StateCounts {
  return { expired: 0, absent: 0, failing: 0, unknown: 0, due: 0, fresh: 0 };
}

function sum(counts: StateCounts): number {
  return Object.values(counts).reduce((total, each) => total + each, 0);
}

function roundToSeconds(durationMs: number): number {
  return Math.round(durationMs) / 1000;
}

/** JSON has no `undefined`. */
function whenKnown<Value, Described>(
  value: Value | undefined,
  describe: (value: Value) => Described,
): Described | null {
  return value === undefined ? null : describe(value);
}
