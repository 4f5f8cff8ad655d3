/**
 * How everything is, as the one board keeps it from the stream of events. Metrics, status page, alerts and the live table
 * show it and keep no state of a token beside it, so that they cannot contradict each other.
 *
 * Guarantee: nothing in it is secret. Wall times in milliseconds since the Unix epoch, unless a name says otherwise.
 * Non-guarantee: a stand-by knows what it has read from the store last; only the leader sees how refreshes go.
 */
import type { DerivedSchedule, MirrorBacklog, SecretTarget } from './events.ts';
import type { FailureCode, Retry } from './failure.ts';
import { VERSION_DAY_MS } from './limits/version-pace.ts';
import type { Cap, RejectionOutcome } from './rejection/decide-rejection.ts';
import type { RefreshStrip } from './token/refresh-strip.ts';
import type { TokenIdentity } from './token/token.ts';

/** What readers see. */
export type ReadableToken =
  /** The store has not been read yet. */
  | { readonly kind: 'unknown' }
  /** The store holds no token that could be used. */
  | { readonly kind: 'absent' }
  | Published;

export interface Published {
  readonly kind: 'published';
  /** `undefined`: the event that told of the token did not say. */
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number;
  readonly generation: number | undefined;
  /**
   * What happened to it last; `unchanged`: the provider had no newer one, or the refresh was put off; `expired`: it had
   * expired when the store was read.
   */
  readonly latest: 'restored' | 'refreshed' | 'unchanged' | 'expired';
}

/** Refreshes fail: the latest attempt, and since when. */
export interface FailureRecord {
  readonly code: FailureCode;
  readonly retry: Retry;
  /** Holds no secret. */
  readonly message: string;
  /** When the first attempt in a row failed. */
  readonly sinceMs: number;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
}

/** Readers report that an API refuses the token that is published. */
export interface RefusalRecord {
  /** When the first report of this token came. */
  readonly sinceMs: number;
  readonly reports: number;
  /** When the latest report came. */
  readonly reportedAtMs: number;
  /** What the API had answered, by that report. */
  readonly status: number;
  /** What that report has led to. */
  readonly outcome: RejectionOutcome;
  /** Why reports lead to no fetch any more; undefined: they do. */
  readonly cap: Cap | undefined;
  /** When a report may lead to a fetch again. */
  readonly retryAtMs: number | undefined;
}

/** Versions that a secret got. */
export interface SecretVersions {
  /** When, as monotonic times in ascending order; those of the last 24 hours count. */
  readonly timesMs: readonly number[];
  /** Undefined unless few are left of the budget, or none. */
  readonly shortage: { readonly versions: number; readonly versionBudget: number } | undefined;
}

/** One token. Replaced by each event that changes it, never mutated. */
export interface TokenRecord {
  readonly identity: TokenIdentity;
  readonly readable: ReadableToken;
  readonly isRefreshing: boolean;
  /** Undefined once a refresh has succeeded. */
  readonly failure: FailureRecord | undefined;
  /** Undefined: no reader has reported that an API refuses what is published. */
  readonly refusal: RefusalRecord | undefined;
  /** When what readers saw last was issued, or published by this process. */
  readonly lastSuccessAtMs: number | undefined;
  /** Undefined until one is written or counted. Only kinds with a chain have a state secret. */
  readonly secrets: Readonly<Record<SecretTarget, SecretVersions | undefined>>;
  /** Undefined until a refresh has ended. */
  readonly strip: RefreshStrip | undefined;
}

export type BudgetState = 'ok' | 'low' | 'exhausted';

/** One provider; durations in milliseconds. Replaced, never mutated. */
export interface ProviderRecord {
  readonly name: string;
  readonly kind: string;
  /** Undefined until this replica has led: a stand-by has no schedule. */
  readonly schedule: DerivedSchedule | undefined;
  /** The latest few, the oldest of them first. */
  readonly calls: readonly { readonly durationMs: number; readonly hasFailed: boolean }[];
  /** Provider's clock minus ours. */
  readonly clockSkewMs: number | undefined;
  /** Undefined until its calls have come near their limit for the first time. */
  readonly fetchBudget: BudgetState | undefined;
  /** Undefined without one, and until the store has been asked. */
  readonly versionBudget: number | undefined;
  /** Undefined unless customers are discovered. */
  readonly discovery:
    | { readonly customers: number; readonly rejected: number; readonly countedAtMs: number }
    | undefined;
}

/** A place that is written after the authority, once it has failed. Replaced, never mutated. */
export interface MirrorRecord extends Pick<MirrorBacklog, 'behind' | 'copiesUntilMs'> {
  readonly place: string;
  /** Undefined: it has the newest of all its tokens. */
  readonly failure: FailureRecord | undefined;
  /** Since when the oldest of the copies there that are behind is; undefined: none is. */
  readonly behindSinceMs: number | undefined;
}

