/**
 * How the refreshes of one token get by with the versions that its secret may get in 24 hours.
 *
 * Guarantee: a plan is never later than its latest moment and never earlier than it would be without a budget; the fewer
 * versions are left, the later it is. If the longest pace fits the budget, plans that are followed never exceed it.
 * If it does not fit, because a provider hands out tokens that live shorter than the settings were made for, the budget
 * is a wall: readers are served for as long as versions last, and again as they age out.
 * Non-guarantee: writes that were not planned (explicit refreshes, other programs) may use up what was spared.
 */
import { isRecovered, lowMark, type QuotaState } from './quota.ts';

/** How long the store counts a version: "it keeps all versions created in the last 24 hours" (PutSecretValue). */
export const VERSION_DAY_MS = 86_400_000;

/** Versions a secret may get in 24 hours; `none` for stores and tests without the quota. */
export type VersionBudget = number | 'none';

/** A refresh comes up to half a tick early, and the store's clock may differ a little: versions age this much slower. */
const AGING_SLACK_MS = 15_000;

/** Versions in 24 hours that the cadence aims for: the rest is for explicit refreshes and other programs. */
export function pacedVersions(budget: number): number {
  return Math.max(1, lowMark(budget) - 1);
}

/** Of writes in ascending order, those of the last 24 hours. */
export function withinDay(writesAtMs: readonly number[], nowMs: number): readonly number[] {
  const oldestMs = writesAtMs[0];
  const isSame = oldestMs === undefined || nowMs - oldestMs < VERSION_DAY_MS;
  return isSame ? writesAtMs : writesAtMs.filter((writtenAtMs) => nowMs - writtenAtMs < VERSION_DAY_MS);
}

/** What a refresh is planned between; all times on one clock, in milliseconds. */
export interface PlanLimits {
  /** When the refresh is due while there is no shortage. */
  readonly plannedAtMs: number;
  /** When it is due at the latest; not before `plannedAtMs`. */
  readonly latestAtMs: number;
  /** How much earlier the refresh is wanted this time, to spread a provider's tokens; 0 for not at all. */
  readonly offsetMs: number;
}

export interface StretchInput extends PlanLimits {
  /** All writes of the last 24 hours, ascending; the newest is that of the token whose refresh is planned. */
  readonly writesAtMs: readonly number[];
  readonly budget: number;
}

/**
 * When a token is refreshed so that the versions last: between the planned and the latest moment, such that the rest of
 * what the cadence aims for, spread evenly, lasts until old versions age out.
 */
export function decideStretchedRefreshAt(input: StretchInput): number {
  const { writesAtMs, budget, plannedAtMs, latestAtMs, offsetMs } = input;
  const evenAtMs = strictest(writesAtMs, pacedVersions(budget), (room, left) => room / left) ?? plannedAtMs;
  const wantedAtMs = Math.min(Math.max(evenAtMs, plannedAtMs), latestAtMs) - offsetMs;
  return Math.min(latestAtMs, Math.max(wantedAtMs, decideAffordableAt(input) ?? wantedAtMs));
}

/** The earliest moment after which the longest pace still stays within the whole budget; `undefined`: any. */
export function decideAffordableAt({
  writesAtMs,
  budget,
  latestAtMs,
}: Omit<StretchInput, 'plannedAtMs' | 'offsetMs'>): number | undefined {
  const longestMs = latestAtMs - (writesAtMs.at(-1) ?? latestAtMs);
  return strictest(writesAtMs, budget, (room, left) => room - (left - 1) * longestMs);
}

/**
 * By the time of the `left`-th write to come, the write before which `allowed - left` newer ones exist must have aged
 * out. The strictest of these demands counts.
 * @returns `undefined`: nothing was written
 */
function strictest(
  writesAtMs: readonly number[],
  allowed: number,
  demand: (agesOutInMs: number, left: number) => number,
): number | undefined {
  const newestMs = writesAtMs.at(-1);
  if (newestMs === undefined) return undefined;
  const demandsMs = writesAtMs.slice(-allowed).map((writtenAtMs, index, { length }) => {
    const agesOutInMs = VERSION_DAY_MS + AGING_SLACK_MS - (newestMs - writtenAtMs);
    return demand(agesOutInMs, allowed - (length - 1 - index));
  });
  return newestMs + Math.max(...demandsMs);
}

export interface RefreshPlan extends PlanLimits {
  /** From one fetch to the next, as far as readers allow, in milliseconds. */
  readonly longestPaceMs: number;
}

/** What one secret may get, and what it got. */
export interface VersionSupply {
  readonly budget: number;
  /** All writes of the last 24 hours, ascending. */
  readonly writesAtMs: readonly number[];
  /** The store has lately refused a version: it allows less than was believed. */
  readonly wasRefused: boolean;
  /** When a token last lived so short that the budget is too small for one after the other. */
  readonly shortLifeAtMs: number | undefined;
}

export interface VersionPlan {
  readonly refreshAtMs: number;
  /** Readers will have no token before `refreshAtMs`, for want of versions. */
  readonly isTooLate: boolean;
  readonly shortLifeAtMs: number | undefined;
}

/** When to refresh a token whose write is about to be sent. */
export function decideVersionPlan(plan: RefreshPlan, supply: VersionSupply, nowMs: number): VersionPlan {
  const { budget, wasRefused } = supply;
  const { latestAtMs, longestPaceMs } = plan;
  const writesAtMs = [...supply.writesAtMs, nowMs];
  const wantedAtMs = wasRefused ? latestAtMs : decideStretchedRefreshAt({ ...plan, writesAtMs, budget });
  const shortLifeAtMs = longestPaceMs * budget < VERSION_DAY_MS ? nowMs : supply.shortLifeAtMs;
  const isWall = shortLifeAtMs !== undefined && nowMs - shortLifeAtMs < VERSION_DAY_MS;
  const oldestMs = isWall ? writesAtMs.at(-budget) : undefined;
  const roomAtMs = oldestMs === undefined ? nowMs : oldestMs + VERSION_DAY_MS + AGING_SLACK_MS;
  const refreshAtMs = Math.max(wantedAtMs, roomAtMs);
  return { refreshAtMs, isTooLate: refreshAtMs > latestAtMs, shortLifeAtMs };
}

/** @param isExceeded a version was lately needed and not left, or refused by the store */
export function decideBudgetState(
  former: QuotaState,
  versions: number,
  budget: number,
  isExceeded: boolean,
): QuotaState {
  if (isExceeded) return 'exhausted';
  if (versions >= lowMark(budget)) return 'low';
  return former === 'normal' || isRecovered(versions, budget) ? 'normal' : 'low';
}
