/**
 * Everything that happens, as one typed stream. Log, metrics and pages subscribe to it; nothing in it is secret.
 * All times are wall time in milliseconds, all durations are milliseconds.
 */
import type { AlertNotification } from './alert.ts';
import type { Failure } from './failure.ts';
import type { FetchLimit } from './limits/fetch-limit.ts';
import type { Cap, RejectionOutcome } from './rejection/decide-rejection.ts';
import type { TokenIdentity } from './token/token.ts';

/** Why a refresh was started. */
export type RefreshReason = 'due' | 'start' | 'schedule' | 'explicit' | 'rejected';

/** A token's secret with its document, or the secret with its chain's newest refresh token. */
export type SecretTarget = 'document' | 'state';

/** When a published token was issued, when it ends and when its refresh is due. */
interface PublishedLife {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number;
  readonly generation: number;
}

/** Versions of one secret in the last 24 hours, and how many there may be. */
interface VersionCount {
  readonly target: SecretTarget;
  readonly versions: number;
  readonly versionBudget: number;
}

/** How a provider's ticks follow from the lifetime of its tokens. */
export interface DerivedSchedule {
  readonly cron: string;
  readonly lifetimeMs: number;
  readonly refreshEveryMs: number;
  readonly tickMs: number;
}

/** Calls of a provider in the window of its `fetchBudget`. */
interface FetchCount {
  readonly calls: number;
  readonly limit: FetchLimit;
  /** Milliseconds until a call is allowed; 0 when one is. */
  readonly roomInMs: number;
}

/** A series of failures that has ended with a success. */
interface FailureSeries {
  readonly failures: number;
  readonly failedForMs: number;
}

/** What is not up to date in a mirror. */
export interface MirrorBacklog {
  /** Tokens whose copies there may be out of date. */
  readonly behind: number;
  /** Wall time since which the oldest of these is. */
  readonly behindSinceMs: number;
  /** Wall time at which the first of their copies expires; `undefined`: none has been read. */
  readonly copiesUntilMs: number | undefined;
}

type NoFields = unknown;

/** What concerns one token; each has its `identity`. */
interface TokenEvents {
  /** The store's document was read at start (or after a conflict) and is still good. */
  'token-restored': PublishedLife;
  /** There is nothing usable in the store, for the stated reason: `no value yet`, `expired 12 s ago`, … */
  'token-absent': {
    readonly why: string;
    /** What readers had, where it has expired. */
    readonly expired?: PublishedLife;
  };
  /** A binding was found: its customer's token is managed from now on. */
  'token-added': { readonly bindingSecret: string };
  /** A discovered customer is gone, for the stated reason: its token is not refreshed any more, its secret stays. */
  'token-removed': { readonly why: string };

  /** A refresh has begun. */
  'refresh-started': { readonly reason: RefreshReason };
  /** One call to the provider has ended, well or not. */
  'token-fetched': {
    readonly durationMs: number;
    readonly clockSkewMs: number | undefined;
    readonly failure: Failure | undefined;
    readonly notes: readonly string[];
  };
  /** One write to the store has ended, well or not. */
  'secret-written': {
    readonly target: SecretTarget;
    readonly durationMs: number;
    readonly failure: Failure | undefined;
  };
  /** A newer token is readable. */
  'token-refreshed': PublishedLife & { readonly reason: RefreshReason; readonly durationMs: number };
  /** The provider handed out the token that is already published, or one that does not live longer. Not a failure. */
  'token-unchanged': { readonly expiresAtMs: number; readonly refreshAtMs: number };
  /** More versions were written than the plan knew of: the refresh that was due now is due later. */
  'refresh-postponed': { readonly refreshAtMs: number };
  /** An attempt failed and will be repeated, or has to wait because those of other tokens failed. */
  'refresh-failed': {
    readonly failure: Failure;
    /** Failed attempts of this refresh so far, this one included. */
    readonly attempt: number;
    /** True when the previous attempt failed with the same code. */
    readonly repeated: boolean;
    readonly nextAttemptAtMs: number;
    /** Expiry of the token that readers still see, when there is one. */
    readonly expiresAtMs: number | undefined;
  };
  /** The first success after at least one `refresh-failed`. */
  'refresh-recovered': FailureSeries;
  /** The refresh ended without a result because the program stops or leadership went away. */
  'refresh-abandoned': { readonly failure: Failure };
  /** A reader has reported that a token was refused which it had from the store. */
  'token-rejected': {
    readonly outcome: RejectionOutcome;
    /** Which fetches for reports are used up, when the outcome is `capped`. */
    readonly cap: Cap | undefined;
    /** What the API had answered to the reader. */
    readonly status: number;
    /** The service account that reported it, or `bearer`. */
    readonly caller: string;
    readonly retryAfterMs: number | undefined;
  };
  /** The journal held a refresh token that the store does not have: it is saved before anything is fetched. */
  'chain-recovered': { readonly obtainedAtMs: number };

  /** The store was asked which versions a secret got in the last 24 hours, whoever wrote them. */
  'secret-versions-counted': {
    readonly target: SecretTarget;
    readonly versionBudget: number;
    /** One for each version; when the store did not say, of those that this process has written. */
    readonly agesMs: readonly number[];
    readonly failure: Failure | undefined;
  };
  /** Of the versions that the budget allows in 24 hours, 85 % are used. */
  'version-budget-low': VersionCount;
  /**
   * A write needed more versions than were left, or the store refused it; an expired token would be worse, so writes go
   * on. With `heldForMs` they do not: tokens live too short for the budget, and the next one is written after that time.
   */
  'version-budget-exhausted': VersionCount & { readonly heldForMs?: number };
  /** There is room in the budget again. */
  'version-budget-recovered': VersionCount;
}

