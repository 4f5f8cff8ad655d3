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
import { describeOutcome } from '../core/rejection/rejection-text.ts';
import { STRIP_LENGTH, type StripMark } from '../core/token/refresh-strip.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import { describeReaders, findTrouble, lifeOf } from './find-causes.ts';
import {
  type ProviderStatus,
  type StateCounts,
  type StatusDocument,
  type TokenStatus,
  whenKnown,
} from './status-document.ts';
import type { StatusQuery } from './status-query.ts';

export interface StatusSources {
  /** Name of the installation. */
  readonly name: string;
  readonly version: string;
  /** Which replica this is. */
  readonly replica: string;
  /** Without a fragment; `undefined`: the file in the project is named. */
  readonly runbookUrl: string | undefined;
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
  /** As {@link lifeOf} has it. */
  readonly life: number;
}

export function describeStatus(sources: StatusSources, query: StatusQuery): StatusDocument {
  const { board, clock, name, version, replica } = sources;
  const nowMs = clock.now();
  const decideState = isStandby(board.leadership, clock.monotonicMs())
    ? decideStandbyState
    : decideTokenState;
  const all = Array.from(board.tokens(), (record) => see(record, decideState(record, nowMs)));
  const ofProviders = Map.groupBy(all, ({ record }) => record.identity.provider);
  const matching = all.filter(createFilter(query));
  const { readers, filling, causes } = findTrouble(board, { runbookUrl: sources.runbookUrl, nowMs });
  const pages = Math.max(1, Math.ceil(matching.length / query.size));
  const page = Math.min(query.page, pages);
  const shown = matching.toSorted(ORDERS[query.sort]).slice((page - 1) * query.size, page * query.size);
  return {
    at: formatUtc(nowMs),
    name,
    version,
    replica,
    leadership: describeLeadership(board.leadership),
    tokens: all.length,
    counts: countStates(all),
    trouble: { readers, filling },
    causes: [...causes],
    providers: Array.from(board.providers(), (provider) =>
      describeProvider(provider, ofProviders.get(provider.name) ?? [], nowMs),
    ),
    view: {
      ...query,
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
    isOurs: isBlind ? null : (other?.isOurs ?? null),
    reach: isBlind ? null : (other?.reach ?? null),
    problem: trouble?.problem ?? null,
  };
}

function describeToken({ record, state }: Seen, sources: StatusSources, nowMs: number): TokenStatus {
  const { failure, isRefreshing, refusal } = record;
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
    refusal: whenKnown(refusal, ({ sinceMs, reports, status, outcome, cap }) => ({
      since: formatUtc(sinceMs),
      reports,
      status,
      message: describeOutcome(outcome, cap),
      isStopped: cap !== undefined,
      runbook: runbookLink(sources.runbookUrl, 'TokenRejected'),
    })),
    versions: {
      last24Hours: countVersions(record, monotonicMs),
      budget: sources.board.provider(provider)?.versionBudget ?? null,
    },
    last24Hours: marks === undefined ? NOTHING : marks.map((mark) => MARK_LETTERS[mark]).join(''),
  };
}

function describeProvider(provider: ProviderRecord, tokens: readonly Seen[], nowMs: number): ProviderStatus {
  const { name, kind, schedule, calls, clockSkewMs, fetchBudget, discovery } = provider;
  const durationsMs = calls.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  return {
    name,
    kind,
    tokens: tokens.length,
    counts: countStates(tokens),
    readers: describeReaders(
      tokens.map(({ record }) => record),
      nowMs,
    ),
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
    if (provider !== null && identity.provider !== provider) return false;
    if (state !== null && seen.state !== state) return false;
    if (code !== null && seen.record.failure?.code !== code) return false;
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
  return {
    record,
    state,
    rank: Math.min(TOKEN_STATES.indexOf(state), rankRefusal(record)),
    life: lifeOf(record),
  };
}

/** Readers are refused although nothing fails: no better than a failing token, and worse when another was of no help. */
function rankRefusal({ refusal }: TokenRecord): number {
  if (refusal === undefined) return Number.POSITIVE_INFINITY;
  return TOKEN_STATES.indexOf('failing') - (refusal.cap === undefined ? 0 : 0.5);
}

function byLife(a: Seen, b: Seen): number {
  return a.life === b.life ? byName(a, b) : a.life < b.life ? -1 : 1;
}

function byName({ record: a }: Seen, { record: b }: Seen): number {
  return a.identity.token < b.identity.token ? -1 : a.identity.token > b.identity.token ? 1 : 0;
}

function countStates(tokens: readonly Seen[]): StateCounts {
  const counts = { expired: 0, absent: 0, failing: 0, unknown: 0, due: 0, fresh: 0 };
  for (const { state } of tokens) counts[state] += 1;
  return counts;
}

function roundToSeconds(durationMs: number): number {
  return Math.round(durationMs) / 1000;
}
