/**
 * How the refreshes of one token get by with the versions that its secret may get in 24 hours.
 *
 * Guarantee: a plan is never later than its latest moment and never earlier than it would be without a budget; the fewer
 * versions are left, the later it is. If the longest pace fits the budget, plans that are followed never exceed it.
 * If it does not fit, because a provider hands out tokens that live shorter than the settings were made for, the budget
 * is a wall ({@link decideRoomAt}): readers are served for as long as versions last, and again as they age out.
 * Non-guarantee: writes that nobody planned (explicit refreshes, other programs) may use up what was spared.
 */
import type { RecentWrites } from './recent-writes.ts';
import { VERSION_DAY_MS } from './recent-writes.ts';

/** Versions a secret may get in 24 hours; `none` for stores and tests without the quota. */
export type VersionBudget = number | 'none';

/** A refresh comes up to half a tick early, and the store's clock may differ a little: versions age this much slower. */
const AGING_SLACK_MS = 15_000;

const LOW_PERCENT = 85;
/** Between the two nothing changes, so that a count that wavers around one of them is told once. */
const RECOVERED_PERCENT = 80;
const EXCEEDED_FOR_MS = 3_600_000;

/** The count at which the budget is nearly used: 85 % of it. */
export function lowMark(budget: number): number {
  return Math.ceil((budget * LOW_PERCENT) / 100);
}

/** Versions in 24 hours that the cadence aims for: the rest is for explicit refreshes and other programs. */
export function pacedVersions(budget: number): number {
  return Math.max(1, lowMark(budget) - 1);
}

export interface StretchInput {
  /** All writes of the last 24 hours, ascending; the newest is that of the token whose refresh is planned. */
  readonly writesAtMs: readonly number[];
  readonly budget: number;
  /** When the refresh is due while there is no shortage. */
  readonly plannedAtMs: number;
  /** When it is due at the latest; not before `plannedAtMs`. */
  readonly latestAtMs: number;
  /** How much earlier the refresh is wanted this time, to spread a provider's tokens; 0 for not at all. */
  readonly offsetMs: number;
}

/**
 * When a token is refreshed so that the versions last: between the planned and the latest moment, such that the rest of
 * what the cadence aims for, spread evenly, lasts until old versions age out. All times on one clock, in milliseconds.
 */
export function decideStretchedRefreshAt(input: StretchInput): number {
  const { writesAtMs, budget, plannedAtMs, latestAtMs, offsetMs } = input;
  const newestMs = writesAtMs.at(-1);
  if (newestMs === undefined) return plannedAtMs - offsetMs;
  const aimed = pacedVersions(budget);
  const evenAtMs = newestMs + longestWait(writesAtMs, aimed, (room, left) => room / left);
  const wantedAtMs = Math.min(Math.max(evenAtMs, plannedAtMs), latestAtMs) - offsetMs;
  return Math.min(latestAtMs, Math.max(wantedAtMs, decideAffordableAt(input)));
}

/** The earliest moment after which the longest pace still stays within the whole budget. Times as above. */
export function decideAffordableAt({
  writesAtMs,
  budget,
  latestAtMs,
}: Pick<StretchInput, 'writesAtMs' | 'budget' | 'latestAtMs'>): number {
  const newestMs = writesAtMs.at(-1);
  if (newestMs === undefined) return Number.NEGATIVE_INFINITY;
  const longestMs = latestAtMs - newestMs;
  return newestMs + longestWait(writesAtMs, budget, (room, left) => room - (left - 1) * longestMs);
}

/** Whether one write every `longestPaceMs` needs more versions a day than the budget has. */
export function isBeyondBudget(longestPaceMs: number, budget: number): boolean {
  return longestPaceMs * budget < VERSION_DAY_MS;
}

/** When the next version is within the budget, whatever readers need; the newest write's time when it is at once. */
export function decideRoomAt(writesAtMs: readonly number[], budget: number): number {
  const newestMs = writesAtMs.at(-1);
  if (newestMs === undefined) return Number.NEGATIVE_INFINITY;
  const oldestMs = writesAtMs.at(-budget);
  return oldestMs === undefined ? newestMs : oldestMs + VERSION_DAY_MS + AGING_SLACK_MS;
}

/**
 * By the time of the `left`-th write to come, the write before which `allowed - left` newer ones exist must have aged
 * out. The strictest of these demands counts.
 */
function longestWait(
  writesAtMs: readonly number[],
  allowed: number,
  demand: (agesOutInMs: number, left: number) => number,
): number {
  const newestMs = writesAtMs.at(-1) ?? 0;
  let longestMs = Number.NEGATIVE_INFINITY;
  for (let newer = 0; newer < Math.min(allowed, writesAtMs.length); newer += 1) {
    const writtenAtMs = writesAtMs[writesAtMs.length - 1 - newer] ?? newestMs;
    const agesOutInMs = VERSION_DAY_MS + AGING_SLACK_MS - (newestMs - writtenAtMs);
    longestMs = Math.max(longestMs, demand(agesOutInMs, allowed - newer));
  }
  return longestMs;
}

/** Where a secret stands: `low` from 85 % on, `exhausted` while a write has needed more than there was. */
export type BudgetState = 'normal' | 'low' | 'exhausted';

export interface BudgetStanding {
  readonly former: BudgetState;
  readonly writes: RecentWrites;
  readonly budget: number;
  /** When a version was last needed and not left, or refused by the store; `undefined` for not yet. */
  readonly exceededAtMs: number | undefined;
  readonly nowMs: number;
}

/** A shortage is over an hour after the last write that met it, so that it is told once and not at each write. */
export function decideBudgetState({
  former,
  writes,
  budget,
  exceededAtMs,
  nowMs,
}: BudgetStanding): BudgetState {
  if (exceededAtMs !== undefined && nowMs - exceededAtMs < EXCEEDED_FOR_MS) return 'exhausted';
  const versions = writes.count(nowMs);
  if (versions >= lowMark(budget)) return 'low';
  const isRecovered = versions < (budget * RECOVERED_PERCENT) / 100 || former === 'normal';
  return isRecovered ? 'normal' : 'low';
}
