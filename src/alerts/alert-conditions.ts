/**
 * What is wrong right now, as the board and the time have it. Pure.
 *
 * Guarantee: a condition about tokens is only stated by the replica that leads, because only its board is complete; with
 * one exception: while another installation leads, a stand-by states which of its own tokens nobody refreshes. `NoLeader`
 * is only stated by one that does not lead, and {@link hasLostSight} of who does.
 * Non-guarantee: a stand-by that is cut off alone states `NoLeader` although another replica leads well. It cannot know
 * better, and it could not take over either.
 */
import { ALERTS, type AlertName, alertKey } from '../core/alert.ts';
import {
  type Board,
  type FailureRecord,
  hasLostSight,
  type ProviderRecord,
  publishedOf,
  type TokenRecord,
} from '../core/board.ts';
import { type Failure, isStoreFailure } from '../core/failure.ts';
import { CAPS } from '../core/rejection/rejection-text.ts';
import type { Now } from '../core/schedule/moment.ts';
import { describeSkew, isSuspectSkew } from '../core/token/clock-skew.ts';

/** One alert about one provider (or the program), with everything that it holds for. */
export interface Condition {
  readonly alert: AlertName;
  /** The place, of `MirrorFailing`. `undefined`: the program as a whole. */
  readonly provider: string | undefined;
  /** Never empty. */
  readonly members: readonly ConditionMember[];
}

export interface ConditionMember {
  /** Left out: the provider or the program as a whole. */
  readonly token?: string | undefined;
  /** What the alert is about, or comes from; left out: nothing fails. */
  readonly failure?: FailureRecord | undefined;
  readonly detail?: Detail | undefined;
}

/** What is known beyond the alert's own meaning. Holds no secret. */
export interface Detail {
  readonly text: string;
  /** What a person does about it, where that is not what the alert says. */
  readonly action?: string;
}

/** An expired token whose refresh does not fail either: something stands still. */
const STALL_AFTER_EXPIRY_MS = 30_000;

/**
 * What a leader of ours would need at most to get a new token published, while a rollout goes on.
 * An expired one waits longer: a stand-by reads again what it found expired only after five minutes.
 */
const UNCARED_ABSENT_MS = 120_000;
const UNCARED_EXPIRED_MS = 360_000;

/** An alert that holds for one token, or for the provider or the program as a whole. */
interface Finding extends Pick<Condition, 'alert' | 'provider'> {
  readonly member: ConditionMember;
}

/** Everything that is wrong now; in no particular order. */
export function findConditions(board: Board, now: Now): readonly Condition[] {
  const conditions = new Map<string, Condition & { readonly members: ConditionMember[] }>();
  for (const { alert, provider, member } of board.leadership.isLeader
    ? findAsLeader(board, now.now())
    : findAsStandby(board, now)) {
    const key = keyOf({ alert, provider });
    const condition = conditions.get(key) ?? { alert, provider, members: [] };
    condition.members.push(member);
    conditions.set(key, condition);
  }
  return [...conditions.values()];
}

/** The same for all that is told of one alert, however its members change. */
export function keyOf({ provider, alert }: Pick<Condition, 'provider' | 'alert'>): string {
  return alertKey('', provider, alert);
}

/** Whether it can see who leads, and which tokens its leader does not refresh, because it keeps others. */
function* findAsStandby(board: Board, now: Now): Iterable<Finding> {
  const { other, trouble } = board.leadership;
  if (hasLostSight(board.leadership, now.monotonicMs()))
    yield {
      alert: 'NoLeader',
      provider: undefined,
      member: { detail: trouble && { text: trouble.problem } },
    };
  if (other === undefined || other.isOurs) return;
  const ledForMs = now.monotonicMs() - other.sinceMonotonicMs;
  const detail: Detail = {
    text: `${other.name} leads, which does not refresh it: it may be of another installation`,
    action: 'give each installation a coordination.leaseName of its own',
  };
  for (const { identity, readable } of board.tokens()) {
    const { provider, token } = identity;
    const expiresAtMs = publishedOf(readable)?.expiresAtMs;
    const isUncared =
      readable.kind === 'absent'
        ? ledForMs >= UNCARED_ABSENT_MS
        : expiresAtMs !== undefined && Math.min(ledForMs, now.now() - expiresAtMs) >= UNCARED_EXPIRED_MS;
    if (isUncared) yield { alert: 'TokenExpired', provider, member: { token, detail } };
  }
}

