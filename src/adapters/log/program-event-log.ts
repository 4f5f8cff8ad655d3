/** Log lines for what concerns the whole program or a provider, and no single token: one line per event. */
import type { RefreshEvent } from '../../core/events.ts';
import { formatFetchLimit } from '../../core/limits/fetch-limit.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { formatRoughly } from '../../core/wire/time-text.ts';
import type { Log, LogLevel } from './log.ts';

export type ProgramEvent = Exclude<RefreshEvent, { readonly identity: TokenIdentity }>;

export function writeProgramEvent(log: Log, event: ProgramEvent): void {
  switch (event.event) {
    case 'journal-failed':
      log.write(
        'error',
        event.event,
        { problem: event.problem },
        `${event.problem}; refreshing goes on, but what the journal is for may be lost if the program is killed now`,
      );
      return;
    case 'batch-read-denied':
      log.write('warn', event.event, { problem: event.problem }, event.problem);
      return;
    case 'fetch-budget-low':
    case 'fetch-budget-exhausted':
    case 'fetch-budget-recovered':
      writeFetchBudget(log, event);
      return;
    case 'provider-outage-began':
      log.write(
        event.failure.retry === 'needs-human' ? 'error' : 'warn',
        event.event,
        { provider: event.provider, code: event.failure.code, waiting: event.waiting },
        `${event.provider} fails for all of its tokens: one at a time asks it, ${event.waiting} wait: ${event.failure.message}`,
      );
      return;
    case 'provider-outage-ended':
      log.write(
        'info',
        event.event,
        { provider: event.provider, failedForMs: Math.round(event.failedForMs), waiting: event.waiting },
        `${event.provider} answers again, after ${formatRoughly(event.failedForMs)}: the ${event.waiting} tokens that waited go on`,
      );
      return;
    case 'schedule-derived': {
      const { provider, cron, lifetimeMs, refreshEveryMs, tickMs, formerLifetimeMs } = event;
      const cause =
        formerLifetimeMs === undefined
          ? `for tokens that live ${formatRoughly(lifetimeMs)}`
          : `because its tokens now live ${formatRoughly(lifetimeMs)} instead of ${formatRoughly(formerLifetimeMs)}`;
      log.write(
        'info',
        event.event,
        { provider, cron, lifetimeMs, refreshEveryMs, tickMs, formerLifetimeMs },
        `${provider}: a refresh every ${formatRoughly(refreshEveryMs)}, looked for at "${cron}", ${cause}`,
      );
      return;
    }
    case 'tick-missed':
      log.write(
        'warn',
        event.event,
        { provider: event.provider },
        `${event.provider}: the program woke up too late for a tick and made up for it at once; if this repeats, it is ` +
          'short of CPU or its machine was suspended',
      );
      return;
    case 'clock-jumped':
      log.write(
        'warn',
        event.event,
        { byMs: Math.round(event.byMs) },
        `the wall clock jumped ${event.byMs < 0 ? 'back' : 'forward'} by ${formatRoughly(Math.abs(event.byMs))}; what is due ` +
          'has been worked out again, check time synchronisation on this machine',
      );
      return;
    case 'binding-rejected':
      log.write(
        'error',
        event.event,
        { provider: event.provider, bindingSecret: event.bindingSecret, reason: event.reason },
        `${event.provider}: secret ${event.bindingSecret} cannot be used as a binding: ${event.reason}`,
      );
      return;
    case 'bindings-counted':
      log.write(
        'debug',
        event.event,
        { provider: event.provider, customers: event.customers, rejected: event.rejected },
        `${event.provider}: ${event.customers} customers are discovered, ${event.rejected} bindings cannot be used`,
      );
      return;
    case 'discovery-failed':
      log.write(
        event.failure.retry === 'needs-human' ? 'error' : 'warn',
        event.event,
        { provider: event.provider, code: event.failure.code, retry: event.failure.retry },
        `${event.provider}: customers cannot be looked for, those that are known are kept: ${event.failure.message}`,
      );
      return;
    case 'discovery-recovered':
      log.write(
        'info',
        event.event,
        { provider: event.provider, failedForMs: Math.round(event.failedForMs) },
        `${event.provider}: customers are looked for again, after ${formatRoughly(event.failedForMs)}`,
      );
      return;
    case 'leadership-acquired':
      log.write('info', event.event, {}, 'this replica refreshes the tokens from now on');
      return;
    case 'leadership-lost':
      log.write(
        'warn',
        event.event,
        {},
        'this replica no longer refreshes the tokens, another one takes over',
      );
      return;
    case 'coordination-failed':
      log.write(
        event.isLeader ? 'error' : 'warn',
        event.event,
        { isLeader: event.isLeader, problem: event.problem, leader: event.leader },
        `${event.isLeader ? 'this replica stops refreshing soon unless this ends' : 'this replica cannot take over'}: ${event.problem}`,
      );
      return;
    case 'coordination-recovered':
      log.write(
        'info',
        event.event,
        { failedForMs: Math.round(event.failedForMs) },
        `the replicas can agree again, after ${formatRoughly(event.failedForMs)}`,
      );
      return;
    case 'standing-by':
      log.write(
        'info',
        event.event,
        { leader: event.leader, isOurs: event.isOurs },
        `${event.leader} leads, this replica stands by${event.isOurs === false ? OTHER_INSTALLATION : ''}`,
      );
      return;
    case 'nobody-leads':
      log.write(
        'error',
        event.event,
        { problem: event.problem, sinceMs: Math.round(event.sinceMs) },
        `nobody has been seen to lead for ${formatRoughly(event.sinceMs)}, no token is refreshed: ${event.problem}`,
      );
      return;
    case 'alert-sent': {
      const { sink, alert, failure, repeated } = event;
      log.write(
        failure === undefined || repeated ? 'debug' : 'error',
        event.event,
        { sink, alert, code: failure?.code },
        failure === undefined
          ? `${sink} was told about ${alert}`
          : `${sink} could not be told about ${alert}: ${failure.message}`,
      );
      return;
    }
    case 'alert-sink-recovered': {
      const { sink, failures, failedForMs } = event;
      log.write(
        'info',
        event.event,
        { sink, failures, failedForMs: Math.round(failedForMs) },
        `${sink} can be told again, after ${failures} failed ${failures === 1 ? 'attempt' : 'attempts'} in ${formatRoughly(failedForMs)}`,
      );
      return;
    }
    default:
      event satisfies never;
  }
}

