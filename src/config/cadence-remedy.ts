/**
 * What to change so that a schedule works.
 *
 * Guarantee: a setting that is proposed works as it stands, with all other settings as they are or as the same message
 * proposes them, and it is the furthest one that does: a second more (or less) is refused. What is proposed is found by
 * asking {@link findFault} itself, so that no message can send anybody to the next one.
 */

import { decideCadence, refreshAfterMs, TICK_PERIODS_MS } from '../core/schedule/cadence.ts';
import { guidedVersions } from '../core/store-kind.ts';
import { DAY_MS, formatDuration, formatRounded, HOUR_MS, MINUTE_MS } from '../core/wire/duration.ts';
import { type CadenceCheckInput, type CadenceFault, findFault, needMs } from './cadence-fault.ts';

/** The setting that a verdict is about. */
export type CadenceSetting =
  | 'staleness'
  | 'minInterval'
  | 'versionBudget'
  | 'schedule'
  | 'refreshAfter'
  | 'timeout'
  | 'lifetime';

interface Remedy {
  /** Where the cause is. */
  readonly setting: CadenceSetting;
  /** `a staleness of at most 4m30s works`. */
  readonly text: string;
  /** The settings as proposed; `undefined` where only the provider can help. */
  readonly remedied: CadenceCheckInput | undefined;
  /** How much is asked of a setting that providers share, to be compared with other providers'; only where it alone helps. */
  readonly demand?: number;
}

type Settings = CadenceCheckInput;
type Adjustable = Exclude<CadenceSetting, 'timeout' | 'lifetime'>;

interface Bound {
  readonly settings: Settings;
  readonly demand?: number;
  readonly text: string;
}

/** Any schedule works with it. */
const MAX_LIFETIME_MS = 30 * DAY_MS;
const MIN_TIMEOUT_MS = 100;

/** In the order in which they are held responsible, when each of several would do. */
const ORDER: readonly Adjustable[] = [
  'staleness',
  'schedule',
  'minInterval',
  'refreshAfter',
  'versionBudget',
];
/** A number that the user chose is to blame for being too small before anything else is. */
const BUDGET_ORDER: readonly Adjustable[] = [
  'versionBudget',
  ...ORDER.filter((setting) => setting !== 'versionBudget'),
];

/** @param settings for which {@link findFault} has found a fault of this kind */
export function findRemedy(settings: Settings, fault: CadenceFault['kind']): Remedy {
  const order = fault === 'budget' ? BUDGET_ORDER : ORDER;
  const remedy = adjust(settings, order);
  const unlimited: Settings = { ...settings, budget: 'none' };
  if (remedy !== undefined) {
    const isEnough = fault === 'pace' && works(unlimited);
    return isEnough ? { ...remedy, text: `${remedy.text}, ${otherStore(settings)}` } : remedy;
  }
  const setting = settings.policy.refreshAfter === undefined ? 'lifetime' : 'refreshAfter';
  const longer = lengthen(settings, order);
  if (works(unlimited)) return { ...longer, setting, text: `${longer.text}, ${otherStore(settings)}` };
  const others = adjust(unlimited, order);
  if (others === undefined) return { ...longer, setting };
  return {
    ...longer,
    setting: others.setting,
    text: `${longer.text}, ${otherStore(settings)} together with: ${others.text}`,
  };
}

/** The end of a note about deadlines that are longer than the margin. */
export function describeTimeout(settings: Settings, marginMs: number): string {
  const { deadlines, rules } = settings;
  if (deadlines === undefined) return '';
  const calls = rules.callsPerPublish;
  const timeoutMs = roundDown(marginMs - calls * deadlines.storeTimeoutMs, settings);
  if (timeoutMs >= MIN_TIMEOUT_MS) return `; a timeout of at most ${formatDuration(timeoutMs)} works`;
  const storeMs = roundDown((marginMs - MIN_TIMEOUT_MS) / calls, settings);
  const restMs = roundDown(marginMs - calls * storeMs, settings);
  return storeMs < MIN_TIMEOUT_MS || restMs < MIN_TIMEOUT_MS
    ? ''
    : `; a ${settings.shared.store}.timeout of at most ${formatDuration(storeMs)} with a timeout of at most ${formatDuration(restMs)} works`;
}

