/** From the board to what people and programs read. Costs a pass over all tokens, and sorting those that match. */
import { runbookAnchor } from '../core/alert.ts';
import type { Clock } from '../core/ports.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import { medianCallMs, type ProviderRecord } from './provider-record.ts';
import { STRIP_LENGTH, type StripMark } from './refresh-strip.ts';
import type { StatusBoard } from './status-board.ts';
import type { ProviderStatus, StateCounts, StatusDocument, TokenStatus } from './status-document.ts';
import type { StatusQuery } from './status-query.ts';
import { decideTokenState, TOKEN_STATES, type TokenRecord, type TokenState } from './token-record.ts';

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
  readonly board: StatusBoard;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** Versions that the token's secret (or its chain's, if more) got in 24 hours, as far as is known. */
  readonly versionsOf: (identity: TokenIdentity) => number;
}

const RUNBOOK_FILE = 'docs/runbook.md';
const LONGEST_MESSAGE = 500;
const NOTHING = '.'.repeat(STRIP_LENGTH);
const MARK_LETTERS: Readonly<Record<StripMark, string>> = { none: '.', ok: 'o', retried: 'r', failed: 'f' };

/** A token with what it is sorted by, worked out once. */
interface Seen {
  readonly record: Readonly<TokenRecord>;
  readonly state: TokenState;
  readonly rank: number;
  /** When it expires: no life at all comes first, what is not known last. */
  readonly life: number;
}

export function describeStatus(sources: StatusSources, query: StatusQuery): StatusDocument {
  const { board, clock, name, version, replica } = sources;
  const nowMs = clock.now();
  const counts = noCounts();
  const ofProviders = new Map<string, StateCounts>();
  const matching: Seen[] = [];
  const accepts = createFilter(query);
  for (const record of board.tokens()) {
    const seen = see(record, nowMs);
    const { provider } = record.identity;
    const ofProvider = ofProviders.get(provider) ?? noCounts();
    ofProviders.set(provider, ofProvider);
    ofProvider[seen.state] += 1;
    counts[seen.state] += 1;
    if (accepts(seen)) matching.push(seen);
  }
  const { provider, state, text, sort, size } = query;
  const pages = Math.max(1, Math.ceil(matching.length / size));
  const page = Math.min(query.page, pages);
  const shown = matching.toSorted(ORDERS[sort]).slice((page - 1) * size, page * size);
  const { isLeader, sinceMs, problem } = board.leadership;
  return {
    at: formatUtc(nowMs),
    name,
    version,
    replica,
    leadership: {
      isLeader,
      since: formatUtc(sinceMs),
      leader: board.leader ?? null,
      problem: problem ?? null,
    },
    tokens: sum(counts),
    counts,
    providers: [...board.providers()].map((each) =>
      describeProvider(each, ofProviders.get(each.name) ?? noCounts()),
    ),
    view: {
      provider: provider ?? null,
      state: state ?? null,
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

function describeToken({ record, state }: Seen, sources: StatusSources, nowMs: number): TokenStatus {
  const { identity, failure, strip, expiresAtMs } = record;
  const { token, provider, kind, customer, secret } = identity;
  const marks = strip?.marks(sources.clock.monotonicMs());
  return {
    token,
    provider,
    kind,
    customer: customer ?? null,
    secret,
    state,
    issuedAt: formatTime(record.issuedAtMs),
    dueAt: formatTime(record.refreshAtMs),
    expiresAt: formatTime(expiresAtMs),
    lifeLeftSeconds: expiresAtMs === undefined ? null : Math.floor((expiresAtMs - nowMs) / 1000),
    generation: record.generation ?? null,
    isRefreshing: record.isRefreshing,
    nextAttemptAt: formatTime(record.nextAttemptAtMs),
    failure:
      failure === undefined
        ? null
        : {
            code: failure.code,
            message: failure.message.slice(0, LONGEST_MESSAGE),
            since: formatUtc(failure.sinceMs),
            attempts: failure.attempts,
            runbook: `${sources.runbookUrl ?? RUNBOOK_FILE}#${runbookAnchor(failure.code)}`,
          },
    versions: {
      last24Hours: sources.versionsOf(identity),
      budget: sources.board.provider(provider)?.versionBudget ?? null,
    },
    last24Hours: marks === undefined ? NOTHING : marks.map((mark) => MARK_LETTERS[mark]).join(''),
  };
}

function describeProvider(provider: Readonly<ProviderRecord>, counts: StateCounts): ProviderStatus {
  const { name, kind, schedule, calls, clockSkewMs, fetchBudget, discovery } = provider;
  const latest = calls.at(-1);
  const medianMs = medianCallMs(provider);
  return {
    name,
    kind,
    tokens: sum(counts),
    counts,
    schedule:
      schedule === undefined
        ? null
        : {
            cron: schedule.cron,
            lifetimeSeconds: schedule.lifetimeMs / 1000,
            refreshEverySeconds: schedule.refreshEveryMs / 1000,
            tickSeconds: schedule.tickMs / 1000,
          },
    calls:
      latest === undefined || medianMs === undefined
        ? null
        : {
            recent: calls.length,
            failed: calls.filter(({ hasFailed }) => hasFailed).length,
            medianSeconds: Math.round(medianMs) / 1000,
            latestSeconds: Math.round(latest.durationMs) / 1000,
          },
    clockSkewSeconds: clockSkewMs === undefined ? null : Math.round(clockSkewMs) / 1000,
    fetchBudget: fetchBudget ?? null,
    discovery:
      discovery === undefined ? null : { customers: discovery.customers, rejected: discovery.rejected },
  };
}

function createFilter({ provider, state, text }: StatusQuery): (seen: Seen) => boolean {
  const wanted = text.toLowerCase();
  return (seen) => {
    const { identity } = seen.record;
    if (provider !== undefined && identity.provider !== provider) return false;
    if (state !== undefined && seen.state !== state) return false;
    return (
      wanted === '' ||
      identity.token.toLowerCase().includes(wanted) ||
      identity.secret.toLowerCase().includes(wanted)
    );
  };
}

const RANKS: Readonly<Record<TokenState, number>> = rankStates();

/** Names decide where nothing else does, so that a page is the same each time. */
const ORDERS: Readonly<Record<StatusQuery['sort'], (a: Seen, b: Seen) => number>> = {
  worst: (a, b) => a.rank - b.rank || byLife(a, b),
  life: byLife,
  name: byName,
};

function see(record: Readonly<TokenRecord>, nowMs: number): Seen {
  const state = decideTokenState(record, nowMs);
  const nothing = state === 'unknown' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return { record, state, rank: RANKS[state], life: record.expiresAtMs ?? nothing };
}

function rankStates(): Record<TokenState, number> {
  const ranks = noCounts();
  for (const [rank, state] of TOKEN_STATES.entries()) ranks[state] = rank;
  return ranks;
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

function formatTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : formatUtc(timeMs);
}
