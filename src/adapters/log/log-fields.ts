/**
 * Every event that a log line can carry, and the fields that each may have beside `level`, `time`, `event` and `msg`:
 * an allow-list, so that a secret has no field to appear in.
 */
import type { RefreshEventName } from '../../core/events.ts';
import { LOG_TABLE } from './log-table.ts';

/** Lines that are no event of the stream. */
const OTHER_FIELDS = {
  /** The published token's expiry has passed while refreshes fail. */
  'token-expired': LOG_TABLE['refresh-failed'].fields,
  cron: ['errorName'],
  'log-lines-lost': ['lines'],
  'process-unsafe': ['problem'],
  'program-started': ['version', 'node', 'config', 'providers', 'tokens', 'store', 'http'],
  'program-stopping': ['signal'],
  'program-stop-overdue': ['waitsFor'],
  'program-stopped': [],
  /** What the sandbox's Slack channel is sent is its sentence. */
  'sandbox-alert': [],
  'sandbox-ready': ['store', 'http', 'secrets', 'upstreams'],
  /** A bug. */
  fault: ['errorName', 'frames'],
} as const;

export type LogEvent = RefreshEventName | keyof typeof OTHER_FIELDS;

export const LOG_FIELDS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(LOG_TABLE).map(([event, { fields }]) => [event, fields])),
  ...OTHER_FIELDS,
};

/** What a field may hold: plain values only, so that an error object or a `SecretText` does not compile. */
export type LogValue =
  | string
  | number
  | boolean
  | undefined
  | readonly string[]
  | Readonly<Record<string, string | number>>;

/** The fields that a line of this event may have. `undefined` leaves a field out. */
export type LogFields<Event extends LogEvent> = Event extends keyof typeof OTHER_FIELDS
  ? { readonly [Field in (typeof OTHER_FIELDS)[Event][number]]?: LogValue }
  : Readonly<Record<string, LogValue>>;
