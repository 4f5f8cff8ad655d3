import type { AlertNotification } from './alert.ts';
import type { Failure } from './failure.ts';
import type { FetchLimit } from './limits/fetch-limit.ts';
import type { TokenIdentity } from './token/token.ts';

/** Why a refresh was started. */
export type RefreshReason = 'due' | 'start' | 'schedule' | 'explicit';

/** A token's secret with its document, or the secret with its chain's newest refresh token. */
export type SecretTarget = 'document' | 'state';

/** Versions of one secret in the last 24 hours, and how many there may be. */
export interface VersionCount {
  readonly identity: TokenIdentity;
  readonly target: SecretTarget;
  readonly versions: number;
  readonly versionBudget: number;
}

/** Calls of a provider in the window of its `fetchBudget`. */
export interface FetchCount {
  readonly provider: string;
  readonly calls: number;
  readonly limit: FetchLimit;
  /** Milliseconds until a call is allowed; 0 when one is. */
  readonly roomInMs: number;
}

/**
 * Everything that happens, as one typed stream. Log, metrics and pages subscribe to it; nothing in it is secret.
 * All times are wall time in milliseconds, all durations are milliseconds.
 */
export type RefreshEvent =
  /** The store's document was read at start (or after a conflict) and is still good. */
  | {
      readonly event: 'token-restored';
      readonly identity: TokenIdentity;
      readonly issuedAtMs: number;
      readonly expiresAtMs: number;
      readonly refreshAtMs: number;
      readonly generation: number;
    }
  /** There is nothing usable in the store, for the stated reason: `no value yet`, `expired 12 s ago`, … */
  | { readonly event: 'token-absent'; readonly identity: TokenIdentity; readonly why: string }
  | { readonly event: 'refresh-started'; readonly identity: TokenIdentity; readonly reason: RefreshReason }
  /** One call to the provider has ended, well or not. */
  | {
      readonly event: 'token-fetched';
      readonly identity: TokenIdentity;
      readonly durationMs: number;
      readonly clockSkewMs: number | undefined;
      readonly failure: Failure | undefined;
      readonly notes: readonly string[];
    }
  /** One write to the store has ended, well or not. */
  | {
      readonly event: 'secret-written';
      readonly identity: TokenIdentity;
      readonly target: SecretTarget;
      readonly durationMs: number;
      readonly failure: Failure | undefined;
    }
  /** The store was asked which versions a secret got in the last 24 hours, whoever wrote them. */
  | {
      readonly event: 'secret-versions-counted';
      readonly identity: TokenIdentity;
      readonly target: SecretTarget;
      readonly versionBudget: number;
      /** One for each version; when the store did not say, of those that this process has written. */
      readonly agesMs: readonly number[];
      readonly failure: Failure | undefined;
    }
  /**
   * Where the versions of the last 24 hours stand against the budget has changed. `low`: 85 % are used. `exhausted`: a
   * write needed more than was left, or the store refused it; an expired token would be worse, so writes go on. With
   * `heldForMs` they do not: tokens live too short for the budget, and the next one is written after that time.
   */
  | ({ readonly event: 'version-budget-low' } & VersionCount)
  | ({ readonly event: 'version-budget-exhausted'; readonly heldForMs?: number } & VersionCount)
  | ({ readonly event: 'version-budget-recovered' } & VersionCount)
  /**
   * Where a provider's calls stand against its `fetchBudget` has changed. `low`: 85 % are used. `exhausted`: a call was
   * wanted and not allowed; tokens that are due wait, the earliest expiry first.
   */
  | ({ readonly event: 'fetch-budget-low' } & FetchCount)
  | ({ readonly event: 'fetch-budget-exhausted' } & FetchCount)
  | ({ readonly event: 'fetch-budget-recovered' } & FetchCount)
  /**
   * A provider has failed for all of its tokens for some seconds: one at a time asks it until it is back, the others wait.
   * Each token that waits has told so with `refresh-failed`, once.
   */
  | {
      readonly event: 'provider-outage-began';
      readonly provider: string;
      readonly failure: Failure;
      /** Tokens that wait. */
      readonly waiting: number;
    }
  | {
      readonly event: 'provider-outage-ended';
      readonly provider: string;
      readonly failedForMs: number;
      /** Tokens that go on now. */
      readonly waiting: number;
    }
  /** More versions were written than the plan knew of: the refresh that was due now is due later. */
  | { readonly event: 'refresh-postponed'; readonly identity: TokenIdentity; readonly refreshAtMs: number }
  /** A newer token is readable. */
  | {
      readonly event: 'token-refreshed';
      readonly identity: TokenIdentity;
      readonly reason: RefreshReason;
      readonly durationMs: number;
      readonly issuedAtMs: number;
      readonly expiresAtMs: number;
      readonly refreshAtMs: number;
      readonly generation: number;
    }
  /** The provider handed out the token that is already published, or one that does not live longer. Not a failure. */
  | {
      readonly event: 'token-unchanged';
      readonly identity: TokenIdentity;
      readonly expiresAtMs: number;
      readonly refreshAtMs: number;
    }
  /** An attempt failed and will be repeated, or has to wait because those of other tokens failed. `repeated` is true when the previous attempt failed with the same code. */
  | {
      readonly event: 'refresh-failed';
      readonly identity: TokenIdentity;
      readonly failure: Failure;
      /** Failed attempts of this refresh so far, this one included. */
      readonly attempt: number;
      readonly repeated: boolean;
      readonly nextAttemptAtMs: number;
      /** Expiry of the token that readers still see, when there is one. */
      readonly expiresAtMs: number | undefined;
    }
  /** The first success after at least one `refresh-failed`. */
  | {
      readonly event: 'refresh-recovered';
      readonly identity: TokenIdentity;
      readonly failures: number;
      readonly failedForMs: number;
    }
  /** The refresh ended without a result because the program stops or leadership went away. */
  | { readonly event: 'refresh-abandoned'; readonly identity: TokenIdentity; readonly failure: Failure }
  /** The journal held a refresh token that the store does not have: it is saved before anything is fetched. */
  | { readonly event: 'chain-recovered'; readonly identity: TokenIdentity; readonly obtainedAtMs: number }
  /** The journal does not work, for another reason than before; refreshing goes on without its protection. */
  | { readonly event: 'journal-failed'; readonly problem: string }
  /** Secrets are read one by one from now on, because the store allows nothing else; told once a process. */
  | { readonly event: 'batch-read-denied'; readonly problem: string }
  /** A binding was found: its customer's token is kept from now on. */
  | { readonly event: 'token-added'; readonly identity: TokenIdentity; readonly bindingSecret: string }
  /** A discovered customer is gone, for the stated reason: its token is not refreshed any more, its secret stays. */
  | { readonly event: 'token-removed'; readonly identity: TokenIdentity; readonly why: string }
  /** A binding cannot be used, for another reason than before; the others can. Quotes nothing that it holds. */
  | {
      readonly event: 'binding-rejected';
      readonly provider: string;
      readonly bindingSecret: string;
      readonly reason: string;
    }
  /** A provider's bindings were looked for with success. */
  | {
      readonly event: 'bindings-counted';
      readonly provider: string;
      readonly customers: number;
      readonly rejected: number;
    }
  /** They could not be looked for, for another reason than before. Nobody is taken for gone because of that. */
  | { readonly event: 'discovery-failed'; readonly provider: string; readonly failure: Failure }
  | { readonly event: 'discovery-recovered'; readonly provider: string; readonly failedForMs: number }
  /** A provider's cron expression was derived: at start, or because its lifetime changed. */
  | {
      readonly event: 'schedule-derived';
      readonly provider: string;
      readonly cron: string;
      readonly lifetimeMs: number;
      readonly refreshEveryMs: number;
      readonly tickMs: number;
      /** The lifetime that the former schedule was made for; `undefined` at start. */
      readonly formerLifetimeMs: number | undefined;
    }
  /** The scheduler woke up too late for a slot; the tick was made up for at once. */
  | { readonly event: 'tick-missed'; readonly provider: string }
  /** Wall time moved against monotonic time by `byMs` (negative: backwards). */
  | { readonly event: 'clock-jumped'; readonly byMs: number }
  | { readonly event: 'leadership-acquired' }
  | { readonly event: 'leadership-lost' }
  /** The replicas' means of agreement does not work, for another reason than before. A leader stops when it goes on. */
  | {
      readonly event: 'coordination-failed';
      readonly problem: string;
      readonly isLeader: boolean;
      /** Who leads all the same; left out when nobody does as far as can be seen. */
      readonly leader?: string;
    }
  /** What failed has succeeded. */
  | { readonly event: 'coordination-recovered'; readonly failedForMs: number }
  /** Another replica is seen to lead: another one than was told before, or again after nobody did. */
  | {
      readonly event: 'standing-by';
      /** As the means of agreement calls it. */
      readonly leader: string;
      /** Whether it keeps the same tokens as this one; left out when it does not say. */
      readonly isOurs?: boolean;
    }
  /** For longer than a take-over lasts nobody has been seen to lead, for another reason than was told before. */
  | { readonly event: 'nobody-leads'; readonly problem: string; readonly sinceMs: number }
  /** One attempt to tell a receiver of alerts has ended, well or not. */
  | {
      readonly event: 'alert-sent';
      /** As configured; `heartbeat` for the dead man's switch. */
      readonly sink: string;
      readonly alert: AlertNotification['alert'] | 'Heartbeat';
      readonly failure: Failure | undefined;
      /** True when the attempt before failed with the same code. */
      readonly repeated: boolean;
    }
  /** The first alert that a receiver took after at least one that it did not. */
  | {
      readonly event: 'alert-sink-recovered';
      readonly sink: string;
      readonly failures: number;
      readonly failedForMs: number;
    };

export type RefreshEventName = RefreshEvent['event'];
