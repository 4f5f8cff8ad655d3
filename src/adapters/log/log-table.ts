/**
 * The log of events as a table: a row has an event's level, its fields and its sentence.
 *
 * Levels: `info` what keeps tokens fresh, `warn` what went wrong while readers are still fine, `error` what they feel
 * or what waits for a human, `debug` the rest. A failure is a line when it starts and when its code changes; its
 * repetitions are `debug`.
 */
import type { EventByName, RefreshEventName } from '../../core/events.ts';
import type { Failure } from '../../core/failure.ts';
import { type FetchLimit, formatFetchLimit } from '../../core/limits/fetch-limit.ts';
import type { LogLevel } from '../../core/log-level.ts';
import { describeOutcome } from '../../core/rejection/rejection-text.ts';
import {
  formatDistance,
  formatMoment,
  formatPeriod,
  formatRoughly,
  formatTokens,
} from '../../core/wire/time-text.ts';
import type { LogValue } from './log-fields.ts';

/** What a row may know beside its event. */
export interface LogContext {
  readonly nowMs: number;
  /** What of this event no line before has reported. Empty for an event that nobody has to remember. */
  readonly news: readonly string[];
}

/** The fields that a property of an event becomes. An object with more than plain values in it has no field. */
type FieldOf<Event, Key extends keyof Event> = Key extends 'event'
  ? never
  : Key extends 'identity'
    ? (typeof TOKEN)[number]
    : Key extends 'failure'
      ? 'code' | 'retry'
      : Key extends 'limit'
        ? 'fetchBudget'
        : Key extends 'agesMs'
          ? 'versions'
          : Key extends `${infer Moment}AtMs`
            ? `${Moment}At`
            : Event[Key] extends LogValue
              ? Key
              : never;

interface LogRow<Event> {
  readonly level: LogLevel | ((event: Event, context: LogContext) => LogLevel);
  /** An allow-list, so that a secret has no field to appear in. `fieldValues` says what each holds. */
  readonly fields: readonly { [Key in keyof Event]-?: FieldOf<Event, Key> }[keyof Event][];
  /** For the person who is woken by it. The token's name is put in front of a sentence about a token. */
  readonly sentence: (event: Event, context: LogContext) => string;
}

const TOKEN = ['token', 'provider', 'secret'] as const;
const VERSIONS = [...TOKEN, 'target', 'versions', 'versionBudget'] as const;
const CALLS = ['provider', 'calls', 'fetchBudget', 'roomInMs'] as const;

