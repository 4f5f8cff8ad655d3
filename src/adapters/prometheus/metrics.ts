/**
 * Prometheus metrics: counters and durations from the stream of events, all else from the board.
 *
 * Guarantee: no label ever has one value per customer for a provider with more than `perTokenLimit` tokens: 10,000
 * series would block the event loop for about 50 ms per scrape. Such a provider has aggregates under the same metric
 * names, without the `token` label, so that one alert rule serves both; beyond {@link MAX_SINGLE_TOKENS} tokens in all
 * the limit is {@link LIMIT_AMONG_MANY}. Gauges are worked out at the time of the scrape, metric by metric,
 * with turns of the event loop in between. Counters of a known provider start at 0, so that `increase()` sees their first step.
 *
 * Non-guarantee: until the store has said what it counts, before the first write, `secret_versions_24h` knows this
 * process's writes only; other programs' later ones are in it with the next such answer.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type Board,
  countVersions,
  decideLife,
  nextAttemptAtMs,
  type ProviderRecord,
  publishedOf,
  type TokenRecord,
} from '../../core/board.ts';
import { FAILURE_CODES } from '../../core/failure.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import { REJECTION_OUTCOMES } from '../../core/rejection/decide-rejection.ts';
import { METRIC, METRICS } from './metric-list.ts';
import { measureProcess } from './process-metrics.ts';

const DEFAULT_PER_TOKEN_LIMIT = 100;
/** 200 providers with 50 tokens each would be a text of 6 MB. */
const MAX_SINGLE_TOKENS = 1_000;
const LIMIT_AMONG_MANY = 10;

const REFRESH_CODES = ['ok', ...FAILURE_CODES] as const;
const STORE_CODES = ['ok', ...FAILURE_CODES.filter((code) => code.startsWith('store-')), 'aborted'] as const;

const TOKEN_LIVES = ['fresh', 'due', 'expired', 'absent', 'unknown'] as const;
const FETCH_BUDGET_STATES = { ok: 0, low: 1, exhausted: 2 } as const;

export interface MetricsOptions {
  /** The program's version. */
  readonly version: string;
  /** Has got each event before {@link Metrics.onEvent} gets it. */
  readonly board: Board;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** Lines of the log that were lost since the start. */
  readonly lostLogLines: () => number;
  /** Most tokens of one provider that get series of their own; 100 by default. */
  readonly perTokenLimit?: number;
  /** Lets others go on between two metrics; nobody does when left out. */
  readonly nextTurn?: () => Promise<void>;
}

export interface Metrics {
  readonly onEvent: RefreshEvents;
  /** The exposition text, worked out now. */
  text(): Promise<string>;
  /** Media type of {@link Metrics.text}. */
  readonly contentType: string;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const { board, clock } = options;
  const { nextTurn = () => Promise.resolve(), perTokenLimit = DEFAULT_PER_TOKEN_LIMIT } = options;
  const registry = new Registry();

