/** What the events have said about one provider. Durations in milliseconds. */

/** Calls whose duration is kept. */
const RECENT_CALLS = 20;

export interface CallRecord {
  readonly durationMs: number;
  readonly hasFailed: boolean;
}

export interface ScheduleRecord {
  readonly cron: string;
  readonly lifetimeMs: number;
  readonly refreshEveryMs: number;
  readonly tickMs: number;
}

export type BudgetState = 'ok' | 'low' | 'exhausted';

export interface ProviderRecord {
  readonly name: string;
  readonly kind: string;
  /** Undefined until this replica has led: a stand-by has no schedule. */
  schedule: ScheduleRecord | undefined;
  /** The latest, the oldest of them first; at most {@link RECENT_CALLS}. */
  calls: readonly CallRecord[];
  /** Provider's clock minus ours. */
  clockSkewMs: number | undefined;
  /** Undefined until its calls have come near their limit for the first time. */
  fetchBudget: BudgetState | undefined;
  /** Undefined without one, and until the store has been asked. */
  versionBudget: number | undefined;
  /** Undefined unless customers are discovered. */
  discovery: { readonly customers: number; readonly rejected: number } | undefined;
}

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

export function noteCall(record: ProviderRecord, call: CallRecord): void {
  record.calls = [...record.calls.slice(1 - RECENT_CALLS), call];
}

/** The middle one of the recent durations; `undefined` without calls. */
export function medianCallMs({ calls }: Pick<ProviderRecord, 'calls'>): number | undefined {
  const sorted = calls.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
