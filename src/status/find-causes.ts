/**
 * What is in trouble, the worst first: one cause for each provider and failure code, for each provider whose tokens an API
 * refuses, and for each mirror that does not get new tokens. Costs a pass over all tokens.
 *
 * Only a leader sees how refreshes go: on a stand-by there is no cause, whatever it has read from the store.
 */
import { ALERTS, runbookLink } from '../core/alert.ts';
import {
  type Board,
  decideLife,
  decideTokenState,
  type MirrorRecord,
  publishedOf,
  type RefusalRecord,
  type TokenRecord,
} from '../core/board.ts';
import { needsPerson } from '../core/failure.ts';
import { assessReaders } from '../core/readers-outlook.ts';
import { describeOutcome } from '../core/rejection/rejection-text.ts';
import { REMEDIES } from '../core/remedies.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import {
  type CauseStatus,
  MAX_WORST,
  type ReadersStatus,
  type TokenCause,
  whenKnown,
} from './status-document.ts';

export interface Trouble {
  readonly readers: ReadersStatus;
  /** Tokens that are not published yet although nothing fails. */
  readonly filling: number;
  readonly causes: readonly CauseStatus[];
}

const MAX_MESSAGE_LENGTH = 500;

/** A token that readers have and an API refuses. */
type RefusedToken = TokenRecord & { readonly refusal: RefusalRecord };

/** What the words about a cause depend on beside the board. */
interface Context {
  /** Without a fragment; undefined: the daemon's own pages. */
  readonly runbookUrl: string | undefined;
  readonly nowMs: number;
}

export function findTrouble(board: Board, context: Context): Trouble {
  const { nowMs } = context;
  const { isLeader } = board.leadership;
  const tokens = isLeader ? [...board.tokens()] : [];
  const mirrors = isLeader ? [...board.mirrors()] : [];
  const isExpired = ({ readable }: TokenRecord): boolean => decideLife(readable, nowMs) === 'expired';
  const troubled = tokens.filter((record) => record.failure !== undefined || isExpired(record));
  const refused = tokens.filter(
    (record): record is RefusedToken => record.refusal !== undefined && !isExpired(record),
  );
  const filling = tokens.filter(
    ({ failure, readable }) => failure === undefined && readable.kind !== 'published',
  );
  const byCause = Map.groupBy(troubled, ({ identity, failure }) => `${identity.provider} ${failure?.code}`);
  const byProvider = Map.groupBy(refused, ({ identity }) => identity.provider);
  const causes: CauseStatus[] = [
    ...byCause.values().map((members) => describeFailing(members, context)),
    ...byProvider.values().map((members) => describeRefused(members, context)),
    ...mirrors.flatMap((mirror) => describeMirror(mirror, context) ?? []),
  ];
  return {
    readers: describeReaders(troubled, nowMs),
    filling: filling.length,
    causes: causes.toSorted(byUrgency),
  };
}

export function describeReaders(records: readonly TokenRecord[], nowMs: number): ReadersStatus {
  const { tokens, absent, unread, expired, firstExpiryMs } = assessReaders(records, nowMs);
  return {
    tokens,
    absent,
    unread,
    expired: expired?.count ?? 0,
    expiredSince: whenKnown(expired?.sinceMs, formatUtc),
    firstExpiry: whenKnown(firstExpiryMs, formatUtc),
  };
}

/** @param members never empty, all of one provider and code */
function describeFailing(members: readonly TokenRecord[], { runbookUrl, nowMs }: Context): CauseStatus {
  const worst = findWorst(members);
  const [first] = worst;
  const failures = members.flatMap(({ failure }) => failure ?? []);
  const code = first?.failure?.code;
  return {
    kind: 'refresh',
    code: code ?? null,
    since: earliest(failures.map(({ sinceMs }) => sinceMs)),
    needsPerson: failures.some(needsPerson),
    nextAttemptAt: earliest(failures.map(({ nextAttemptAtMs }) => nextAttemptAtMs)),
    message: first?.failure?.message.slice(0, MAX_MESSAGE_LENGTH) ?? null,
    action:
      code === undefined
        ? "wait a minute: its refresh is due; if nothing comes of it, read the leader's log and delete its pod"
        : REMEDIES[code],
    runbook: runbookLink(runbookUrl, code ?? 'TokenExpired'),
    ...describeMembers(members, worst, nowMs),
  };
}