  const describe = <Label extends string>({ name, help, labels }: Definition<Label>) => ({
    name,
    help,
    labelNames: labels,
    registers: [registry],
  });
  const gauge = <Label extends string>(definition: Definition<Label>): Gauge<Label> =>
    new Gauge(describe(definition));
  const counter = <Label extends string>(definition: Definition<Label>): Counter<Label> =>
    new Counter(describe(definition));
  const histogram = <Label extends string>(
    definition: Definition<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label> => new Histogram({ ...describe(definition), buckets: [...definition.buckets] });

  const tokenTimes = [
    {
      times: gauge(METRIC.tokenExpiresAt),
      timeOf: ({ readable }: TokenRecord) => publishedOf(readable)?.expiresAtMs,
    },
    {
      times: gauge(METRIC.tokenLastSuccess),
      timeOf: ({ lastSuccessAtMs }: TokenRecord) => lastSuccessAtMs,
    },
    { times: gauge(METRIC.tokenNextRefresh), timeOf: nextAttemptAtMs },
  ];
  const tokens = gauge(METRIC.tokens);
  const refresh = counter(METRIC.refresh);
  const fetchDuration = histogram(METRIC.fetchDuration);
  const storeWriteDuration = histogram(METRIC.storeWriteDuration);
  const refreshDuration = histogram(METRIC.refreshDuration);
  const storeWrites = counter(METRIC.storeWrites);
  const rejections = counter(METRIC.rejections);
  const refusedTokens = gauge(METRIC.refusedTokens);
  const mirrorWrites = counter(METRIC.mirrorWrites);
  const mirrorBehind = gauge(METRIC.mirrorBehind);
  const mirrorLag = gauge(METRIC.mirrorLag);
  const secretVersions = gauge(METRIC.secretVersions);
  const secretVersionBudget = gauge(METRIC.secretVersionBudget);
  const fetchBudgetState = gauge(METRIC.fetchBudgetState);
  const scheduleTick = gauge(METRIC.scheduleTick);
  const scheduleMargin = gauge(METRIC.scheduleMargin);
  const ticksMissed = counter(METRIC.ticksMissed);
  const providerClockSkew = gauge(METRIC.providerClockSkew);
  const discoveredCustomers = gauge(METRIC.discoveredCustomers);
  const rejectedBindings = gauge(METRIC.rejectedBindings);
  const discoveryLastSuccess = gauge(METRIC.discoveryLastSuccess);
  const clockJumps = counter(METRIC.clockJumps);
  const leader = gauge(METRIC.leader);
  const alertsSent = counter(METRIC.alertsSent);
  const logLinesLost = counter(METRIC.logLinesLost);
  let toldLostLines = 0;
  gauge(METRIC.buildInfo).set({ version: options.version, node: process.versions.node }, 1);
  const measure = measureProcess(
    {
      cpu: counter(METRIC.processCpu),
      memory: gauge(METRIC.processMemory),
      start: gauge(METRIC.processStart),
      utilization: gauge(METRIC.eventLoopUtilization),
    },
    clock,
  );

  /** Whose readers have reported a refused token: where none ever does, there are no series. */
  const reported = new Set<string>();
  /** Whose counters have started at 0. */
  const started = new Set<string>();

  return { onEvent, text, contentType: registry.contentType };

  function startProvider(provider: string): void {
    if (started.has(provider)) return;
    started.add(provider);
    for (const code of REFRESH_CODES) refresh.inc({ provider, code }, 0);
    // Only kinds with a chain write a state secret; their series start with the first such write.
    for (const code of STORE_CODES) storeWrites.inc({ provider, target: 'document', code }, 0);
    for (const durations of [fetchDuration, storeWriteDuration, refreshDuration])
      durations.zero({ provider });
    ticksMissed.inc({ provider }, 0);
  }

  function onEvent(event: Parameters<RefreshEvents>[0]): void {
    if ('identity' in event) startProvider(event.identity.provider);
    switch (event.event) {
      case 'token-fetched':
        fetchDuration.observe({ provider: event.identity.provider }, event.durationMs / 1000);
        return;
      case 'secret-written': {
        const { provider } = event.identity;
        storeWriteDuration.observe({ provider }, event.durationMs / 1000);
        storeWrites.inc({ provider, target: event.target, code: event.failure?.code ?? 'ok' });
        return;
      }
      case 'token-refreshed': {
        const { provider } = event.identity;
        refresh.inc({ provider, code: 'ok' });
        refreshDuration.observe({ provider }, event.durationMs / 1000);
        return;
      }
      case 'token-unchanged':
        refresh.inc({ provider: event.identity.provider, code: 'token-unchanged' });
        return;
      case 'refresh-failed':
      case 'refresh-abandoned':
        refresh.inc({ provider: event.identity.provider, code: event.failure.code });
        return;
      case 'token-rejected':
        reported.add(event.identity.provider);
        for (const outcome of REJECTION_OUTCOMES)
          rejections.inc({ provider: event.identity.provider, outcome }, outcome === event.outcome ? 1 : 0);
        return;
      case 'mirror-written':
        mirrorWrites.inc({ place: event.place, code: 'ok' });
        return;
      case 'mirror-failed':
        mirrorWrites.inc({ place: event.place, code: event.failure.code });
        return;
      case 'alert-sent':
        alertsSent.inc({ sink: event.sink, code: event.failure?.code ?? 'ok' });
        return;
      case 'tick-missed':
        ticksMissed.inc({ provider: event.provider });
        return;
      case 'clock-jumped':
        clockJumps.inc();
        return;
      default:
        return;
    }
  }

  async function text(): Promise<string> {
    for (const perToken of [...tokenTimes.map(({ times }) => times), secretVersions]) perToken.reset();
    const tokensOf = Map.groupBy(board.tokens(), ({ identity }) => identity.provider);
    const count = [...board.tokens()].length;
    const limit = count > MAX_SINGLE_TOKENS ? Math.min(LIMIT_AMONG_MANY, perTokenLimit) : perTokenLimit;
    for (const provider of board.providers()) {
      startProvider(provider.name);
      describeProvider(provider);
      describeTokens(provider.name, tokensOf.get(provider.name) ?? [], limit);
    }
    describeMirrors();
    leader.set(board.leadership.isLeader ? 1 : 0);
    const lostLines = options.lostLogLines();
    logLinesLost.inc(lostLines - toldLostLines);
    toldLostLines = lostLines;
    measure();
    const parts: string[] = [];
    for (const { name } of METRICS) {
      parts.push(await registry.getSingleMetricAsString(name));
      await nextTurn();
    }
    return `${parts.join('\n\n')}\n`;
  }

  function describeMirrors(): void {
    for (const gauges of [mirrorBehind, mirrorLag]) gauges.reset();
    for (const { place, behind, behindSinceMs } of board.mirrors()) {
      mirrorBehind.set({ place }, behind);
      mirrorLag.set({ place }, behindSinceMs === undefined ? 0 : (clock.now() - behindSinceMs) / 1000);
    }
  }

  function describeProvider({ name: provider, ...record }: ProviderRecord): void {
    const { versionBudget, fetchBudget, schedule, clockSkewMs, discovery } = record;
    if (versionBudget !== undefined) secretVersionBudget.set({ provider }, versionBudget);
    if (fetchBudget !== undefined) fetchBudgetState.set({ provider }, FETCH_BUDGET_STATES[fetchBudget]);
    setTime(scheduleTick, { provider }, schedule?.tickMs);
    setTime(scheduleMargin, { provider }, schedule && schedule.lifetimeMs - schedule.refreshEveryMs);
    setTime(providerClockSkew, { provider }, clockSkewMs);
    if (discovery === undefined) return;
    discoveredCustomers.set({ provider }, discovery.customers);
    rejectedBindings.set({ provider }, discovery.rejected);
    setTime(discoveryLastSuccess, { provider }, discovery.countedAtMs);
  }

  function describeTokens(provider: string, all: readonly TokenRecord[], limit: number): void {
    const nowMs = clock.now();
    const states = all.map(({ readable }) => decideLife(readable, nowMs));
    for (const state of TOKEN_LIVES)
      tokens.set({ provider, state }, states.filter((each) => each === state).length);
    if (reported.has(provider))
      refusedTokens.set({ provider }, all.filter(({ refusal }) => refusal?.cap !== undefined).length);
    const groups =
      all.length > limit
        ? [{ labels: { provider }, members: all }]
        : all.map((record) => ({ labels: { provider, token: record.identity.token }, members: [record] }));
    for (const { labels, members } of groups) {
      for (const { times, timeOf } of tokenTimes) setTime(times, labels, earliest(members.map(timeOf)));
      const versions = members.map((record) => countVersions(record, clock.monotonicMs()));
      secretVersions.set(
        labels,
        versions.reduce((most, each) => Math.max(most, each), 0),
      );
    }
  }
}

interface Definition<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** In seconds. What is not known has no series: 0 would read as 1970. */
function setTime<Label extends string>(
  times: Gauge<Label>,
  labels: Partial<Record<Label, string>>,
  timeMs: number | undefined,
): void {
  if (timeMs !== undefined) times.set(labels, timeMs / 1000);
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((timeMs) => timeMs !== undefined);
  return known.length === 0 ? undefined : known.reduce((least, timeMs) => Math.min(least, timeMs));
}