/** What concerns one provider; each has its name as `provider`. */
interface ProviderEvents {
  /** Of the calls that its `fetchBudget` allows, 85 % are used. */
  'fetch-budget-low': FetchCount;
  /** A call was wanted and not allowed; tokens that are due wait, the earliest expiry first. */
  'fetch-budget-exhausted': FetchCount;
  /** There is room in the budget again. */
  'fetch-budget-recovered': FetchCount;
  /**
   * It has failed for all of its tokens for some seconds: one at a time asks it until it is back, the others (`waiting`)
   * wait. Each token that waits has said so with `refresh-failed`, once.
   */
  'provider-outage-began': { readonly failure: Failure; readonly waiting: number };
  /** It answers again; the tokens that waited go on now. */
  'provider-outage-ended': { readonly failedForMs: number; readonly waiting: number };
  /** Its cron expression was derived: at start, or because its tokens' lifetime changed. */
  'schedule-derived': DerivedSchedule & {
    /** The lifetime that the former schedule was made for; `undefined` at start. */
    readonly formerLifetimeMs: number | undefined;
  };
  /** The scheduler woke up too late for a tick, and ran it at once. */
  'tick-missed': NoFields;
  /** A binding cannot be used, for another reason than before; the others can. Quotes nothing that it holds. */
  'binding-rejected': { readonly bindingSecret: string; readonly reason: string };
  /** Its bindings were listed with success. */
  'bindings-counted': { readonly customers: number; readonly rejected: number };
  /** They could not be listed, for another reason than before. No customer is removed because of that. */
  'discovery-failed': { readonly failure: Failure };
  /** The first list that succeeded after at least one that failed. */
  'discovery-recovered': { readonly failedForMs: number };
}

/** What concerns this process and the other replicas. */
interface ProcessEvents {
  /** The journal does not work, for another reason than before; refreshing goes on without its protection. */
  'journal-failed': { readonly problem: string };
  /** Who reports refused tokens cannot be found out, for another reason than before: reports are answered with 503. */
  'callers-unknown': { readonly problem: string };
  /** Secrets are read one by one from now on, because the store allows nothing else; reported once a process. */
  'batch-read-denied': { readonly problem: string };
  /** Wall time moved against monotonic time by `byMs` (negative: backwards). */
  'clock-jumped': { readonly byMs: number };
  /** This replica is the leader from now on. */
  'leadership-acquired': NoFields;
  /** This replica is no longer the leader. */
  'leadership-lost': NoFields;
  /** The replicas' means of agreement does not work, for another reason than before. A leader stops when it goes on. */
  'coordination-failed': {
    readonly problem: string;
    readonly isLeader: boolean;
    /** Who leads all the same; left out when nobody does as far as can be seen. */
    readonly leader?: string;
  };
  /** It works again. */
  'coordination-recovered': { readonly failedForMs: number };
  /** Another replica is seen to lead: another one than was reported before, or again after none did. */
  'standing-by': {
    /** As the means of agreement calls it. */
    readonly leader: string;
    /** The command that brings its status page; left out when it is not known. */
    readonly reach?: string;
    /** Whether it manages the same tokens as this one; left out when it does not say. */
    readonly isOurs?: boolean;
    /** `10.0.0.7:8081`, where it takes reports of refused tokens; left out when it does not say. */
    readonly rejectionsAt?: string;
  };
  /** For longer than a take-over lasts no replica has been seen to lead, for another reason than was reported before. */
  'nobody-leads': { readonly problem: string; readonly sinceMs: number };
  /** A mirror has the newest token. */
  'mirror-written': MirrorBacklog & {
    readonly place: string;
    readonly token: string;
    readonly generation: number;
    readonly durationMs: number;
  };
  /** A mirror could not be read or written, for one of its tokens or for all; it is tried again. Nobody waits for it. */
  'mirror-failed': MirrorBacklog & {
    readonly place: string;
    /** The one that met it. */
    readonly token: string;
    readonly failure: Failure;
    /** True when the same code was reported since the mirror was last up to date. */
    readonly repeated: boolean;
    readonly nextAttemptAtMs: number;
  };
  /** The first time after a `mirror-failed` that a mirror has the newest of all tokens that were behind then. */
  'mirror-caught-up': { readonly place: string; readonly failedForMs: number };
  /** One attempt to send a notification to a receiver of alerts has ended, well or not. */
  'alert-sent': {
    /** As configured; `heartbeat` for the dead man's switch. */
    readonly sink: string;
    readonly alert: AlertNotification['alert'] | 'Heartbeat';
    readonly failure: Failure | undefined;
    /** True when the attempt before failed with the same code. */
    readonly repeated: boolean;
  };
  /** The first notification that a receiver accepted after at least one that it did not. */
  'alert-sink-recovered': FailureSeries & { readonly sink: string };
}

type Named<Events, Subject> = {
  readonly [Name in keyof Events]: { readonly event: Name } & Subject & Events[Name];
};

/** Each event by its name. */
export type EventByName = Named<TokenEvents, { readonly identity: TokenIdentity }> &
  Named<ProviderEvents, { readonly provider: string }> &
  Named<ProcessEvents, unknown>;

export type RefreshEventName = keyof EventByName;
export type RefreshEvent = EventByName[RefreshEventName];