function otherStore({ shared }: Settings): string {
  const elsewhere = shared.elsewhere === undefined ? '' : `, ${shared.elsewhere}`;
  return `or versionBudget: none if the store has no such quota${elsewhere}`;
}

/** Changes as few settings as possible. */
function adjust(settings: Settings, order: readonly Adjustable[]): Remedy | undefined {
  const chosen = chooseCauses(settings, order);
  const [first] = chosen ?? [];
  if (chosen === undefined || first === undefined) return undefined;
  const bounds: Bound[] = [];
  for (const setting of chosen) {
    const others = bounds.at(-1)?.settings ?? loosenAll(chosen, settings);
    bounds.push(tighten(setting, settings, others));
  }
  const last = bounds.at(-1);
  const text = bounds.map((bound) => bound.text).join(' with ');
  return {
    setting: first,
    text: chosen.length === 1 && first === 'schedule' ? text : `${text} works`,
    remedied: last?.settings,
    ...(chosen.length === 1 && last?.demand !== undefined ? { demand: last.demand } : {}),
  };
}

/** The fewest settings that have to change; `undefined` when that is not enough. */
function chooseCauses(settings: Settings, order: readonly Adjustable[]): readonly Adjustable[] | undefined {
  const written = order.filter((setting) => loosen(setting, settings) !== undefined);
  return written
    .flatMap((_, index) => combinations(written, index + 1))
    .find((chosen) => works(loosenAll(chosen, settings)));
}

function loosenAll(chosen: readonly Adjustable[], settings: Settings): Settings {
  return chosen.reduce((each, setting) => loosen(setting, each) ?? each, settings);
}

function works(settings: Settings): boolean {
  return findFault(settings) === undefined;
}

/** The setting as lenient as it can be; `undefined` when it is so already, or is not in use. */
function loosen(setting: Adjustable, settings: Settings): Settings | undefined {
  const { policy, classic, budget } = settings;
  switch (setting) {
    case 'staleness':
      return policy.stalenessMs === 0 ? undefined : withPolicy(settings, { stalenessMs: 0 });
    case 'minInterval':
      return policy.minIntervalMs === 0 ? undefined : withPolicy(settings, { minIntervalMs: 0 });
    case 'schedule':
      return classic === undefined ? undefined : { ...settings, classic: undefined };
    case 'refreshAfter':
      return classic === undefined ? withRefreshAfter(settings, latestRefreshAfter(settings)) : undefined;
    case 'versionBudget':
      return typeof budget !== 'number' || budget >= guidedBudget(settings)
        ? undefined
        : { ...settings, budget: guidedBudget(settings) };
  }
}

/**
 * The furthest value that still works.
 * @param written all settings as they are in the file
 * @param loosened with which the schedule works
 */
function tighten(setting: Adjustable, written: Settings, loosened: Settings): Bound {
  switch (setting) {
    case 'staleness':
    case 'minInterval': {
      const key = setting === 'staleness' ? 'stalenessMs' : 'minIntervalMs';
      const change = (value: number): Settings => withPolicy(loosened, { [key]: value });
      const most = furthest(0, written.policy[key], stepOf(written), (value) => works(change(value)));
      const only = most === 0 ? 'only a' : 'a';
      const limit = most === 0 ? '0s' : `at most ${formatDuration(most)}`;
      return { settings: change(most), demand: -most, text: `${only} ${setting} of ${limit}` };
    }
    case 'versionBudget': {
      const change = (budget: number): Settings => ({ ...loosened, budget });
      const from = typeof written.budget === 'number' ? written.budget : 0;
      const least = furthest(guidedBudget(written), from, 1, (value) => works(change(value)));
      return { settings: change(least), demand: least, text: `a versionBudget of at least ${least}` };
    }
    case 'schedule': {
      const proposal = proposeExpression(written, loosened);
      const text = `leave schedule out (it is then refreshed every ${formatRounded(decideCadence(loosened.lifetimeMs, loosened.policy).refreshEveryMs)})`;
      return { settings: loosened, text: proposal === undefined ? text : `${text} or use "${proposal}"` };
    }
    case 'refreshAfter': {
      const latestMs = latestRefreshAfter(loosened);
      const change = (value: number): Settings => withRefreshAfter(loosened, value);
      const { refreshAfter } = written.policy;
      const wantedMs = refreshAfter === undefined ? 0 : refreshAfterMs(written.lifetimeMs, refreshAfter);
      if (wantedMs > latestMs)
        return { settings: change(latestMs), text: `a refreshAfter of at most ${formatDuration(latestMs)}` };
      const least = furthest(latestMs, wantedMs, stepOf(written), (value) => works(change(value)));
      return { settings: change(least), text: `a refreshAfter of at least ${formatDuration(least)}` };
    }
  }
}

