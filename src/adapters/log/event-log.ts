/**
 * Turns the stream of events into log lines: one line per event, as its row of `log-table.ts` says. What this file adds
 * is memory: what was reported before is no news. When the published token's expiry passes while a failure repeats, the
 * line is called `token-expired`.
 */
import type { EventByName, RefreshEvent, RefreshEventName } from '../../core/events.ts';
import type { FailureCode } from '../../core/failure.ts';
import { formatFetchLimit } from '../../core/limits/fetch-limit.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import { formatRoughly, formatUtc } from '../../core/wire/time-text.ts';
import type { Log } from './log.ts';
import type { LogEvent, LogValue } from './log-fields.ts';
import { LOG_TABLE, type LogContext } from './log-table.ts';

/** SNAP servers tolerate 2 to 5 minutes; a minute off is worth a line before they refuse. */
const NOTEWORTHY_SKEW_MS = 60_000;

export function createEventLog(log: Log, clock: Pick<Clock, 'now'>): RefreshEvents {
  /** Expiry of the token whose end has been reported, by token. */
  const reportedExpiries = new Map<string, number>();
  /** Why there is no token, as reported last, by token. */
  const reportedAbsences = new Map<string, string>();
  /** The notes last reported, by token, and the providers whose skew has been reported. */
  const reportedNotes = new Map<string, string>();
  const skewedProviders = new Set<string>();
  /** Why versions could not be counted, as far as that has been reported: it is the same for all tokens. */
  const reportedCountFailures = new Set<FailureCode>();

  return (event) => {
    write(event.event, event);
  };

  function write<Name extends RefreshEventName>(name: Name, event: EventByName[Name]): void {
    const { level, sentence } = LOG_TABLE[name];
    const nowMs = clock.now();
    const context = { nowMs, news: takeNews(event, nowMs) };
    log.write(
      typeof level === 'string' ? level : level(event, context),
      nameOf(event, context),
      fieldValues(event),
      ('identity' in event ? `${event.identity.token}: ` : '') + sentence(event, context),
    );
  }

  /** @returns what no line before has reported; from now on it is reported */
  function takeNews(event: RefreshEvent, nowMs: number): readonly string[] {
    switch (event.event) {
      case 'token-fetched':
        return [...newNotes(event), ...newSkew(event)];
      case 'secret-versions-counted': {
        const code = event.failure?.code;
        if (code === undefined || reportedCountFailures.has(code)) return [];
        reportedCountFailures.add(code);
        return [code];
      }
      case 'refresh-failed': {
        const { identity, expiresAtMs } = event;
        if (expiresAtMs === undefined || !(expiresAtMs <= nowMs)) return [];
        if (reportedExpiries.get(identity.token) === expiresAtMs) return [];
        reportedExpiries.set(identity.token, expiresAtMs);
        return ['expired'];
      }
      case 'token-absent': {
        const { identity, why } = event;
        if (reportedAbsences.get(identity.token) === why) return [];
        reportedAbsences.set(identity.token, why);
        return [why];
      }
      case 'token-restored':
        reportedAbsences.delete(event.identity.token);
        return [];
      case 'token-refreshed':
        reportedAbsences.delete(event.identity.token);
        reportedExpiries.delete(event.identity.token);
        return [];
      case 'token-removed':
        reportedAbsences.delete(event.identity.token);
        reportedExpiries.delete(event.identity.token);
        reportedNotes.delete(event.identity.token);
        return [];
      default:
        return [];
    }
  }

  function newNotes({ identity, notes, failure }: EventByName['token-fetched']): readonly string[] {
    if (failure !== undefined) return [];
    const text = notes.join('; ');
    if (text === (reportedNotes.get(identity.token) ?? '')) return [];
    reportedNotes.set(identity.token, text);
    return notes;
  }

  function newSkew({ identity, clockSkewMs }: EventByName['token-fetched']): readonly string[] {
    if (clockSkewMs === undefined) return [];
    const wasSkewed = skewedProviders.has(identity.provider);
    if (Math.abs(clockSkewMs) < NOTEWORTHY_SKEW_MS) {
      skewedProviders.delete(identity.provider);
      return [];
    }
    skewedProviders.add(identity.provider);
    if (wasSkewed) return [];
    const direction = clockSkewMs < 0 ? 'behind' : 'ahead of';
    return [
      `the provider's clock is ${formatRoughly(Math.abs(clockSkewMs))} ${direction} ours, one of the two is wrong`,
    ];
  }
}

function nameOf(event: RefreshEvent, { news }: LogContext): LogEvent {
  const isExpiry = event.event === 'refresh-failed' && event.repeated && news.length > 0;
  return isExpiry ? 'token-expired' : event.event;
}

/** Durations that were measured, with more digits than anybody reads. */
const MEASURED: ReadonlySet<string> = new Set(['durationMs', 'failedForMs', 'roomInMs', 'byMs', 'sinceMs']);

/** An event's properties as values of fields; the row's allow-list says which of them a line has. */
function fieldValues(event: RefreshEvent): Readonly<Record<string, LogValue>> {
  const values: Record<string, LogValue> = {};
  const properties: readonly (readonly [string, unknown])[] = Object.entries(event);
  for (const [name, value] of properties) {
    if (typeof value === 'string' || typeof value === 'boolean') values[name] = value;
    if (typeof value !== 'number') continue;
    if (name.endsWith('AtMs')) values[name.slice(0, -'Ms'.length)] = formatUtc(value);
    else values[name] = MEASURED.has(name) ? Math.round(value) : value;
  }
  if ('identity' in event) {
    const { token, provider, secret } = event.identity;
    Object.assign(values, { token, provider, secret });
  }
  if ('failure' in event) Object.assign(values, { code: event.failure?.code, retry: event.failure?.retry });
  if ('limit' in event) values['fetchBudget'] = formatFetchLimit(event.limit);
  if ('agesMs' in event) values['versions'] = event.agesMs.length;
  if ('notes' in event && event.notes.length > 0) values['notes'] = event.notes;
  return values;
}
