/**
 * Turns the stream of events into log lines: one line per event, as its row of `log-table.ts` says. What this file adds
 * is memory: what was reported before is no news. When the published token's expiry passes while a failure repeats, the
 * line is called `token-expired`.
 */
import type { EventByName, RefreshEvent, RefreshEventName } from '../../core/events.ts';
import type { FailureCode } from '../../core/failure.ts';
import { formatFetchLimit } from '../../core/limits/fetch-limit.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { formatRoughly, formatUtc } from '../../core/wire/time-text.ts';
import type { Log } from './log.ts';
import type { LogEvent, LogValue } from './log-fields.ts';
import { LOG_TABLE, type LogContext } from './log-table.ts';

/** SNAP servers tolerate 2 to 5 minutes; a minute off is worth a line before they refuse. */
const NOTEWORTHY_SKEW_MS = 60_000;

export function createEventLog(log: Log, clock: Pick<Clock, 'now'>): RefreshEvents {
  // What was reported last, by token: the expiry that has passed; why there is no token; why nothing more is fetched for
  // reports; the notes on its answers.
  const expiries = new Reported<number>();
  const absences = new Reported<string | number>();
  const caps = new Reported<string>();
  const reportedNotes = new Reported<string>();
  const skewedProviders = new Set<string>();
  /** Why versions could not be counted, as far as that has been reported: it is the same for all tokens. */
  const countFailures = new Set<FailureCode>();

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
        if (code === undefined || countFailures.has(code)) return [];
        countFailures.add(code);
        return [code];
      }
      case 'refresh-failed': {
        const { identity, expiresAtMs } = event;
        const hasExpired = expiresAtMs !== undefined && expiresAtMs <= nowMs;
        return hasExpired && expiries.isNew(identity, expiresAtMs) ? ['expired'] : [];
      }
      case 'token-absent':
        return absences.isNew(event.identity, event.expired?.expiresAtMs ?? event.why) ? [event.why] : [];
      case 'token-rejected': {
        const { identity, cap } = event;
        return cap !== undefined && caps.isNew(identity, cap) ? [cap] : [];
      }
      case 'token-restored':
        absences.forget(event.identity);
        return [];
      case 'token-refreshed':
        for (const reported of [absences, expiries, caps]) reported.forget(event.identity);
        return [];
      case 'token-removed':
        for (const reported of [absences, expiries, caps, reportedNotes]) reported.forget(event.identity);
        return [];
      default:
        return [];
    }
  }

  function newNotes({ identity, notes, failure }: EventByName['token-fetched']): readonly string[] {
    if (failure !== undefined) return [];
    if (notes.length === 0) reportedNotes.forget(identity);
    return notes.length > 0 && reportedNotes.isNew(identity, notes.join('; ')) ? notes : [];
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

/** What was reported last of each token. */
class Reported<Value> {
  readonly #byToken = new Map<string, Value>();

  /** Whether that is something else than was reported last; from now on it is reported. */
  isNew({ token }: TokenIdentity, value: Value): boolean {
    if (this.#byToken.get(token) === value) return false;
    this.#byToken.set(token, value);
    return true;
  }

  forget({ token }: TokenIdentity): void {
    this.#byToken.delete(token);
  }
}

function nameOf(event: RefreshEvent, { news }: LogContext): LogEvent {
  const isExpiry = event.event === 'refresh-failed' && event.repeated && news.length > 0;
  return isExpiry ? 'token-expired' : event.event;
}

/** Durations that were measured, with more digits than anybody reads. */
const MEASURED: ReadonlySet<string> = new Set([
  'durationMs',
  'failedForMs',
  'roomInMs',
  'byMs',
  'sinceMs',
  'retryAfterMs',
]);

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
