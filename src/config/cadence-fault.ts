/** What is wrong with a provider's schedule: against the lifetime, the readers, the provider, the calls and the version quota. */

import type { VersionBudget } from '../core/limits/version-pace.ts';
import {
  type Cadence,
  type CadencePolicy,
  decideCadence,
  explainInfeasible,
} from '../core/schedule/cadence.ts';
import type { StoreRules } from '../core/store-kind.ts';
import { DAY_MS, formatRounded } from '../core/wire/duration.ts';
import type { ClassicSchedule } from './provider-schema.ts';
import { type BudgetVerdict, decideBudget } from './write-budget.ts';

export interface CadenceCheckInput {
  readonly lifetimeMs: number;
  readonly policy: CadencePolicy;
  /** A user's own cron expression; the policy has no `refreshAfter` then. */
  readonly classic: ClassicSchedule | undefined;
  /** `undefined` when it is not known, because the file is wrong there: not checked. */
  readonly budget: VersionBudget | undefined;
  /** `undefined` as above. */
  readonly deadlines: CallDeadlines | undefined;
  readonly rules: PaceRules;
  readonly shared: SharedSettings;
}

/** Where the settings of the store are. */
interface SharedSettings {
  /** Path of the store's section, and that of the staleness, for people. */
  readonly store: string;
  readonly staleness: string;
  /** Continues a remedy: which other place has no quota of versions; `undefined`: none is known. */
  readonly elsewhere?: string | undefined;
}

/** What the store's rules say of how often it may be written, and how long that takes. */
type PaceRules = Pick<StoreRules, 'versions' | 'callsPerPublish'>;

/** How long the calls of one refresh may take. */
interface CallDeadlines {
  /** Of the call to the provider. */
  readonly timeoutMs: number;
  /** Of one call to the store, of which a publish may take several. */
  readonly storeTimeoutMs: number;
}

/** Why a schedule is refused. `pace`: more writes than the store asks for; `budget`: more than the configured number. */
export interface CadenceFault {
  readonly kind: 'shape' | 'deadlines' | 'gaps' | 'pace' | 'budget';
  readonly text: string;
}

/** The first thing that is wrong; `undefined` when the schedule works. */
export function findFault(input: CadenceCheckInput): CadenceFault | undefined {
  return input.classic === undefined ? findDerivedFault(input) : findClassicFault(input, input.classic);
}

function findDerivedFault(input: CadenceCheckInput): CadenceFault | undefined {
  const { lifetimeMs, policy, deadlines, rules } = input;
  const cadence = decideBudgetedCadence(input);
  const text = explainInfeasible(cadence, policy, input.shared.staleness);
  if (text !== undefined) return { kind: 'shape', text };
  // Only what was written is refused: with short lifetimes the usual margin is less as well, and mostly enough.
  if (policy.refreshAfter !== undefined && deadlines !== undefined) {
    const wanted = decideCadence(lifetimeMs, { ...policy, stalenessMs: 0 });
    if (wanted.marginMs < needMs(deadlines, rules)) {
      const afterMs = formatRounded(wanted.refreshEveryMs);
      return {
        kind: 'deadlines',
        text: `refreshAfter ${afterMs} ${describeShortMargin(wanted.marginMs, input, deadlines)}`,
      };
    }
  }
  return findBudgetFault(input);
}

function findClassicFault(
  input: CadenceCheckInput,
  { expression, gaps }: ClassicSchedule,
): CadenceFault | undefined {
  const { lifetimeMs, policy } = input;
  // The provider's interval is held against the expression's own gaps below.
  const lenient = { ...policy, minIntervalMs: 0 };
  const latest = decideCadence(lifetimeMs, lenient);
  const text = explainInfeasible(latest, lenient, input.shared.staleness);
  if (text !== undefined) return { kind: 'shape', text };
  if (gaps.largestGapMs > latest.refreshEveryMs) {
    return {
      kind: 'gaps',
      text:
        `"${expression}" leaves up to ${formatRounded(gaps.largestGapMs)} between two refreshes, but a token that lives ` +
        `${formatRounded(lifetimeMs)} must be refreshed every ${formatRounded(latest.refreshEveryMs)}`,
    };
  }
  if (gaps.smallestGapMs < policy.minIntervalMs) {
    return {
      kind: 'gaps',
      text:
        `"${expression}" fires twice within ${formatRounded(gaps.smallestGapMs)}, sooner than minInterval ` +
        formatRounded(policy.minIntervalMs),
    };
  }
  return findBudgetFault(input);
}

function findBudgetFault(input: CadenceCheckInput): CadenceFault | undefined {
  const verdict = judgeBudget(input);
  if (verdict?.kind !== 'over') return undefined;
  const { policy, shared } = input;
  const isGuidance = verdict.limit === 'guidance';
  const cause =
    isGuidance && policy.stalenessMs > 0
      ? `with ${shared.staleness} ${formatRounded(policy.stalenessMs)} `
      : '';
  return { kind: isGuidance ? 'pace' : 'budget', text: `${cause}${verdict.problem}` };
}

/** Where the schedule stands against the version budget; `undefined` when that is not known. */
export function judgeBudget(input: CadenceCheckInput): BudgetVerdict | undefined {
  const { classic, budget, rules } = input;
  if (budget === undefined) return undefined;
  // One short gap an hour is no sustained rate: what counts against the quota is the number of firings in a day.
  if (classic !== undefined) return decideBudget(rules.versions, DAY_MS / classic.gaps.firingsPerDay, budget);
  const { refreshEveryMs, lifetimeMs, leastMarginMs } = decideBudgetedCadence(input);
  return decideBudget(rules.versions, refreshEveryMs, budget, lifetimeMs - leastMarginMs);
}

function decideBudgetedCadence({ lifetimeMs, policy, budget }: CadenceCheckInput): Cadence {
  return decideCadence(lifetimeMs, budget === undefined ? policy : { ...policy, versionBudget: budget });
}

/** A refresh whose calls all take as long as they may. */
export function needMs({ timeoutMs, storeTimeoutMs }: CallDeadlines, { callsPerPublish }: PaceRules): number {
  return timeoutMs + callsPerPublish * storeTimeoutMs;
}

/** @param beyond what the margin does not count, in words; empty for nothing */
export function describeShortMargin(
  marginMs: number,
  { rules, shared }: Pick<CadenceCheckInput, 'rules' | 'shared'>,
  deadlines: CallDeadlines,
  beyond = '',
): string {
  return (
    `leaves a margin of ${formatRounded(marginMs)}${beyond}, less than the ${formatRounded(needMs(deadlines, rules))} that the calls of a ` +
    `refresh may take (timeout ${formatRounded(deadlines.timeoutMs)}, and ${shared.store}.timeout ` +
    `${formatRounded(deadlines.storeTimeoutMs)}${inTimes(rules.callsPerPublish)})`
  );
}

function inTimes(calls: number): string {
  if (calls === 1) return '';
  return calls === 2 ? ' twice' : ` ${calls} times`;
}
