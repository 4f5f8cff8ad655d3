/**
 * Every event that a log line can carry, and the fields that each may have beside `level`, `time`, `event` and `msg`:
 * an allow-list, so that a secret has no field to appear in. Lines are built from this table and nothing else.
 */
const TOKEN = ['token', 'provider', 'secret'] as const;

export const LOG_FIELDS = {
  'token-restored': [...TOKEN, 'issuedAt', 'expiresAt', 'refreshAt', 'generation'],
  'token-absent': [...TOKEN, 'why'],
  'refresh-started': [...TOKEN, 'reason'],
  'token-fetched': [...TOKEN, 'code', 'durationMs', 'clockSkewMs', 'notes'],
  'secret-written': [...TOKEN, 'code', 'target', 'durationMs'],
  'secret-versions-counted': [...TOKEN, 'code', 'target', 'versions', 'versionBudget'],
  'version-budget-low': [...TOKEN, 'target', 'versions', 'versionBudget'],
  'version-budget-exhausted': [...TOKEN, 'target', 'versions', 'versionBudget'],
  'version-budget-recovered': [...TOKEN, 'target', 'versions', 'versionBudget'],
  'fetch-budget-low': ['provider', 'calls', 'fetchBudget', 'roomInMs'],
  'fetch-budget-exhausted': ['provider', 'calls', 'fetchBudget', 'roomInMs'],
  'fetch-budget-recovered': ['provider', 'calls', 'fetchBudget', 'roomInMs'],
  'provider-outage-began': ['provider', 'code', 'waiting'],
  'provider-outage-ended': ['provider', 'failedForMs', 'waiting'],
  'refresh-postponed': [...TOKEN, 'refreshAt'],
  'token-refreshed': [...TOKEN, 'reason', 'durationMs', 'issuedAt', 'expiresAt', 'refreshAt', 'generation'],
  'token-unchanged': [...TOKEN, 'expiresAt', 'refreshAt'],
  'refresh-failed': [...TOKEN, 'code', 'retry', 'attempt', 'repeated', 'nextAttemptAt', 'expiresAt'],
  /** Not an event of the stream: the published token's expiry has passed while refreshes fail. */
  'token-expired': [...TOKEN, 'code', 'retry', 'attempt', 'repeated', 'nextAttemptAt', 'expiresAt'],
  'refresh-recovered': [...TOKEN, 'failures', 'failedForMs'],
  'refresh-abandoned': [...TOKEN, 'code'],
  'chain-recovered': [...TOKEN, 'obtainedAt'],
  'token-added': [...TOKEN, 'bindingSecret'],
  'token-removed': [...TOKEN, 'why'],
  'binding-rejected': ['provider', 'bindingSecret', 'reason'],
  'bindings-counted': ['provider', 'customers', 'rejected'],
  'discovery-failed': ['provider', 'code', 'retry'],
  'discovery-recovered': ['provider', 'failedForMs'],
  'journal-failed': ['problem'],
  'batch-read-denied': ['problem'],
  'schedule-derived': ['provider', 'cron', 'lifetimeMs', 'refreshEveryMs', 'tickMs', 'formerLifetimeMs'],
  'tick-missed': ['provider'],
  'clock-jumped': ['byMs'],
  'leadership-acquired': [],
  'leadership-lost': [],
  'coordination-failed': ['isLeader', 'problem', 'leader'],
  'coordination-recovered': ['failedForMs'],
  'standing-by': ['leader', 'isOurs'],
  'nobody-leads': ['problem', 'sinceMs'],
  'alert-sent': ['sink', 'alert', 'code'],
  'alert-sink-recovered': ['sink', 'failures', 'failedForMs'],
  cron: ['errorName'],
  'log-lines-lost': ['lines'],
  'process-unsafe': ['problem'],
  'program-started': ['version', 'node', 'config', 'providers', 'tokens', 'store', 'http'],
  'program-stopping': ['signal'],
  'program-stop-overdue': ['waitsFor'],
  'program-stopped': [],
  'sandbox-ready': ['store', 'http', 'secrets', 'upstreams'],
  /** A bug. */
  fault: ['errorName', 'frames'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type LogEvent = keyof typeof LOG_FIELDS;

/** What a field may hold: plain values only, so that an error object or a `SecretText` does not compile. */
export type LogValue =
  | string
  | number
  | boolean
  | undefined
  | readonly string[]
  | Readonly<Record<string, string | number>>;

/** The fields that a line of this event may have. `undefined` leaves a field out. */
export type LogFields<Event extends LogEvent> = {
  readonly [Field in (typeof LOG_FIELDS)[Event][number]]?: LogValue;
};
