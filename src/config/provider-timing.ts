/** When a provider's tokens are refreshed: its timing settings, and whether they can work together. */

import { quote } from '../core/credential/secret-likeness.ts';
import { decideFetchLimit, type FetchLimit } from '../core/limits/fetch-limit.ts';
import type { VersionBudget } from '../core/limits/version-pace.ts';
import { type CadencePolicy, type RefreshAfter, refreshAfterMs } from '../core/schedule/cadence.ts';
import type { StoreRules } from '../core/store-kind.ts';
import { formatDuration } from '../core/wire/duration.ts';
import type { ConfiguredKind } from '../providers/provider.ts';
import { type CadenceFinding, checkCadence, noteGenerousBudget } from './cadence-check.ts';
import type { CadenceSetting } from './cadence-remedy.ts';
import type { ProviderConfiguration } from './configuration.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import type { Publication } from './publication.ts';
import type { EntryReading } from './token-entries.ts';
import { decideBudget } from './write-budget.ts';

type TimingSettings = Pick<
  ProviderConfiguration,
  'schedule' | 'lifetimeMs' | 'minIntervalMs' | 'fetchBudget' | 'timeoutMs' | 'concurrency' | 'versionBudget'
>;

/** What all providers have in common. */
export interface SharedSections {
  /** `undefined` when it is wrong in the file. */
  readonly stalenessMs: number | undefined;
  /** For tokens of which nobody knows where they are published. */
  readonly anyRules: StoreRules;
  /** Kinds of stores, and places, without a quota of versions. */
  readonly unlimited: { readonly kinds: readonly string[]; readonly places: readonly string[] };
}

/** What the sections for readers and places say; each is `undefined` when it is wrong in the file, and left unchecked. */
interface SharedTiming {
  /** Of the slowest readers, whichever place they read. */
  readonly stalenessMs: number | undefined;
  /** Each setting that a place has its staleness from. */
  readonly stalenesses: readonly StalenessSetting[];
  readonly publication: Publication;
  readonly elsewhere: string | undefined;
  readonly versionBudget: VersionBudget | undefined;
  /** Deadline of one call to the store. */
  readonly storeTimeoutMs: number | undefined;
  readonly rules: StoreRules;
}

interface StalenessSetting {
  readonly path: Path;
  readonly stalenessMs: number;
}

/** What the places of one provider say of its timing. */
export function shareTiming(
  publication: Publication,
  { stalenessMs: usualMs, anyRules, unlimited }: SharedSections,
): SharedTiming {
  const { authority, mirrors } = publication;
  const known = authority?.isKnown === true ? authority : undefined;
  const stalenesses = [...(authority === undefined ? [] : [authority]), ...mirrors].map(
    ({ fields, path }) => ({
      path: fields.value.staleness === undefined ? ['readers', 'staleness'] : [...path, 'staleness'],
      stalenessMs: fields.isInvalid('staleness') ? undefined : (fields.value.staleness ?? usualMs),
    }),
  );
  const usable = stalenesses.flatMap(({ path, stalenessMs }) =>
    stalenessMs === undefined ? [] : [{ path, stalenessMs }],
  );
  const isWhole = known !== undefined && usable.length === stalenesses.length;
  return {
    stalenessMs: isWhole ? Math.max(...usable.map(({ stalenessMs }) => stalenessMs)) : undefined,
    stalenesses: usable,
    publication,
    elsewhere: describeElsewhere(unlimited),
    versionBudget:
      known?.fields.isInvalid('versionBudget') === false ? known.fields.value.versionBudget : undefined,
    storeTimeoutMs: known?.fields.isInvalid('timeout') === false ? known.fields.value.timeout : undefined,
    rules: known?.kind.rules ?? anyRules,
  };
}

function describeElsewhere({ places, kinds }: SharedSections['unlimited']): string | undefined {
  if (places.length > 0) return `or publish: { to: ${places[0]} }, which has none`;
  return kinds.length > 0 ? `or a place of kind ${kinds.join(' or ')}, which has none` : undefined;
}

interface TimingInput extends EntryReading, SharedTiming {
  /** How many tokens share the provider, as far as the file is right. */
  readonly tokenCount: number;
}

interface Timing {
  readonly findings: readonly Finding[];
  readonly notes: readonly Finding[];
  /** `undefined` only when something in the file is wrong. */
  readonly settings: TimingSettings | undefined;
}

const NOTHING: Timing = { findings: [], notes: [], settings: undefined };

const SHAPING_FIELDS = ['refreshAfter', 'schedule', 'lifetime', 'minInterval'] as const;