export const LOG_TABLE: { readonly [Name in RefreshEventName]: LogRow<EventByName[Name]> } = {
  'token-restored': {
    level: 'info',
    fields: [...TOKEN, 'issuedAt', 'expiresAt', 'refreshAt', 'generation'],
    sentence: (event, { nowMs }) =>
      `the published token is still good, ${readersAreFine(event.expiresAtMs, nowMs)}; ` +
      `next refresh ${formatMoment(event.refreshAtMs, nowMs)}`,
  },
  'token-absent': {
    // A stand-by reads again and again what the leader cannot refresh.
    level: (_, { news }) => (news.length === 0 ? 'debug' : 'info'),
    fields: [...TOKEN, 'why'],
    sentence: ({ identity, why }) =>
      `nothing usable in secret ${identity.secret} (${why}); the leader refreshes it now`,
  },
  'token-added': {
    level: 'info',
    fields: [...TOKEN, 'bindingSecret'],
    sentence: ({ identity, bindingSecret }) =>
      `the customer was found by its binding, secret ${bindingSecret}; its token is published to secret ${identity.secret}`,
  },
  'token-removed': {
    level: 'warn',
    fields: [...TOKEN, 'why'],
    sentence: ({ identity, why }) =>
      `no longer refreshed, because ${why}; secret ${identity.secret} stays as it is`,
  },
  'refresh-started': {
    level: 'debug',
    fields: [...TOKEN, 'reason'],
    sentence: ({ reason }) => `refresh started (${reason})`,
  },
  'token-fetched': {
    level: (_event, { news }) => (news.length > 0 ? 'warn' : 'debug'),
    fields: [...TOKEN, 'code', 'durationMs', 'clockSkewMs', 'notes'],
    // A failed fetch is reported by `refresh-failed`, which knows what it means for readers.
    sentence: ({ failure }, { news }) =>
      [failure === undefined ? 'token fetched' : `fetch failed: ${failure.message}`, ...news].join('; '),
  },
  'secret-written': {
    level: 'debug',
    fields: [...TOKEN, 'code', 'target', 'durationMs'],
    sentence: ({ target, failure }) =>
      `${target} ${failure === undefined ? 'written' : `not written: ${failure.message}`}`,
  },
  'secret-versions-counted': {
    level: (_event, { news }) => (news.length > 0 ? 'warn' : 'debug'),
    fields: [...TOKEN, 'code', 'target', 'versions', 'versionBudget'],
    sentence: ({ agesMs, versionBudget, failure }) =>
      failure === undefined
        ? `${agesMs.length} versions in the last 24 hours, of ${versionBudget}`
        : `the versions of the last 24 hours could not be counted, so only those of this process are: ${failure.message}`,
  },
  'version-budget-low': {
    level: 'warn',
    fields: VERSIONS,
    sentence: (event) =>
      `${versionsOf(event)}; refreshes are delayed as far as readers allow; see who else writes to it, or which refreshes ` +
      'were explicit',
  },
  'version-budget-exhausted': {
    level: 'error',
    fields: VERSIONS,
    sentence: (event) => `${versionsOf(event)}; ${whatExhaustionMeans(event)}`,
  },
  'version-budget-recovered': {
    level: 'info',
    fields: VERSIONS,
    sentence: (event) => `${versionsOf(event)}; there is room again`,
  },
  'refresh-postponed': {
    level: 'info',
    fields: [...TOKEN, 'refreshAt'],
    sentence: ({ refreshAtMs }, { nowMs }) =>
      `more versions were written than planned; the refresh is postponed until ${formatMoment(refreshAtMs, nowMs)}`,
  },
  'token-refreshed': {
    level: 'info',
    fields: [...TOKEN, 'reason', 'durationMs', 'issuedAt', 'expiresAt', 'refreshAt', 'generation'],
    sentence: (event, { nowMs }) =>
      `a new token is published, ${readersAreFine(event.expiresAtMs, nowMs)}; ` +
      `next refresh ${formatMoment(event.refreshAtMs, nowMs)}`,
  },
  'token-unchanged': {
    level: 'debug',
    fields: [...TOKEN, 'expiresAt', 'refreshAt'],
    sentence: ({ refreshAtMs }, { nowMs }) =>
      `the provider handed out no newer token; asked again ${formatMoment(refreshAtMs, nowMs)}`,
  },
  'refresh-failed': {
    level: levelOfFailedRefresh,
    fields: [...TOKEN, 'code', 'retry', 'attempt', 'repeated', 'nextAttemptAt', 'expiresAt'],
    sentence: (event, { nowMs }) =>
      `${readersAre(event, nowMs)}; refresh failed (${event.failure.code}, attempt ${event.attempt}): ` +
      `${event.failure.message}; next attempt ${momentAhead(event.nextAttemptAtMs, nowMs)}`,
  },
  'refresh-recovered': {
    level: 'info',
    fields: [...TOKEN, 'failures', 'failedForMs'],
    sentence: (event) => `recovered after ${failedAttempts(event)}`,
  },
  'refresh-abandoned': {
    level: 'info',
    fields: [...TOKEN, 'code'],
    sentence: ({ failure }) => `refresh abandoned: ${failure.message}`,
  },
  'token-rejected': {
    // One line for each fetch, and one when no more are made for a token; the rest would repeat them.
    level: ({ outcome }, { news }) => (news.length > 0 ? 'error' : outcome === 'fetch' ? 'warn' : 'debug'),
    fields: [...TOKEN, 'outcome', 'cap', 'status', 'caller', 'retryAfterMs'],
    sentence: ({ outcome, cap, status, caller }) =>
      `${caller} reports that the API refused a token with status ${status}: ${describeOutcome(outcome, cap)}`,
  },
  'chain-recovered': {
    level: 'warn',
    fields: [...TOKEN, 'obtainedAt'],
    sentence: ({ obtainedAtMs }, { nowMs }) =>
      `the journal holds a refresh token of ${formatMoment(obtainedAtMs, nowMs)} that the store does not have; it is saved ` +
      'before anything is fetched',
  },
  'journal-failed': {
    level: 'error',
    fields: ['problem'],
    sentence: ({ problem }) =>
      `${problem}; refreshing goes on, but what the journal is for may be lost if the program is killed now`,
  },
  'callers-unknown': {
    level: 'error',
    fields: ['problem'],
    sentence: ({ problem }) => `reports of refused tokens are not taken: ${problem}`,
  },
  'batch-read-denied': { level: 'warn', fields: ['problem'], sentence: ({ problem }) => problem },
  'fetch-budget-low': {
    level: 'warn',
    fields: CALLS,
    sentence: (event) => `${callsOf(event)}; find out why it is called so often before nothing is left`,
  },
  'fetch-budget-exhausted': {
    level: 'error',
    fields: CALLS,
    sentence: (event) =>
      `${callsOf(event)}; tokens that are due wait, the next call is in ${formatRoughly(event.roomInMs)}: find out what used ` +
      'it up, and raise fetchBudget if the provider allows more',
  },
  'fetch-budget-recovered': {
    level: 'info',
    fields: CALLS,
    sentence: (event) => `${callsOf(event)}; there is room again`,
  },
  'provider-outage-began': {
    level: levelOfFailure,
    fields: ['provider', 'code', 'waiting'],
    sentence: ({ provider, waiting, failure }) =>
      `${provider} fails for all of its tokens: one at a time asks it, ${waiting} wait: ${failure.message}`,
  },
  'provider-outage-ended': {
    level: 'info',
    fields: ['provider', 'failedForMs', 'waiting'],
    sentence: ({ provider, waiting, failedForMs }) =>
      `${provider} answers again, after ${formatRoughly(failedForMs)}: the ${waiting} tokens that waited go on`,
  },
  'binding-rejected': {
    level: 'error',
    fields: ['provider', 'bindingSecret', 'reason'],
    sentence: ({ provider, bindingSecret, reason }) =>
      `${provider}: secret ${bindingSecret} cannot be used as a binding: ${reason}`,
  },
  'bindings-counted': {
    level: 'debug',
    fields: ['provider', 'customers', 'rejected'],
    sentence: ({ provider, customers, rejected }) =>
      `${provider}: ${customers} customers are discovered, ${rejected} bindings cannot be used`,
  },
  'discovery-failed': {
    level: levelOfFailure,
    fields: ['provider', 'code', 'retry'],
    sentence: ({ provider, failure }) =>
      `${provider}: customers cannot be listed, known ones stay managed: ${failure.message}`,
  },
  'discovery-recovered': {
    level: 'info',
    fields: ['provider', 'failedForMs'],
    sentence: ({ provider, failedForMs }) =>
      `${provider}: customers are listed again, after ${formatRoughly(failedForMs)}`,
  },
  'schedule-derived': {
    level: 'info',
    fields: ['provider', 'cron', 'lifetimeMs', 'refreshEveryMs', 'tickMs', 'formerLifetimeMs'],
    sentence: ({ provider, cron, lifetimeMs, refreshEveryMs, formerLifetimeMs }) =>
      `${provider}: refreshing every ${formatPeriod(refreshEveryMs)} (checked on cron "${cron}"), ` +
      (formerLifetimeMs === undefined
        ? `for tokens that live ${formatPeriod(lifetimeMs)}`
        : `because its tokens now live ${formatPeriod(lifetimeMs)} instead of ${formatPeriod(formerLifetimeMs)}`),
  },
  'tick-missed': {
    level: 'warn',
    fields: ['provider'],
    sentence: ({ provider }) =>
      `${provider}: missed a scheduled check because the process was paused or the clock was set forward, and ran it now; ` +
      'if this repeats, it lacks CPU or its machine was suspended',
  },
  'clock-jumped': {
    level: 'warn',
    fields: ['byMs'],
    sentence: ({ byMs }) =>
      `the wall clock jumped ${byMs < 0 ? 'back' : 'forward'} by ${formatRoughly(Math.abs(byMs))}; what is due has been ` +
      'worked out again, check time synchronisation on this machine',
  },
  'leadership-acquired': {
    level: 'info',
    fields: [],
    sentence: () => 'this replica refreshes the tokens from now on',
  },
  'leadership-lost': {
    level: 'warn',
    fields: [],
    sentence: () => 'this replica no longer refreshes the tokens, another one takes over',
  },
  'coordination-failed': {
    level: ({ isLeader }) => (isLeader ? 'error' : 'warn'),
    fields: ['isLeader', 'problem', 'leader'],
    sentence: ({ isLeader, problem }) =>
      `${isLeader ? 'this replica stops refreshing soon unless this ends' : 'this replica cannot take over'}: ${problem}`,
  },
  'coordination-recovered': {
    level: 'info',
    fields: ['failedForMs'],
    sentence: ({ failedForMs }) => `the replicas can agree again, after ${formatRoughly(failedForMs)}`,
  },
  'standing-by': {
    level: 'info',
    fields: ['leader', 'isOurs'],
    sentence: ({ leader, isOurs, reach }) =>
      `${leader} leads, this replica stands by and only reads the store` +
      (reach === undefined ? '' : `; the leader has the status page that knows: ${reach}`) +
      (isOurs === false
        ? '; it manages other tokens than this one: unless a change is being rolled out, give each installation ' +
          'a unique coordination.leaseName'
        : ''),
  },
  'nobody-leads': {
    level: 'error',
    fields: ['problem', 'sinceMs'],
    sentence: ({ problem, sinceMs }) =>
      `no leader has been seen for ${formatRoughly(sinceMs)}, so no token is refreshed: ${problem}`,
  },
  'mirror-written': {
    level: 'debug',
    fields: ['place', 'token', 'generation', 'durationMs', 'behind'],
    sentence: ({ place, token, generation }) => `${place} has generation ${generation} of ${token}`,
  },
  'mirror-failed': {
    level: (event) => (event.repeated ? 'debug' : levelOfFailure(event)),
    fields: ['place', 'token', 'code', 'retry', 'behind', 'nextAttemptAt'],
    sentence: ({ place, token, failure, behind, copiesUntilMs }, { nowMs }) =>
      `mirror ${place} is behind with ${formatTokens(behind)}, met by ${token}: ${failure.message}; ` +
      `${copiesUntilMs === undefined ? 'what its readers have is not known' : `the first copy there expires ${momentAhead(copiesUntilMs, nowMs)}`}; ` +
      'no refresh and no other place waits for it',
  },
  'mirror-caught-up': {
    level: 'info',
    fields: ['place', 'failedForMs'],
    sentence: ({ place, failedForMs }) =>
      `mirror ${place} has the newest of all its tokens again, after ${formatRoughly(failedForMs)}`,
  },
  'alert-sent': {
    level: ({ failure, repeated }) => (failure === undefined || repeated ? 'debug' : 'error'),
    fields: ['sink', 'alert', 'code'],
    sentence: ({ sink, alert, failure }) =>
      failure === undefined
        ? `${sink} accepted ${alert}`
        : `${alert} could not be sent to ${sink}: ${failure.message}`,
  },
  'alert-sink-recovered': {
    level: 'info',
    fields: ['sink', 'failures', 'failedForMs'],
    sentence: (event) => `${event.sink} accepts alerts again, after ${failedAttempts(event)}`,
  },
};

