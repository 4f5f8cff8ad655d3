/** When a provider's tokens are refreshed: its timing settings, and whether they can work together. */

import { quote } from '../core/credential/secret-likeness.ts';
import { decideFetchLimit, type FetchLimit } from '../core/limits/fetch-limit.ts';
import type { VersionBudget } from '../core/limits/version-pace.ts';
import { type CadencePolicy, type RefreshAfter, refreshAfterMs } from '../core/schedule/cadence.ts';
import type { StoreRules } from '../core/store-kind.ts';
import { formatDuration } from '../core/wire/duration.ts';
import type { JsonObject } from '../core/wire/json.ts';
import type { ConfiguredKind } from '../providers/provider.ts';
import { type CadenceFinding, checkCadence, noteGenerousBudget } from './cadence-check.ts';
import type { CadenceSetting } from './cadence-remedy.ts';
import type { ProviderConfiguration } from './configuration.ts';
import type { Finding, Path } from './problem.ts';
import type { EntryReading } from './token-entries.ts';

type TimingSettings = Pick<
  ProviderConfiguration,
  'schedule' | 'lifetimeMs' | 'minIntervalMs' | 'fetchBudget' | 'timeoutMs' | 'concurrency' | 'versionBudget'
>;

/** What the sections for readers and store say; each is `undefined` when it is wrong in the file, and left unchecked. */
export interface SharedTiming {
  readonly stalenessMs: number | undefined;
  readonly versionBudget: VersionBudget | undefined;
  /** Deadline of one call to the store. */
  readonly storeTimeoutMs: number | undefined;
  readonly rules: StoreRules;
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
  const verdict = checkCadence({ lifetimeMs, policy, classic: schedule, budget, deadlines, rules });
  const found = (wanted: CadenceFinding['kind']): readonly Finding[] =>
    verdict.findings.filter(({ kind: each }) => each === wanted).map((each) => locate(each, input));
  const calls = checkCalls(input, verdict.everyMs);
  const generous =
    raw['versionBudget'] === undefined ? undefined : noteGenerousBudget(rules.versions, budget);
  const isComplete = budget !== undefined && timeout !== undefined && concurrency !== undefined;
  return {
    findings: [...found('problem'), ...calls.findings],
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
function noteEndedTokens({ configured, path, stalenessMs = 0 }: TimingInput): readonly Finding[] {
  if (configured?.reissue === 'same-until-expiry') {
    const text =
      'the API hands out the same token until it ends, so the next one is published a moment after that: readers have to read ' +
      'the secret again when the API answers 401';
    return [{ path: [...path, 'kind'], text }];
  }
  if (configured?.reissue !== 'invalidates-previous' || stalenessMs === 0) return [];
  const text =
    `a new token ends the one before at once, and readers may hold that for another ${formatDuration(stalenessMs)} ` +
    '(readers.staleness): they have to read the secret again when the API answers 401';
  return [{ path: [...path, 'kind'], text }];
}

/** Whether the cadence gets by with the calls that the provider allows. */
function checkCalls(input: TimingInput, everyMs: number): Omit<Timing, 'settings'> {
  const { fields, path, tokenCount } = input;
  const limit = fields.isInvalid('fetchBudget') ? undefined : budgetOf(input);
  if (limit === undefined) return NOTHING;
  const verdict = decideFetchLimit(tokenCount, everyMs, limit);
  const at = [...path, 'fetchBudget'];
  switch (verdict.kind) {
    case 'comfortable':
      return NOTHING;
    case 'tight':
      return { ...NOTHING, notes: [{ path: at, text: verdict.note }] };
    case 'over':
      return { ...NOTHING, findings: [{ path: at, text: verdict.problem }] };
  }
}

/** Points at the setting that a verdict is about, where it is written down. */
function locate(verdict: CadenceFinding, input: TimingInput): Finding {
  const shared = sharedPath(verdict.setting, input.raw);
  if (shared === undefined) return { path: ownPath(verdict.setting, input), text: verdict.text };
  const { name } = input.fields.value;
  return {
    path: shared,
    text: name === undefined ? verdict.text : `for provider ${quote(name)}: ${verdict.text}`,
    demand: verdict.demand,
  };
}

function sharedPath(setting: CadenceSetting, raw: JsonObject): Path | undefined {
  if (setting === 'staleness') return ['readers', 'staleness'];
  return setting === 'versionBudget' && raw['versionBudget'] === undefined
    ? ['store', 'versionBudget']
    : undefined;
}

function ownPath(setting: CadenceSetting, { raw, path }: TimingInput): Path {
  const written = [setting, 'lifetime'].find((key) => raw[key] !== undefined);
  return written === undefined ? path : [...path, written];
}
