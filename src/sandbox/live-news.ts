/** Which events are news below the live table. Pure. */
import type { RefreshEvent } from '../core/events.ts';
import { formatFetchLimit } from '../core/limits/fetch-limit.ts';
import { describeOutcome } from '../core/rejection/rejection-text.ts';
import { formatPeriod, formatRoughly } from '../core/wire/time-text.ts';

/** A sentence for people, or `undefined` when the row says enough. */
export function describeNews(event: RefreshEvent): string | undefined {
  switch (event.event) {
    case 'token-restored':
      return `${event.identity.token}: the store holds a fresh token, nothing to fetch`;
    case 'token-absent':
      return `${event.identity.token}: ${event.why}`;
    case 'token-refreshed':
      return `${event.identity.token}: refreshed in ${Math.round(event.durationMs)} ms, generation ${event.generation}`;
    case 'token-unchanged':
      return `${event.identity.token}: the provider handed out no newer token`;
    case 'refresh-failed':
      return event.repeated ? undefined : `${event.identity.token}: refresh failed, ${event.failure.code}`;
    case 'token-rejected':
      return event.outcome === 'replaced'
        ? undefined
        : `${event.identity.token}: a reader reports HTTP ${event.status}, ${describeOutcome(event.outcome, event.cap)}`;
    case 'mirror-failed':
      return event.repeated
        ? undefined
        : `mirror ${event.place}: ${event.failure.code}, ${event.behind} behind`;
    case 'mirror-caught-up':
      return `mirror ${event.place}: has the newest of all tokens, after ${formatRoughly(event.failedForMs)}`;
    case 'version-budget-low':
    case 'version-budget-exhausted':
    case 'version-budget-recovered':
      return `${event.identity.token}: ${event.versions} of ${event.versionBudget} versions are used`;
    case 'fetch-budget-low':
    case 'fetch-budget-exhausted':
    case 'fetch-budget-recovered':
      return `${event.provider}: ${event.calls} of ${formatFetchLimit(event.limit)} calls are used`;
    case 'provider-outage-began':
      return `${event.provider} fails for all of its tokens: one at a time asks it, ${event.waiting} wait`;
    case 'provider-outage-ended':
      return `${event.provider} answers again, after ${formatRoughly(event.failedForMs)}`;
    case 'refresh-postponed':
      return `${event.identity.token}: the refresh is put off to save versions`;
    case 'refresh-recovered':
      return `${event.identity.token}: recovered after ${formatRoughly(event.failedForMs)}`;
    case 'refresh-abandoned':
      return `${event.identity.token}: refresh abandoned: ${event.failure.message}`;
    case 'schedule-derived':
      return event.formerLifetimeMs === undefined
        ? undefined
        : `${event.provider}: tokens now live ${formatPeriod(event.lifetimeMs)}, refreshed every ${formatPeriod(event.refreshEveryMs)}`;
    case 'tick-missed':
      return `${event.provider}: missed a scheduled check (the process was paused); ran it now`;
    case 'clock-jumped':
      return `the wall clock jumped ${event.byMs < 0 ? 'back' : 'forward'} by ${formatRoughly(Math.abs(event.byMs))}`;
    case 'leadership-lost':
      return 'this replica no longer refreshes the tokens';
    case 'chain-recovered':
      return `${event.identity.token}: found a refresh token in the journal that the store does not have`;
    case 'token-added':
      return `${event.identity.token}: the customer was found by its binding, secret ${event.bindingSecret}`;
    case 'token-removed':
      return `${event.identity.token}: no longer refreshed, because ${event.why}`;
    case 'binding-rejected':
      return `${event.provider}: secret ${event.bindingSecret} cannot be used as a binding: ${event.reason}`;
    case 'discovery-failed':
      return `${event.provider}: customers cannot be discovered: ${event.failure.message}`;
    case 'batch-read-denied':
    case 'coordination-failed':
    case 'nobody-leads':
    case 'journal-failed':
      return event.problem;
    default:
      return undefined;
  }
}