function levelOfFailure({ failure }: { readonly failure: Failure }): LogLevel {
  return failure.retry === 'needs-human' ? 'error' : 'warn';
}

function levelOfFailedRefresh(event: EventByName['refresh-failed'], { nowMs, news }: LogContext): LogLevel {
  const { failure, repeated, expiresAtMs } = event;
  if (repeated && news.length === 0) return 'debug';
  // A full secret empties by itself, but for hours readers live from one version that ages out to the next.
  if (expiresAtMs === undefined || expiresAtMs <= nowMs || failure.code === 'store-quota') return 'error';
  return levelOfFailure(event);
}

/** `12:14:03 UTC, in 4m 57s`, as alerts and the page have it. */
function momentAhead(timeMs: number, nowMs: number): string {
  return `${formatMoment(timeMs, nowMs)}, ${formatDistance(timeMs - nowMs)}`;
}

function readersAreFine(expiresAtMs: number, nowMs: number): string {
  return `token expires ${momentAhead(expiresAtMs, nowMs)}`;
}

function readersAre(event: EventByName['refresh-failed'], nowMs: number): string {
  const { expiresAtMs, nextAttemptAtMs } = event;
  // The store may not have been read: what it holds is not known then.
  if (expiresAtMs === undefined) return 'no usable token is known';
  const at = momentAhead(expiresAtMs, nowMs);
  if (expiresAtMs <= nowMs) {
    return `token expired ${at}`;
  }
  return expiresAtMs < nextAttemptAtMs
    ? `token expires ${at}, before the next attempt`
    : readersAreFine(expiresAtMs, nowMs);
}

