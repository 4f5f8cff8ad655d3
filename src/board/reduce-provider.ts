/** What an event makes of the record of a provider. */
import type { ProviderRecord } from '../core/board.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { Moment } from '../core/schedule/moment.ts';

/** Calls whose duration is kept. */
const MAX_CALLS = 20;

export function createProviderRecord(name: string, kind: string): ProviderRecord {
  return {
    name,
    kind,
    schedule: undefined,
    calls: [],
    clockSkewMs: undefined,
    fetchBudget: undefined,
    versionBudget: undefined,
    discovery: undefined,
  };
}

/** @returns the same record when the event says nothing about it */
export function reduceProvider(record: ProviderRecord, event: RefreshEvent, now: Moment): ProviderRecord {
  switch (event.event) {
    case 'token-fetched': {
      const call = { durationMs: event.durationMs, hasFailed: event.failure !== undefined };
      return {
        ...record,
        calls: [...record.calls.slice(1 - MAX_CALLS), call],
        clockSkewMs: event.clockSkewMs ?? record.clockSkewMs,
      };
    }
    case 'secret-versions-counted':
    case 'version-budget-low':
    case 'version-budget-exhausted':
    case 'version-budget-recovered':
      return { ...record, versionBudget: event.versionBudget };
    case 'schedule-derived': {
      const { cron, lifetimeMs, refreshEveryMs, tickMs } = event;
      return { ...record, schedule: { cron, lifetimeMs, refreshEveryMs, tickMs } };
    }
    case 'fetch-budget-low':
      return { ...record, fetchBudget: 'low' };
    case 'fetch-budget-exhausted':
      return { ...record, fetchBudget: 'exhausted' };
    case 'fetch-budget-recovered':
      return { ...record, fetchBudget: 'ok' };
    case 'bindings-counted': {
      const { customers, rejected } = event;
      return { ...record, discovery: { customers, rejected, countedAtMs: now.wallMs } };
    }
    default:
      return record;
  }
}
