/** Log lines for what concerns the whole program or a provider, and no single token: one line per event. */
import type { RefreshEvent } from '../../core/events.ts';
import { formatRoughly } from '../../core/time-text.ts';
import type { TokenIdentity } from '../../core/token.ts';
import type { Log } from './log.ts';

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
        { isLeader: event.isLeader, problem: event.problem },
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
    default:
      event satisfies never;
  }
}