export interface LeadershipRecord {
  readonly isLeader: boolean;
  /** When that changed last; the start of the program at first. */
  readonly sinceMs: number;
  /** Which other replica was seen to lead last. */
  readonly other:
    | {
        readonly name: string;
        /** The command that brings its status page; undefined: it is not known. */
        readonly reach: string | undefined;
        /** `10.0.0.7:8081`, where it takes reports of refused tokens; undefined: it is not known. */
        readonly rejectionsAt: string | undefined;
        /** Whether it refreshes the tokens of this one; false when it does not say. */
        readonly isOurs: boolean;
        /** Since when some replica that is not ours leads. */
        readonly sinceMonotonicMs: number;
      }
    | undefined;
  /** `failed`: the replicas cannot agree. `vacant`: they could, and nobody leads. */
  readonly trouble:
    | {
        readonly kind: 'failed' | 'vacant';
        readonly problem: string;
        /** Since when this replica cannot see who leads; `undefined`: it can. */
        readonly blindSinceMonotonicMs: number | undefined;
      }
    | undefined;
}

export interface Board {
  /** Those of which something was heard in this term. */
  mirrors(): Iterable<MirrorRecord>;
  /** Another number whenever something may have changed. */
  readonly revision: number;
  readonly leadership: LeadershipRecord;
  /** In the order in which they were first heard of. */
  tokens(): Iterable<TokenRecord>;
  /** Undefined: it is not managed, or not any more. */
  token(name: string): TokenRecord | undefined;
  /** In the order in which they were first heard of. */
  providers(): Iterable<ProviderRecord>;
  provider(name: string): ProviderRecord | undefined;
}

/**
 * The worst first, which is how people want to see them. `expired` and `absent`: readers have no token. `failing`: they
 * have one or it is not known yet, and refreshing it fails. `due`: its refresh is. `unknown`: the store has not been read.
 */
export const TOKEN_STATES = ['expired', 'absent', 'failing', 'unknown', 'due', 'fresh'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

export function decideTokenState({ readable, failure }: TokenRecord, nowMs: number): TokenState {
  const life = decideLife(readable, nowMs);
  return failure === undefined || life === 'expired' || life === 'absent' ? life : 'failing';
}

/** Two lease durations: a leader that is cut off has stopped by then, and another would have taken over. */
export const NO_LEADER_AFTER_MS = 30_000;

/**
 * Whether another replica looks after the tokens of this one, or is about to: what this one has read of a token may be
 * out of date. It is not when this one leads, when for long nobody has been seen to, and when who leads has other tokens.
 */
export function isStandby(leadership: LeadershipRecord, monotonicMs: number): boolean {
  const { isLeader, other } = leadership;
  return !isLeader && other?.isOurs !== false && !hasLostSight(leadership, monotonicMs);
}

/** Whether it could neither lead nor see who does, for longer than a take-over lasts. */
export function hasLostSight({ trouble }: LeadershipRecord, monotonicMs: number): boolean {
  const blindSinceMs = trouble?.blindSinceMonotonicMs;
  return blindSinceMs !== undefined && monotonicMs - blindSinceMs >= NO_LEADER_AFTER_MS;
}

/** What a stand-by can say: that a token is good, or nothing. */
export function decideStandbyState({ readable }: TokenRecord, nowMs: number): 'fresh' | 'unknown' {
  const life = decideLife(readable, nowMs);
  return life === 'fresh' || life === 'due' ? 'fresh' : 'unknown';
}

/** The state but for failures. */
export function decideLife(readable: ReadableToken, nowMs: number): Exclude<TokenState, 'failing'> {
  if (readable.kind !== 'published') return readable.kind;
  if (readable.expiresAtMs <= nowMs) return 'expired';
  return readable.refreshAtMs <= nowMs ? 'due' : 'fresh';
}

/** When it is tried again, or when the next refresh is due; `undefined`: the next tick decides. */
export function nextAttemptAtMs({ readable, failure }: TokenRecord): number | undefined {
  return failure?.nextAttemptAtMs ?? publishedOf(readable)?.refreshAtMs;
}

export function publishedOf(readable: ReadableToken): Published | undefined {
  return readable.kind === 'published' ? readable : undefined;
}

/** Versions in the last 24 hours of the token's secret, or of its chain's if that got more, as far as is known. */
export function countVersions({ secrets }: TokenRecord, monotonicMs: number): number {
  const count = (secret: SecretVersions | undefined): number =>
    secret === undefined ? 0 : recentTimes(secret.timesMs, monotonicMs).length;
  return Math.max(count(secrets.document), count(secrets.state));
}

/** Those of the last 24 hours; both ascending. */
export function recentTimes(timesMs: readonly number[], monotonicMs: number): readonly number[] {
  const first = timesMs.findIndex((timeMs) => monotonicMs - timeMs < VERSION_DAY_MS);
  return first === 0 ? timesMs : first === -1 ? [] : timesMs.slice(first);
}
