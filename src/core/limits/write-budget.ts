/**
 * How many versions of a secret the refreshes make, against what Secrets Manager allows.
 *
 * "Do not call PutSecretValue at a sustained rate of more than once every 10 minutes" (API reference): all versions of
 * the last 24 hours are kept and count towards a quota; versions cannot be deleted on request.
 */
import { inSeconds } from '../schedule/cadence.ts';
import { pacedVersions, VERSION_DAY_MS, type VersionBudget } from './version-pace.ts';

/** AWS's guidance for one secret. */
const MIN_SUSTAINED_MS = 600_000;
/** A careful reading of "keeps 100 of the most recent versions": one write in 14.4 minutes. */
const UNQUESTIONED_WRITES_PER_DAY = 100;

export const DEFAULT_VERSION_BUDGET = VERSION_DAY_MS / MIN_SUSTAINED_MS;

/** Writes in 24 hours at one write every `intervalMs`. */
export function writesPerDay(intervalMs: number): number {
  return VERSION_DAY_MS / intervalMs;
}

/** Where a cadence stands against the budget. */
export type BudgetVerdict =
  | { readonly kind: 'comfortable' }
  /** Within AWS's guidance, but nearer to the quota than a careful reading allows; worth showing. */
  | { readonly kind: 'tight'; readonly note: string }
  /** Lives within the budget by putting refreshes off; `everyMs` is the pace that it comes to. */
  | { readonly kind: 'stretched'; readonly note: string; readonly everyMs: number }
  /** More than AWS asks for (`guidance`), or than the configured number (`budget`). */
  | { readonly kind: 'over'; readonly limit: 'guidance' | 'budget'; readonly problem: string };

/**
 * @param refreshEveryMs shortest time between two writes to one secret that is sustained
 * @param longestEveryMs the same when refreshes are delayed as far as readers allow; for a pace that the user has
 *   fixed it is no longer
 */
export function decideBudget(
  refreshEveryMs: number,
  budget: VersionBudget,
  longestEveryMs: number = refreshEveryMs,
): BudgetVerdict {
  if (budget === 'none') return { kind: 'comfortable' };
  const perDay = writesPerDay(refreshEveryMs);
  const leastPerDay = writesPerDay(longestEveryMs);
  const canStretch = longestEveryMs > refreshEveryMs;
  const pace = `a refresh every ${inSeconds(refreshEveryMs)} writes ${rounded(perDay)} versions a day into one secret`;
  if (refreshEveryMs < MIN_SUSTAINED_MS) {
    return {
      kind: 'over',
      limit: 'guidance',
      problem:
        `${pace}; AWS asks for at most one write every ${inSeconds(MIN_SUSTAINED_MS)} ` +
        `(${DEFAULT_VERSION_BUDGET} a day), beyond that Secrets Manager runs into its version quota`,
    };
  }
  if (leastPerDay > budget) {
    const least = canStretch
      ? `, and delayed as far as readers allow, to every ${inSeconds(longestEveryMs)}, still ${rounded(leastPerDay)}`
      : '';
    return { kind: 'over', limit: 'budget', problem: `${pace}${least}, more than versionBudget ${budget}` };
  }
  const share = `${Math.round((perDay / budget) * 100)} % of versionBudget ${budget}`;
  if (canStretch && perDay > pacedVersions(budget)) {
    const everyMs = Math.min(longestEveryMs, VERSION_DAY_MS / pacedVersions(budget));
    return {
      kind: 'stretched',
      everyMs,
      note:
        `${pace}, ${share}; it is put off by up to ${inSeconds(everyMs - refreshEveryMs)}, to every ` +
        `${inSeconds(everyMs)}, which writes ${rounded(writesPerDay(everyMs))}`,
    };
  }
  if (perDay > UNQUESTIONED_WRITES_PER_DAY) return { kind: 'tight', note: `${pace}, ${share}` };
  return { kind: 'comfortable' };
}

function rounded(value: number): string {
  return String(Number(value.toFixed(1)));
}