function versionsOf(event: EventByName[`version-budget-${'low' | 'exhausted' | 'recovered'}`]): string {
  const { identity, target, versions, versionBudget } = event;
  const secret = target === 'document' ? `secret ${identity.secret}` : "the chain's state secret";
  return `${secret} got ${versions} versions in 24 hours, of ${versionBudget}`;
}

function whatExhaustionMeans(event: EventByName['version-budget-exhausted']): string {
  const { versions, versionBudget, heldForMs } = event;
  if (heldForMs !== undefined) {
    return (
      `tokens live too short for that: the next one is fetched in ${formatRoughly(heldForMs)}, and readers have none ` +
      'meanwhile; ask the provider for tokens that live longer'
    );
  }
  return versions < versionBudget
    ? 'the store refuses more all the same: set versionBudget to what it bears; refreshes are put off for a day'
    : 'tokens are written all the same, because an expired one is worse, for as long as the store takes them';
}

function callsOf(budget: {
  readonly provider: string;
  readonly calls: number;
  readonly limit: FetchLimit;
}): string {
  const { provider, calls, limit } = budget;
  return `${provider}: ${calls} calls in the last ${limit.window}, of fetchBudget ${formatFetchLimit(limit)}`;
}

function failedAttempts(event: { readonly failures: number; readonly failedForMs: number }): string {
  const { failures, failedForMs } = event;
  return `${failures} failed ${failures === 1 ? 'attempt' : 'attempts'} in ${formatRoughly(failedForMs)}`;
}