/** @param members never empty, all of one provider */
function describeRefused(members: readonly RefusedToken[], { runbookUrl, nowMs }: Context): CauseStatus {
  // What another token was of no help for is what a person has to look at.
  const stopped = members.filter(({ refusal }) => refusal.cap !== undefined);
  const isStopped = stopped.length > 0;
  const counted = isStopped ? stopped : members;
  const { refusal: latest } = counted.reduce((one, other) =>
    other.refusal.reportedAtMs >= one.refusal.reportedAtMs ? other : one,
  );
  const retriesMs = counted.flatMap(({ readable, refusal }) =>
    isStopped ? (publishedOf(readable)?.refreshAtMs ?? []) : (refusal.retryAtMs ?? []),
  );
  return {
    kind: 'refused',
    reports: members.reduce((sum, { refusal }) => sum + refusal.reports, 0),
    status: latest.status,
    since: earliest(counted.map(({ refusal }) => refusal.sinceMs)),
    needsPerson: isStopped,
    nextAttemptAt: earliest(retriesMs),
    message: describeOutcome(latest.outcome, latest.cap),
    action: isStopped
      ? ALERTS.TokenRejected.action
      : 'nothing yet: a new token is fetched for these reports, or for the first of those that follow',
    runbook: runbookLink(runbookUrl, 'TokenRejected'),
    ...describeMembers(members, findWorst(counted), nowMs),
  };
}

function describeMirror(
  { place, failure, behind, behindSinceMs, copiesUntilMs }: MirrorRecord,
  { runbookUrl, nowMs }: Context,
): CauseStatus | undefined {
  if (failure === undefined) return undefined;
  const { code, message, sinceMs, nextAttemptAtMs } = failure;
  return {
    kind: 'mirror',
    place,
    code,
    tokens: behind,
    since: formatUtc(sinceMs),
    behindSince: whenKnown(behindSinceMs, formatUtc),
    copiesUntil: whenKnown(copiesUntilMs, formatUtc),
    hasExpired: copiesUntilMs !== undefined && copiesUntilMs <= nowMs,
    needsPerson: needsPerson(failure),
    nextAttemptAt: formatUtc(nextAttemptAtMs),
    message: message.slice(0, MAX_MESSAGE_LENGTH),
    action: ALERTS.MirrorFailing.action,
    runbook: runbookLink(runbookUrl, 'MirrorFailing'),
  };
}

function describeMembers(
  members: readonly TokenRecord[],
  worst: readonly TokenRecord[],
  nowMs: number,
): Pick<TokenCause, 'provider' | 'tokens' | 'readers' | 'worst'> {
  return {
    provider: members[0]?.identity.provider ?? '',
    tokens: members.length,
    readers: describeReaders(members, nowMs),
    worst: worst.map((record) => ({
      token: record.identity.token,
      state: decideTokenState(record, nowMs),
      expiresAt: whenKnown(publishedOf(record.readable)?.expiresAtMs, formatUtc),
    })),
  };
}

/** Whose readers are worst off: those without a token, then the earliest expiry. */
function findWorst(members: readonly TokenRecord[]): readonly TokenRecord[] {
  const worst: TokenRecord[] = [];
  for (const member of members) {
    const index = worst.findIndex((other) => lifeOf(member) < lifeOf(other));
    if (index !== -1) worst.splice(index, 0, member);
    else if (worst.length < MAX_WORST) worst.push(member);
    if (worst.length > MAX_WORST) worst.pop();
  }
  return worst;
}

/** When it expires: no life at all comes first, what is not known last. */
export function lifeOf({ readable }: TokenRecord): number {
  if (readable.kind === 'absent') return Number.NEGATIVE_INFINITY;
  return readable.kind === 'unknown' ? Number.POSITIVE_INFINITY : readable.expiresAtMs;
}

function earliest(times: readonly number[]): string | null {
  return times.length === 0 ? null : formatUtc(times.reduce((least, each) => Math.min(least, each)));
}

/** Readers without a token first, then what a person has to do, then whose readers lose theirs first. */
function byUrgency(a: CauseStatus, b: CauseStatus): number {
  return (
    Number(isWithout(b)) - Number(isWithout(a)) ||
    Number(b.needsPerson) - Number(a.needsPerson) ||
    compare(lossOf(a) ?? '', lossOf(b) ?? '') ||
    compare(subjectOf(a), subjectOf(b))
  );
}

/** Some readers have no token that works. */
export function isWithout(cause: CauseStatus): boolean {
  switch (cause.kind) {
    case 'refresh':
      return cause.readers.expired + cause.readers.absent > 0;
    case 'refused':
      return cause.needsPerson;
    case 'mirror':
      return cause.hasExpired;
  }
}

/** When the first of its readers that are served still goes without. */
function lossOf(cause: CauseStatus): string | null {
  return cause.kind === 'mirror' ? cause.copiesUntil : cause.readers.firstExpiry;
}

/** The provider, or the place. */
export function subjectOf(cause: CauseStatus): string {
  return cause.kind === 'mirror' ? cause.place : cause.provider;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