export function readTiming(input: TimingInput): Timing {
  const { kind, raw, fields, path, stalenessMs, rules } = input;
  const { refreshAfter, schedule, timeout, concurrency } = fields.value;
  const minInterval =
    raw['minInterval'] === undefined && kind.defaults.minIntervalMs !== undefined
      ? kind.defaults.minIntervalMs
      : fields.value.minInterval;
  if (refreshAfter !== undefined && schedule !== undefined) {
    const text = 'conflicts with refreshAfter; remove one of them';
    return { ...NOTHING, findings: [{ path: [...path, 'schedule'], target: 'key', text }] };
  }
  if (SHAPING_FIELDS.some(fields.isInvalid) || stalenessMs === undefined || minInterval === undefined) {
    return NOTHING;
  }
  const lifetimeMs = fields.value.lifetime ?? kind.documentedLifetimeSeconds * 1000;
  const budget = fields.isInvalid('versionBudget')
    ? undefined
    : (fields.value.versionBudget ?? input.versionBudget);
  const latest = latestOf(input.configured, lifetimeMs);
  const tooEarly = findTooEarly(input, latest, lifetimeMs);
  if (tooEarly !== undefined) return { ...NOTHING, findings: [tooEarly] };
  const effective = schedule === undefined ? (refreshAfter ?? latest) : refreshAfter;
  const shared = { refreshAfter: effective, stalenessMs, minIntervalMs: minInterval };
  // What the user has fixed is not put off.
  const policy: CadencePolicy =
    schedule === undefined && budget !== undefined ? { ...shared, versionBudget: budget } : shared;
  const deadlines =
    timeout === undefined || fields.isInvalid('timeout') || input.storeTimeoutMs === undefined
      ? undefined
      : { timeoutMs: timeout, storeTimeoutMs: input.storeTimeoutMs };
  const settings = {
    store: formatPath(input.publication.authority?.path ?? ['store']),
    staleness: formatPath(slowest(input).path),
    elsewhere: input.elsewhere,
  };
  const verdict = checkCadence({
    lifetimeMs,
    policy,
    classic: schedule,
    budget,
    deadlines,
    rules,
    shared: settings,
  });
  const found = (wanted: CadenceFinding['kind']): readonly Finding[] =>
    verdict.findings.filter(({ kind: each }) => each === wanted).flatMap((each) => locate(each, input));
  const calls = checkCalls(input, verdict.everyMs);
  const generous =
    raw['versionBudget'] === undefined ? undefined : noteGenerousBudget(rules.versions, budget);
  const isComplete = budget !== undefined && timeout !== undefined && concurrency !== undefined;
  return {
    findings: [...found('problem'), ...calls.findings, ...findFastMirrors(input, verdict.everyMs)],
    notes: [
      ...found('note'),
      ...calls.notes,
      ...noteEndedTokens(input),
      ...(generous === undefined ? [] : [{ path: [...path, 'versionBudget'], text: generous }]),
    ],
    settings: isComplete
      ? {
          schedule:
            schedule === undefined ? { kind: 'derived', policy } : { kind: 'classic', ...schedule, policy },
          lifetimeMs,
          minIntervalMs: minInterval,
          fetchBudget: budgetOf(input),
          timeoutMs: timeout,
          concurrency,
          versionBudget: budget,
        }
      : undefined,
  };
}

function budgetOf({ kind, raw, fields }: TimingInput): FetchLimit | undefined {
  return raw['fetchBudget'] === undefined ? kind.defaults.fetchBudget : fields.value.fetchBudget;
}

/** Between two clocks. */
const SLACK_MS = 1000;

/** Where a provider refuses to be asked early: as early as it allows. */
function latestOf(configured: ConfiguredKind | undefined, lifetimeMs: number): RefreshAfter | undefined {
  const { notBeforeExpiryMs = 0 } = configured ?? {};
  return notBeforeExpiryMs > 0 && notBeforeExpiryMs < lifetimeMs
    ? { kind: 'before-end', beforeMs: notBeforeExpiryMs - SLACK_MS }
    : undefined;
}

function findTooEarly(
  { fields, path }: TimingInput,
  earliest: RefreshAfter | undefined,
  lifetimeMs: number,
): Finding | undefined {
  const { refreshAfter } = fields.value;
  if (earliest === undefined || refreshAfter === undefined) return undefined;
  const earliestMs = refreshAfterMs(lifetimeMs, earliest);
  if (refreshAfterMs(lifetimeMs, refreshAfter) >= earliestMs) return undefined;
  return {
    path: [...path, 'refreshAfter'],
    text: 'earlier than the provider hands out a new token',
    allowed: `at least ${formatDuration(earliestMs)}, or nothing, which means just that`,
  };
}

