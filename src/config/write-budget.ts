/** How many versions of a secret the refreshes make, against what the store allows. */

import { pacedVersions, VERSION_DAY_MS, type VersionBudget } from '../core/limits/version-pace.ts';
import { guidedVersions, type VersionRules } from '../core/store-kind.ts';
import { formatSeconds } from '../core/wire/time-text.ts';

/** Writes in 24 hours at one write every `intervalMs`. */
export function writesPerDay(intervalMs: number): number {
  return VERSION_DAY_MS / intervalMs;
}

/** Where a cadence stands against the budget. */
export type BudgetVerdict =
  | { readonly kind: 'comfortable' }
  /** Within the store's guidance, but nearer to its quota than a careful reading allows; worth showing. */
  | { readonly kind: 'tight'; readonly note: string }
  /** Lives within the budget by putting refreshes off; `everyMs` is the pace that it comes to. */
  | { readonly kind: 'stretched'; readonly note: string; readonly everyMs: number }
  /** More than the store asks for (`guidance`), or than the configured number (`budget`). */
  | { readonly kind: 'over'; readonly limit: 'guidance' | 'budget'; readonly problem: string };

/**
 * @param rules `undefined`: the store has no quota, and a number is the user's own wish
 * @param refreshEveryMs shortest time between two writes to one secret that is sustained
 * @param longestEveryMs the same when refreshes are delayed as far as readers allow; for a pace that the user has
 *   fixed it is no longer
 */
export function decideBudget(
  rules: VersionRules | undefined,
  refreshEveryMs: number,
  budget: VersionBudget,
  longestEveryMs: number = refreshEveryMs,
): BudgetVerdict {
  if (rules === undefined || budget === 'none') return { kind: 'comfortable' };
  const { vendor, service, sustainedEveryMs } = rules;
  const perDay = writesPerDay(refreshEveryMs);
  const leastPerDay = writesPerDay(longestEveryMs);
  const canStretch = longestEveryMs > refreshEveryMs;
  const pace = `a refresh every ${formatSeconds(refreshEveryMs)} writes ${rounded(perDay)} versions a day into one secret`;
  if (refreshEveryMs < sustainedEveryMs) {
    return {
      kind: 'over',
      limit: 'guidance',
      problem:
        `${pace}; ${vendor} asks for at most one write every ${formatSeconds(sustainedEveryMs)} ` +
        `(${guidedVersions(rules)} a day), beyond that ${service} runs into its version quota`,
    };
  }
  if (leastPerDay > budget) {
    const least = canStretch
      ? `, and delayed as far as readers allow, to every ${formatSeconds(longestEveryMs)}, still ${rounded(leastPerDay)}`
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
        `${pace}, ${share}; it is put off by up to ${formatSeconds(everyMs - refreshEveryMs)}, to every ` +
        `${formatSeconds(everyMs)}, which writes ${rounded(writesPerDay(everyMs))}`,
    };
  }
  if (perDay > rules.unquestionedPerDay) return { kind: 'tight', note: `${pace}, ${share}` };
  return { kind: 'comfortable' };
}

function rounded(value: number): string {
  return String(Number(value.toFixed(1)));
}
