/**
 * Why tokens are in trouble: one cause for each provider and failure code, the worst first. Costs a pass over all tokens.
 *
 * Only a leader sees how refreshes go: on a stand-by there is no cause, whatever it has read from the store.
 */
import { runbookLink } from '../core/alert.ts';
import { type Board, decideTokenState, publishedOf, type TokenRecord } from '../core/board.ts';
import type { FailureCode } from '../core/failure.ts';
import { assessReaders, type ReadersOutlook } from '../core/readers-outlook.ts';
import { REMEDIES } from '../core/remedies.ts';
import { formatUtc } from '../core/wire/time-text.ts';
import { type CauseStatus, MAX_WORST, type ReadersStatus } from './status-document.ts';

export interface Trouble {
  readonly readers: ReadersOutlook;
  /** Tokens that are not published yet although nothing fails. */
  readonly filling: number;
  readonly causes: readonly CauseStatus[];
}

const MAX_MESSAGE_LENGTH = 500;

export function findTrouble(board: Board, runbookUrl: string | undefined, nowMs: number): Trouble {
  const byCause = new Map<string, TokenRecord[]>();
  const troubled: TokenRecord[] = [];
  let filling = 0;
  for (const record of board.leadership.isLeader ? board.tokens() : []) {
    const { failure, readable, identity } = record;
    const isExpired = readable.kind === 'published' && readable.expiresAtMs <= nowMs;
    if (failure === undefined && !isExpired) {
      if (readable.kind !== 'published') filling += 1;
      continue;
    }
    troubled.push(record);
    const key = `${identity.provider} ${failure?.code ?? ''}`;
    const members = byCause.get(key);
    if (members === undefined) byCause.set(key, [record]);
    else members.push(record);
  }
  const causes = [...byCause.values()].map((members) => describeCause(members, runbookUrl, nowMs));
  return { readers: assessReaders(troubled, nowMs), filling, causes: causes.toSorted(byUrgency) };
}

export function describeReaders(outlook: ReadersOutlook): ReadersStatus {
  const { tokens, absent, unread, expired, firstExpiryMs } = outlook;
  return {
    tokens,
    absent,
    unread,
    expired: expired?.count ?? 0,
    expiredSince: expired === undefined ? null : formatUtc(expired.sinceMs),
    firstExpiry: firstExpiryMs === undefined ? null : formatUtc(firstExpiryMs),
  };
}

/** @param members never empty, all of one provider and code */
function describeCause(
  members: readonly TokenRecord[],
  runbookUrl: string | undefined,
  nowMs: number,
): CauseStatus {
  const worst = findWorst(members);
  const [first] = worst;
  const failures = members.flatMap(({ failure }) => failure ?? []);
  const code = first?.failure?.code;
  const earliest = (times: readonly number[]): string | null =>
    times.length === 0 ? null : formatUtc(times.reduce((least, each) => Math.min(least, each)));
  return {
    provider: first?.identity.provider ?? '',
    code: code ?? null,
    tokens: members.length,
    since: earliest(failures.map(({ sinceMs }) => sinceMs)),
    needsPerson: failures.some(({ retry }) => retry === 'needs-human'),
    nextAttemptAt: earliest(failures.map(({ nextAttemptAtMs }) => nextAttemptAtMs)),
    message: first?.failure?.message.slice(0, MAX_MESSAGE_LENGTH) ?? null,
    action: describeAction(code),
    runbook: runbookLink(runbookUrl, code ?? 'TokenExpired'),
    readers: describeReaders(assessReaders(members, nowMs)),
    worst: worst.map((record) => {
      const { identity, readable } = record;
      const expiresAtMs = publishedOf(readable)?.expiresAtMs;
      return {
        token: identity.token,
        state: decideTokenState(record, nowMs),
        expiresAt: expiresAtMs === undefined ? null : formatUtc(expiresAtMs),
      };
    }),
  };
}

function describeAction(code: FailureCode | undefined): string {
  return code === undefined
    ? "wait a minute: its refresh is due; if nothing comes of it, read the leader's log and delete its pod"
    : REMEDIES[code];
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

function lifeOf({ readable }: TokenRecord): number {
  if (readable.kind === 'absent') return Number.NEGATIVE_INFINITY;
  return readable.kind === 'unknown' ? Number.POSITIVE_INFINITY : readable.expiresAtMs;
}

/** Readers without a token first, then what a person has to do, then whose readers lose theirs first. */
function byUrgency(a: CauseStatus, b: CauseStatus): number {
  return (
    Number(isWithout(b)) - Number(isWithout(a)) ||
    Number(b.needsPerson) - Number(a.needsPerson) ||
    compare(a.readers.firstExpiry ?? '', b.readers.firstExpiry ?? '') ||
    compare(a.provider, b.provider)
  );
}

/** Some readers have no usable token. */
export function isWithout({ readers }: Pick<CauseStatus, 'readers'>): boolean {
  return readers.expired + readers.absent > 0;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