function* findAsLeader(board: Board, nowMs: number): Iterable<Finding> {
  for (const record of board.tokens()) {
    const { identity, failure, secrets, refusal } = record;
    const { provider, token } = identity;
    for (const alert of alertsOf(record, board.provider(provider)?.schedule, nowMs))
      yield { alert, provider, member: { token, failure } };
    if (refusal?.cap !== undefined)
      yield { alert: 'TokenRejected', provider, member: { token, detail: { text: CAPS[refusal.cap] } } };
    const shortage = secrets.document?.shortage ?? secrets.state?.shortage;
    if (shortage === undefined) continue;
    const text = `${shortage.versions} of ${shortage.versionBudget} versions`;
    yield { alert: 'VersionBudgetLow', provider, member: { token, detail: { text } } };
  }
  for (const { place, failure } of board.mirrors()) {
    if (failure === undefined) continue;
    // A remedy that says what to do with the secret of a token would lead to the authority.
    const detail = { text: `place ${place}`, action: ALERTS.MirrorFailing.action };
    yield { alert: 'MirrorFailing', provider: place, member: { failure, detail } };
  }
  for (const { name: provider, clockSkewMs } of board.providers())
    if (isSuspectSkew(clockSkewMs))
      yield { alert: 'ClockSkew', provider, member: { detail: { text: describeSkew(clockSkewMs) } } };
}

/**
 * What people hear of one token: the worst alone, which says the cause as well. A cause that is critical itself has been
 * told when readers lose their token, so that this is one more; but where they never had one, it is the same news.
 */
function alertsOf(
  record: TokenRecord,
  schedule: ProviderRecord['schedule'],
  nowMs: number,
): readonly AlertName[] {
  const { failure, readable } = record;
  const urgency = decideUrgency(record, schedule, nowMs);
  if (failure === undefined) return urgency === undefined ? [] : [urgency];
  const cause = causeOf(failure);
  if (urgency === undefined) return [cause];
  if (ALERTS[cause].severity === 'warning') return [urgency];
  return readable.kind === 'absent' ? [cause] : [cause, urgency];
}

/** Which alert says best why a refresh fails: one for each failure. */
export function causeOf({ code, retry }: Pick<Failure, 'code' | 'retry'>): AlertName {
  if (code === 'credentials-rejected') return 'CredentialsRejected';
  // A chain that can start again by itself is not broken for good.
  if (code === 'chain-broken' && retry === 'needs-human') return 'ChainBroken';
  if (code === 'clock-skewed') return 'ClockSkew';
  return isStoreFailure({ code }) ? 'StoreWriteFailing' : 'RefreshFailing';
}

/** What the time that is left makes of it. A token that was never seen may well be fine. */
function decideUrgency(
  { readable, failure }: TokenRecord,
  schedule: ProviderRecord['schedule'],
  nowMs: number,
): 'TokenExpiring' | 'TokenExpired' | undefined {
  if (readable.kind === 'unknown') return undefined;
  if (readable.kind === 'absent') return failure === undefined ? undefined : 'TokenExpired';
  const leftMs = readable.expiresAtMs - nowMs;
  // What a start finds expired waits for its turn, as what it finds absent does.
  const isStalled = leftMs <= -STALL_AFTER_EXPIRY_MS && readable.latest !== 'expired';
  if (failure === undefined) return isStalled ? 'TokenExpired' : undefined;
  if (leftMs <= 0) return 'TokenExpired';
  const plannedMs = readable.expiresAtMs - readable.refreshAtMs;
  const marginMs = schedule === undefined ? undefined : schedule.lifetimeMs - schedule.refreshEveryMs;
  // One that is refreshed early, to spread a provider's tokens, has more time than its margin; one that the provider
  // would not replace is asked for at its very end.
  const fullMs = plannedMs > 0 ? Math.min(plannedMs, marginMs ?? plannedMs) : (marginMs ?? 0);
  return leftMs < fullMs / 2 ? 'TokenExpiring' : undefined;
}