/** Of the expressions with equal gaps the one that fires least often. */
function proposeExpression(written: Settings, { policy }: Settings): string | undefined {
  const periodMs = TICK_PERIODS_MS.findLast((each) => {
    const gaps = { largestGapMs: each, smallestGapMs: each, firingsPerDay: DAY_MS / each };
    return works({ ...written, policy, classic: { expression: expressionOf(each), gaps } });
  });
  return periodMs === undefined ? undefined : expressionOf(periodMs);
}

/** The most that a number can do; 0 where the store has no quota, and a number does nothing. */
function guidedBudget({ rules: { versions } }: Settings): number {
  return versions === undefined ? 0 : guidedVersions(versions);
}

/** Plain cron: 720,000 ms is every 12 minutes. */
function expressionOf(periodMs: number): string {
  if (periodMs < MINUTE_MS) return `${every(periodMs / 1000)} * * * * *`;
  if (periodMs < HOUR_MS) return `${every(periodMs / MINUTE_MS)} * * * *`;
  return `0 ${every(periodMs / HOUR_MS)} * * *`;
}

function every(step: number): string {
  return step === 1 ? '*' : `*/${step}`;
}

/** What only the provider can change, and what else has to be changed then. */
function lengthen(settings: Settings, order: readonly Adjustable[]): Omit<Remedy, 'setting'> {
  const change = (lifetimeMs: number): Settings => ({ ...settings, lifetimeMs });
  const isEnough = (lifetimeMs: number): boolean =>
    works(change(lifetimeMs)) || chooseCauses(change(lifetimeMs), order) !== undefined;
  const leastMs = furthest(MAX_LIFETIME_MS, settings.lifetimeMs, 1000, isEnough);
  const longer = change(leastMs);
  const text = `ask the provider for a lifetime of at least ${formatDuration(leastMs)}`;
  const others = works(longer) ? undefined : adjust(longer, order);
  if (others === undefined) return { text, remedied: longer };
  return { text: `${text} with ${others.text}`, remedied: others.remedied };
}

/**
 * The value nearest to `beyond` that still works, in steps.
 * @param from works
 * @param beyond does not
 */
function furthest(from: number, beyond: number, step: number, isFine: (value: number) => boolean): number {
  const direction = Math.sign(beyond - from);
  // Steps are counted from zero, so that whole seconds are proposed.
  const align = direction > 0 ? Math.floor : Math.ceil;
  let good = align(from / step);
  let bad = direction > 0 ? Math.ceil(beyond / step) : Math.floor(beyond / step);
  while (Math.abs(bad - good) > 1) {
    const middle = Math.trunc((good + bad) / 2);
    if (isFine(middle * step)) good = middle;
    else bad = middle;
  }
  return good * step;
}

/** Whole seconds, unless lives are so short that tenths matter. */
function stepOf({ lifetimeMs }: Settings): number {
  return lifetimeMs >= 60_000 ? 1000 : 100;
}

function roundDown(valueMs: number, settings: Settings): number {
  const step = stepOf(settings);
  return Math.floor(valueMs / step) * step;
}

function latestRefreshAfter(settings: Settings): number {
  const { lifetimeMs, deadlines, rules } = settings;
  const needed = deadlines === undefined ? 1 : needMs(deadlines, rules);
  return Math.max(stepOf(settings), roundDown(lifetimeMs - needed, settings));
}

function withPolicy(settings: Settings, policy: Partial<Settings['policy']>): Settings {
  return { ...settings, policy: { ...settings.policy, ...policy } };
}

function withRefreshAfter(settings: Settings, durationMs: number): Settings {
  return withPolicy(settings, { refreshAfter: { kind: 'duration', durationMs } });
}

function combinations<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) =>
    combinations(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]),
  );
}