/** Readers that keep a token for a while keep one that has ended; or none can be there in time. */
function noteEndedTokens(input: TimingInput): readonly Finding[] {
  const { configured, path, stalenessMs = 0 } = input;
  if (configured?.reissue === 'same-until-expiry') {
    const text =
      'the API hands out the same token until it ends, so the next one is published a moment after that: readers have to read ' +
      'the secret again when the API answers 401';
    return [{ path: [...path, 'kind'], text }];
  }
  if (configured?.reissue !== 'invalidates-previous' || stalenessMs === 0) return [];
  const text =
    `a new token ends the one before at once, and readers may hold that for another ${formatDuration(stalenessMs)} ` +
    `(${formatPath(slowest(input).path)}): they have to read the secret again when the API answers 401`;
  return [{ path: [...path, 'kind'], text }];
}

/** Whether the cadence gets by with the calls that the provider allows. */
function checkCalls(input: TimingInput, everyMs: number): Omit<Timing, 'settings'> {
  const { fields, tokenCount } = input;
  const limit = fields.isInvalid('fetchBudget') ? undefined : budgetOf(input);
  if (limit === undefined) return NOTHING;
  const verdict = decideFetchLimit(tokenCount, everyMs, limit);
  const path = [...input.path, 'fetchBudget'];
  return {
    findings: verdict.kind === 'over' ? [{ path, text: verdict.problem }] : [],
    notes: verdict.kind === 'tight' ? [{ path, text: verdict.note }] : [],
  };
}

/** Mirrors get a version for each refresh, which is not put off for them. */
function findFastMirrors(
  { publication: { mirrors }, fields, raw, path }: TimingInput,
  everyMs: number,
): readonly Finding[] {
  return mirrors.flatMap((mirror, index) => {
    const budget = mirror.fields.isInvalid('versionBudget') ? undefined : mirror.fields.value.versionBudget;
    const verdict =
      budget === undefined || !mirror.isKnown
        ? undefined
        : decideBudget(mirror.kind.rules.versions, everyMs, budget);
    if (verdict?.kind !== 'over') return [];
    const isOwn = raw['places'] !== undefined;
    const text = `${mirror.name} cannot be a mirror: ${verdict.problem}; leave it out for this provider`;
    return [
      {
        path: [...(isOwn ? [...path, 'places'] : ['publish']), 'mirrors', index],
        text:
          isOwn || fields.value.name === undefined
            ? text
            : `for provider ${quote(fields.value.name)}: ${text}`,
      },
    ];
  });
}

function slowest({ stalenesses }: SharedTiming): StalenessSetting {
  const [first = { path: ['readers', 'staleness'], stalenessMs: 0 }, ...others] = stalenesses;
  return others.reduce((slow, each) => (each.stalenessMs > slow.stalenessMs ? each : slow), first);
}

/** Points at the setting that a verdict is about, where it is written down. */
function locate(verdict: CadenceFinding, input: TimingInput): readonly Finding[] {
  const shared = sharedPaths(verdict, input);
  if (shared === undefined) return [{ path: ownPath(verdict.setting, input), text: verdict.text }];
  const { name } = input.fields.value;
  const text = name === undefined ? verdict.text : `for provider ${quote(name)}: ${verdict.text}`;
  return shared.map((path) => ({ path, text, demand: verdict.demand }));
}

/** All that have to change: of several places whose readers are too slow each. */
function sharedPaths({ setting, demand }: CadenceFinding, input: TimingInput): readonly Path[] | undefined {
  if (setting === 'staleness') {
    const slow = slowest(input);
    const mostMs = demand === undefined ? slow.stalenessMs : -demand;
    const tooSlow = input.stalenesses.filter((each) => each === slow || each.stalenessMs > mostMs);
    return [...new Map(tooSlow.map(({ path }) => [formatPath(path), path])).values()];
  }
  const { authority } = input.publication;
  return setting === 'versionBudget' && input.raw['versionBudget'] === undefined
    ? [[...(authority?.path ?? ['store']), 'versionBudget']]
    : undefined;
}

function ownPath(setting: CadenceSetting, { raw, path }: TimingInput): Path {
  const written = [setting, 'lifetime'].find((key) => raw[key] !== undefined);
  return written === undefined ? path : [...path, written];
}