const OTHER_INSTALLATION =
  '; it keeps other tokens than this one: unless a change is being rolled out, give each installation a ' +
  'coordination.leaseName of its own';

type FetchBudgetEvent = Extract<ProgramEvent, { readonly limit: unknown }>;

const LEVEL_OF_FETCH_BUDGET = {
  'fetch-budget-low': 'warn',
  'fetch-budget-exhausted': 'error',
  'fetch-budget-recovered': 'info',
} as const satisfies Readonly<Record<FetchBudgetEvent['event'], LogLevel>>;

function writeFetchBudget(log: Log, { event, provider, calls, limit, roomInMs }: FetchBudgetEvent): void {
  log.write(
    LEVEL_OF_FETCH_BUDGET[event],
    event,
    { provider, calls, fetchBudget: formatFetchLimit(limit), roomInMs: Math.round(roomInMs) },
    `${provider}: ${calls} calls in the last ${limit.window}, of fetchBudget ${formatFetchLimit(limit)}; ` +
      describeFetchBudget(event, roomInMs),
  );
}

function describeFetchBudget(event: FetchBudgetEvent['event'], roomInMs: number): string {
  switch (event) {
    case 'fetch-budget-low':
      return 'find out why it is called so often before nothing is left';
    case 'fetch-budget-exhausted':
      return (
        `tokens that are due wait, the next call is in ${formatRoughly(roomInMs)}: find out what used it up, and raise ` +
        'fetchBudget if the provider allows more'
      );
    case 'fetch-budget-recovered':
      return 'there is room again';
  }
}
