/** Whether a provider's schedule can work: against the lifetime, the readers, the provider and the version quota. */
import {
  type CadencePolicy,
  decideCadence,
  decideTolerableCadence,
  explainInfeasible,
  inSeconds,
  TICK_PERIODS_MS,
} from '../core/cadence.ts';
import type { VersionBudget } from '../core/version-pace.ts';
import { decideBudget } from '../core/write-budget.ts';
import type { ClassicSchedule } from './provider-schema.ts';

export interface CadenceCheckInput {
  readonly lifetimeMs: number;
  readonly policy: CadencePolicy;
  /** A user's own cron expression; the policy has no `refreshAfter` then. */
  readonly classic: ClassicSchedule | undefined;
  /** `undefined` when it is not known, because the file is wrong there: not checked. */
  readonly budget: VersionBudget | undefined;
}

/** The setting that a verdict is about. */
export type CadenceSetting = 'staleness' | 'minInterval' | 'versionBudget' | 'schedule' | 'refreshAfter';

export type CadenceVerdict =
  | { readonly kind: 'fine' }
  /** Works, and worth showing. */
  | { readonly kind: 'note'; readonly setting: CadenceSetting; readonly text: string }
  | { readonly kind: 'problem'; readonly setting: CadenceSetting; readonly text: string };

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function checkCadence(input: CadenceCheckInput): CadenceVerdict {
  return input.classic === undefined ? checkDerived(input) : checkClassic(input, input.classic);
}

/** How often each token is refreshed while all is well, in milliseconds. */
export function regularEveryMs(
  lifetimeMs: number,
  policy: CadencePolicy,
  classic: Pick<ClassicSchedule, 'gaps'> | undefined,
): number {
  return classic === undefined
    ? decideTolerableCadence(lifetimeMs, policy).refreshEveryMs
    : DAY_MS / classic.gaps.firingsPerDay;
}

/** The largest period of plain cron that is not longer than the limit: 840 s -> every 12 minutes. */
export function classicExpressionWithin(
  limitMs: number,
): { readonly expression: string; readonly periodMs: number } | undefined {
  const periodMs = TICK_PERIODS_MS.findLast((period) => period <= limitMs);
  if (periodMs === undefined) return undefined;
  if (periodMs < MINUTE_MS) return { expression: `${every(periodMs / 1000)} * * * * *`, periodMs };
  if (periodMs < HOUR_MS) return { expression: `${every(periodMs / MINUTE_MS)} * * * *`, periodMs };
  return { expression: `0 ${every(periodMs / HOUR_MS)} * * *`, periodMs };
}

function checkDerived({ lifetimeMs, policy, budget }: CadenceCheckInput): CadenceVerdict {
  const cadence = decideCadence(
    lifetimeMs,
    budget === undefined ? policy : { ...policy, versionBudget: budget },
  );
  const text = explainInfeasible(cadence, policy);
  if (text !== undefined) return { kind: 'problem', setting: findCause(lifetimeMs, policy), text };
  return checkBudget(cadence.refreshEveryMs, budget, 'refreshAfter', lifetimeMs - cadence.leastMarginMs);
}

function checkClassic(
  { lifetimeMs, policy, budget }: CadenceCheckInput,
  { expression, gaps }: ClassicSchedule,
): CadenceVerdict {
  // The provider's interval is held against the expression's own gaps below.
  const lenient = { ...policy, minIntervalMs: 0 };
  const latest = decideCadence(lifetimeMs, lenient);
  const staleness = explainInfeasible(latest, lenient);
  if (staleness !== undefined) return { kind: 'problem', setting: 'staleness', text: staleness };
  const limitMs = latest.refreshEveryMs;
  if (gaps.largestGapMs > limitMs) {
    const text =
      `"${expression}" leaves up to ${inSeconds(gaps.largestGapMs)} between two refreshes, but a token that lives ` +
      `${inSeconds(lifetimeMs)} must be refreshed every ${inSeconds(limitMs)}; leave schedule out (it is then refreshed ` +
      `every ${inSeconds(limitMs)})${proposeClassic(limitMs, policy.minIntervalMs, budget)}`;
    return { kind: 'problem', setting: 'schedule', text };
  }
  if (gaps.smallestGapMs < policy.minIntervalMs) {
    const text =
      `"${expression}" fires twice within ${inSeconds(gaps.smallestGapMs)}, sooner than minInterval ` +
      `${inSeconds(policy.minIntervalMs)}; leave schedule out, or use an expression with equal gaps`;
    return { kind: 'problem', setting: 'schedule', text };
  }
  // One short gap an hour is no sustained rate: what counts against the quota is the number of firings in a day.
  return checkBudget(DAY_MS / gaps.firingsPerDay, budget, 'schedule');
}

function proposeClassic(limitMs: number, minIntervalMs: number, budget: VersionBudget | undefined): string {
  const proposal = classicExpressionWithin(limitMs);
  if (proposal === undefined || proposal.periodMs < minIntervalMs) return '';
  if (budget !== undefined && decideBudget(proposal.periodMs, budget).kind === 'over') return '';
  return ` or use "${proposal.expression}"`;
}

function checkBudget(
  everyMs: number,
  budget: VersionBudget | undefined,
  pace: 'schedule' | 'refreshAfter',
  longestEveryMs: number = everyMs,
): CadenceVerdict {
  if (budget === undefined) return { kind: 'fine' };
  const verdict = decideBudget(everyMs, budget, longestEveryMs);
  switch (verdict.kind) {
    case 'comfortable':
      return { kind: 'fine' };
    case 'tight':
      return { kind: 'note', setting: pace, text: verdict.note };
    case 'stretched':
      return { kind: 'note', setting: 'versionBudget', text: verdict.note };
    case 'over': {
      // Faster than AWS allows is the pace's fault; more than a number that the user chose is that number's.
      const isNumbersFault =
        budget !== 'none' && decideBudget(everyMs, Number.MAX_SAFE_INTEGER).kind !== 'over';
      return { kind: 'problem', setting: isNumbersFault ? 'versionBudget' : pace, text: verdict.problem };
    }
  }
}

/** The setting without which the schedule would work. */
function findCause(lifetimeMs: number, policy: CadencePolicy): CadenceSetting {
  const works = (changed: CadencePolicy): boolean =>
    explainInfeasible(decideCadence(lifetimeMs, changed), changed) === undefined;
  if (works({ ...policy, stalenessMs: 0 })) return 'staleness';
  return works({ ...policy, minIntervalMs: 0 }) ? 'minInterval' : 'refreshAfter';
}

function every(step: number): string {
  return step === 1 ? '*' : `*/${step}`;
}
