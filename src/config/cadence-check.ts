/** Whether a provider's schedule can work, what would, and what is worth knowing about it. */

import type { VersionBudget } from '../core/limits/version-pace.ts';
import { type CadencePolicy, decideCadence, decideTolerableCadence } from '../core/schedule/cadence.ts';
import { guidedVersions, type VersionRules } from '../core/store-kind.ts';
import { DAY_MS, formatRounded } from '../core/wire/duration.ts';
import {
  type CadenceCheckInput,
  describeShortMargin,
  findFault,
  judgeBudget,
  needMs,
} from './cadence-fault.ts';
import { type CadenceSetting, describeTimeout, findRemedy } from './cadence-remedy.ts';
import type { ClassicSchedule } from './provider-schema.ts';

export interface CadenceFinding {
  /** `note`: it works, and is worth showing. */
  readonly kind: 'note' | 'problem';
  readonly setting: CadenceSetting;
  readonly text: string;
  /** See {@link Remedy.demand}. */
  readonly demand?: number | undefined;
}

interface CadenceVerdict {
  /** One problem, or any number of notes. */
  readonly findings: readonly CadenceFinding[];
  /** How often each token is refreshed while all is well, in milliseconds; of a problem, once it is solved as proposed. */
  readonly everyMs: number;
}

export function checkCadence(input: CadenceCheckInput): CadenceVerdict {
  const fault = findFault(input);
  const paceOf = ({ lifetimeMs, policy, classic }: CadenceCheckInput): number =>
    regularEveryMs(lifetimeMs, policy, classic);
  if (fault === undefined)
    return { findings: [...noteBudget(input), ...noteDeadlines(input)], everyMs: paceOf(input) };
  const { setting, text, demand, remedied = input } = findRemedy(input, fault.kind);
  return {
    findings: [{ kind: 'problem', setting, text: `${fault.text}; ${text}`, demand }],
    everyMs: paceOf(remedied),
  };
}

function noteBudget(input: CadenceCheckInput): readonly CadenceFinding[] {
  const verdict = judgeBudget(input);
  if (verdict?.kind !== 'stretched' && verdict?.kind !== 'tight') return [];
  const pace = input.classic === undefined ? 'refreshAfter' : 'schedule';
  const setting = verdict.kind === 'stretched' ? 'versionBudget' : pace;
  return [{ kind: 'note', setting, text: verdict.note }];
}

function noteDeadlines(input: CadenceCheckInput): readonly CadenceFinding[] {
  const { policy, deadlines, lifetimeMs, classic } = input;
  if (deadlines === undefined) return [];
  const { stalenessMs } = policy;
  const { refreshEveryMs, tickMs } = decideCadence(lifetimeMs, policy);
  const everyMs = classic?.gaps.largestGapMs ?? refreshEveryMs;
  // A classic schedule refreshes when it fires.
  const lateMs = classic === undefined ? tickMs / 2 : 0;
  // What is left when a reader's copy is as old as it may be, and the refresh as late.
  const marginMs = lifetimeMs - everyMs - stalenessMs - lateMs;
  if (marginMs >= needMs(deadlines, input.rules)) return [];
  const taken = [
    ...(stalenessMs > 0 ? [`${input.shared.staleness} ${formatRounded(stalenessMs)}`] : []),
    ...(lateMs > 0 ? [`half a tick of ${formatRounded(tickMs)}`] : []),
  ];
  const beyond = taken.length === 0 ? '' : ` beyond ${taken.join(' and ')}`;
  // Rounded up it could look like enough.
  const shownMs = Math.floor(marginMs / 1000) * 1000;
  const text = `the schedule ${describeShortMargin(shownMs, input, deadlines, beyond)}${describeTimeout(input, marginMs)}`;
  return [{ kind: 'note', setting: 'timeout', text }];
}

/** A number above the store's guidance allows nothing more, and the warnings that are calculated from it come too late. */
export function noteGenerousBudget(
  rules: VersionRules | undefined,
  budget: VersionBudget | undefined,
): string | undefined {
  if (rules === undefined || budget === undefined || budget === 'none') return undefined;
  const guided = guidedVersions(rules);
  if (budget <= guided) return undefined;
  return (
    `${budget} is more than the ${guided} versions a day that ${rules.vendor} asks for: warnings and put-off refreshes, which ` +
    `follow this number, may come after ${rules.service} has refused a write; at most ${guided} works, or none if the store has no such quota`
  );
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
