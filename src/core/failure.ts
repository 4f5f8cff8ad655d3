/**
 * What can go wrong with a refresh: a closed set. The code is also the metric label, the `code` of the log line and
 * the anchor in the runbook, so a code never changes its meaning.
 */
export const FAILURE_CODES = [
  'credentials-rejected',
  'request-rejected',
  'rate-limited',
  'provider-unavailable',
  'response-malformed',
  'token-unchanged',
  'clock-skewed',
  'chain-broken',
  'store-denied',
  'store-missing',
  'store-not-ours',
  'store-deleting',
  'store-quota',
  'store-conflict',
  'store-unavailable',
  'leadership-lost',
  'aborted',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/**
 * When to try again.
 * - `soon`: the next attempt is likely to succeed (a lost race, a stale timestamp): up to a second, twice; from then on
 *   as `backoff`.
 * - `backoff`: transient; the wait grows with each attempt.
 * - `needs-human`: repeating cannot help and may lock an account; every 15 minutes, or when a credential changes.
 */
export type Retry = 'soon' | 'backoff' | 'needs-human';

export interface Failure {
  readonly code: FailureCode;
  readonly retry: Retry;
  /** Milliseconds the other side asked us to wait (`Retry-After` and its relatives). */
  readonly retryAfterMs?: number;
  /** The store has refused because it is called too often, not because something is broken. */
  readonly isThrottled?: boolean;
  /** Lower case, names the endpoint or field and what to do; never quotes a body and never holds a secret. */
  readonly message: string;
}

/** Right of access and secrets come from people, although it is tried again soon: nobody tells us when they are there. */
const FROM_PEOPLE: ReadonlySet<FailureCode> = new Set([
  'store-denied',
  'store-missing',
  'store-not-ours',
  'store-deleting',
]);

/** Whether somebody has to act, however often it is tried meanwhile. */
export function needsPerson({ code, retry }: Pick<Failure, 'code' | 'retry'>): boolean {
  return retry === 'needs-human' || FROM_PEOPLE.has(code);
}

/** True when the store failed, not the provider. */
export function isStoreFailure({ code }: Pick<Failure, 'code'>): boolean {
  return code.startsWith('store-');
}
