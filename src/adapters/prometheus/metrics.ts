/**
 * Prometheus metrics, from the stream of events.
 *
 * Guarantee: no label ever has one value per customer for a provider with more than `perTokenLimit` tokens: 10,000
 * series would block the event loop for about 50 ms per scrape. Such a provider has aggregates under the same metric
 * names, without the `token` label, so that one alert rule serves both; beyond {@link MAX_SINGLE_TOKENS} tokens in all
 * the limit is {@link LIMIT_AMONG_MANY}. Gauges about tokens are worked out at the time of the scrape, metric by metric,
 * with turns of the event loop in between. Counters of a known provider start at 0, so that `increase()` sees their first step.
 *
 * Non-guarantee: until the store has said what it counts, before the first write, `secret_versions_24h` knows this
 * process's writes only; other programs' later ones are in it with the next such answer.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { FAILURE_CODES } from '../../core/failure.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { METRIC, METRICS } from './metric-list.ts';
import { createProcessMetrics } from './process-metrics.ts';
import {
  countVersions,
  createTokenFacts,
  decideTokenState,
  earliest,
  TOKEN_STATES,
  type TokenFacts,
  writesTo,
} from './token-states.ts';

const DEFAULT_PER_TOKEN_LIMIT = 100;
/** 200 providers with 50 tokens each would be a text of 6 MB. */
const MAX_SINGLE_TOKENS = 1_000;
const LIMIT_AMONG_MANY = 10;

const REFRESH_CODES = ['ok', ...FAILURE_CODES] as const;
const STORE_CODES = ['ok', ...FAILURE_CODES.filter((code) => code.startsWith('store-')), 'aborted'] as const;

const FETCH_BUDGET_STATES = {
  'fetch-budget-recovered': 0,
  'fetch-budget-low': 1,
  'fetch-budget-exhausted': 2,
} as const;

export interface MetricsOptions {
  /** The program's version. */
  readonly version: string;
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
  /** Announces configured tokens: they are counted as absent, and their providers' counters start at 0. */
  registerTokens(identities: readonly TokenIdentity[]): void;
  /** Versions that the token's secret (or its chain's, if more) got in the last 24 hours, as far as is known. */
  versionsOf(identity: TokenIdentity): number;
  /** The exposition text, worked out now. */
  text(): Promise<string>;
  /** Media type of {@link Metrics.text}. */
  readonly contentType: string;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const { clock } = options;
  const { nextTurn = () => Promise.resolve(), perTokenLimit = DEFAULT_PER_TOKEN_LIMIT } = options;
  const registry = new Registry();
  const registers = [registry];

  const gauge = <Label extends string>(definition: Definition<Label>): Gauge<Label> =>
    new Gauge({ name: definition.name, help: definition.help, labelNames: definition.labels, registers });
  const counter = <Label extends string>(definition: Definition<Label>): Counter<Label> =>
    new Counter({ name: definition.name, help: definition.help, labelNames: definition.labels, registers });
  const histogram = <Label extends string>(
    definition: Definition<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label> =>
    new Histogram({
      name: definition.name,
      help: definition.help,
      labelNames: definition.labels,
      buckets: [...definition.buckets],
      registers,
    });

  const tokenExpiresAt = gauge(METRIC.tokenExpiresAt);
  const tokenLastSuccess = gauge(METRIC.tokenLastSuccess);
  const tokenNextRefresh = gauge(METRIC.tokenNextRefresh);
  const tokens = gauge(METRIC.tokens);
  const refresh = counter(METRIC.refresh);
  const fetchDuration = histogram(METRIC.fetchDuration);
  const storeWriteDuration = histogram(METRIC.storeWriteDuration);
  const refreshDuration = histogram(METRIC.refreshDuration);
  const storeWrites = counter(METRIC.storeWrites);
  const secretVersions = gauge(METRIC.secretVersions);
  const secretVersionBudget = gauge(METRIC.secretVersionBudget);
  const fetchBudgetState = gauge(METRIC.fetchBudgetState);
  const scheduleTick = gauge(METRIC.scheduleTick);
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
  const processMetrics = createProcessMetrics(registry, clock);

  /** Facts by token, by provider. */
  const providers = new Map<string, Map<string, TokenFacts>>();

  return { onEvent, registerTokens, versionsOf, text, contentType: registry.contentType };

  function registerTokens(identities: readonly TokenIdentity[]): void {
    for (const identity of identities) factsOf(identity);
  }

  function versionsOf({ provider, token }: TokenIdentity): number {
    const facts = providers.get(provider)?.get(token);
    return facts === undefined ? 0 : countVersions(facts, clock.monotonicMs());
  }

  function factsOf(identity: TokenIdentity): TokenFacts {
    const ofProvider = providers.get(identity.provider) ?? startProvider(identity.provider);
    const facts = ofProvider.get(identity.token) ?? createTokenFacts(identity);
    ofProvider.set(identity.token, facts);
    return facts;
  }

  function startProvider(provider: string): Map<string, TokenFacts> {
    const ofProvider = new Map<string, TokenFacts>();
    providers.set(provider, ofProvider);
    for (const code of REFRESH_CODES) refresh.inc({ provider, code }, 0);
    // Only kinds with a chain write a state secret; their series start with the first such write.
    for (const code of STORE_CODES) storeWrites.inc({ provider, target: 'document', code }, 0);
    for (const durations of [fetchDuration, storeWriteDuration, refreshDuration])
      durations.zero({ provider });
    ticksMissed.inc({ provider }, 0);
    return ofProvider;
  }

  function onEvent(event: Parameters<RefreshEvents>[0]): void {
    switch (event.event) {
      case 'token-restored':
        keepLife(factsOf(event.identity), event, event.issuedAtMs);
        return;
      case 'token-absent': {
        const facts = factsOf(event.identity);
        keepLife(facts, { expiresAtMs: undefined, refreshAtMs: undefined }, facts.lastSuccessAtMs);
        return;
      }
      case 'token-fetched': {
        const { provider } = event.identity;
        factsOf(event.identity);
        fetchDuration.observe({ provider }, event.durationMs / 1000);
        if (event.clockSkewMs !== undefined) providerClockSkew.set({ provider }, event.clockSkewMs / 1000);
        return;
      }
      case 'secret-written': {
        const { provider } = event.identity;
        const facts = factsOf(event.identity);
        const code = event.failure?.code ?? 'ok';
        storeWriteDuration.observe({ provider }, event.durationMs / 1000);
        storeWrites.inc({ provider, target: event.target, code });
        if (event.failure === undefined) {
          const writes = writesTo(facts, event.target);
          writes.add(clock.monotonicMs());
          // Counting also forgets: between scrapes, which may never come, the list must not grow.
          writes.count(clock.monotonicMs());
        }
        return;
      }
      case 'secret-versions-counted': {
        const { provider } = event.identity;
        writesTo(factsOf(event.identity), event.target).replaceByAges(event.agesMs, clock.monotonicMs());
        secretVersionBudget.set({ provider }, event.versionBudget);
        return;
      }
      case 'refresh-postponed': {
        const facts = factsOf(event.identity);
        facts.refreshAtMs = event.refreshAtMs;
        facts.nextAttemptAtMs = event.refreshAtMs;
        return;
      }
      case 'token-refreshed': {
        const { provider } = event.identity;
        keepLife(factsOf(event.identity), event, clock.now());
        refresh.inc({ provider, code: 'ok' });
        refreshDuration.observe({ provider }, event.durationMs / 1000);
        return;
      }
      case 'token-unchanged': {
        const facts = factsOf(event.identity);
        keepLife(facts, event, facts.lastSuccessAtMs);
        refresh.inc({ provider: event.identity.provider, code: 'token-unchanged' });
        return;
      }
      case 'refresh-failed': {
        const facts = factsOf(event.identity);
        facts.expiresAtMs = event.expiresAtMs;
        facts.refreshAtMs ??= clock.now();
        facts.nextAttemptAtMs = event.nextAttemptAtMs;
        refresh.inc({ provider: event.identity.provider, code: event.failure.code });
        return;
      }
      case 'refresh-abandoned':
        factsOf(event.identity);
        refresh.inc({ provider: event.identity.provider, code: event.failure.code });
        return;
      case 'refresh-started':
      case 'refresh-recovered':
      case 'version-budget-low':
      case 'version-budget-exhausted':
      case 'version-budget-recovered':
      case 'chain-recovered':
      case 'journal-failed':
      case 'batch-read-denied':
      case 'provider-outage-began':
      case 'provider-outage-ended':
      case 'binding-rejected':
      case 'discovery-failed':
      case 'discovery-recovered':
      case 'coordination-failed':
      case 'coordination-recovered':
      case 'standing-by':
      case 'nobody-leads':
      case 'alert-sink-recovered':
        return;
      case 'alert-sent':
        alertsSent.inc({ sink: event.sink, code: event.failure?.code ?? 'ok' });
        return;
      case 'fetch-budget-low':
      case 'fetch-budget-exhausted':
      case 'fetch-budget-recovered':
        fetchBudgetState.set({ provider: event.provider }, FETCH_BUDGET_STATES[event.event]);
        return;
      case 'schedule-derived':
        scheduleTick.set({ provider: event.provider }, event.tickMs / 1000);
        return;
      case 'tick-missed':
        ticksMissed.inc({ provider: event.provider });
        return;
      case 'token-added':
        factsOf(event.identity);
        return;
      case 'token-removed':
        providers.get(event.identity.provider)?.delete(event.identity.token);
        return;
      case 'bindings-counted': {
        const { provider } = event;
        if (!providers.has(provider)) startProvider(provider);
        discoveredCustomers.set({ provider }, event.customers);
        rejectedBindings.set({ provider }, event.rejected);
        discoveryLastSuccess.set({ provider }, clock.now() / 1000);
        return;
      }
      case 'clock-jumped':
        clockJumps.inc();
        return;
      case 'leadership-acquired':
        leader.set(1);
        return;
      case 'leadership-lost':
        leader.set(0);
        return;
      default:
        event satisfies never;
    }
  }

  async function text(): Promise<string> {
    for (const perToken of [tokenExpiresAt, tokenLastSuccess, tokenNextRefresh, secretVersions]) {
      perToken.reset();
    }
    let count = 0;
    for (const ofProvider of providers.values()) count += ofProvider.size;
    const limit = count > MAX_SINGLE_TOKENS ? Math.min(LIMIT_AMONG_MANY, perTokenLimit) : perTokenLimit;
    for (const [provider, ofProvider] of providers)
      describeProvider(provider, [...ofProvider.values()], limit);
    const lostLines = options.lostLogLines();
    logLinesLost.inc(lostLines - toldLostLines);
    toldLostLines = lostLines;
    processMetrics.measure();
    const parts: string[] = [];
    for (const { name } of METRICS) {
      parts.push(await registry.getSingleMetricAsString(name));
      await nextTurn();
    }
    return `${parts.join('\n\n')}\n`;
  }

  function describeProvider(provider: string, all: readonly TokenFacts[], limit: number): void {
    const states = all.map((facts) => decideTokenState(facts, clock.now()));
    for (const state of TOKEN_STATES) {
      tokens.set({ provider, state }, states.filter((each) => each === state).length);
    }
    const groups =
      all.length > limit
        ? [{ labels: { provider }, members: all }]
        : all.map((facts) => ({ labels: { provider, token: facts.identity.token }, members: [facts] }));
    for (const { labels, members } of groups) {
      setTime(tokenExpiresAt, labels, earliest(members.map((facts) => facts.expiresAtMs)));
      setTime(tokenLastSuccess, labels, earliest(members.map((facts) => facts.lastSuccessAtMs)));
      setTime(tokenNextRefresh, labels, earliest(members.map((facts) => facts.nextAttemptAtMs)));
      const versions = members.map((facts) => countVersions(facts, clock.monotonicMs()));
      secretVersions.set(
        labels,
        versions.reduce((most, count) => Math.max(most, count), 0),
      );
    }
  }
}

interface Definition<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** A time that is not known has no series: 0 would read as 1970. */
function setTime<Label extends string>(
  times: Gauge<Label>,
  labels: Partial<Record<Label, string>>,
  timeMs: number | undefined,
): void {
  if (timeMs !== undefined) times.set(labels, timeMs / 1000);
}

function keepLife(
  facts: TokenFacts,
  life: { readonly expiresAtMs: number | undefined; readonly refreshAtMs: number | undefined },
  lastSuccessAtMs: number | undefined,
): void {
  facts.expiresAtMs = life.expiresAtMs;
  facts.refreshAtMs = life.refreshAtMs;
  facts.nextAttemptAtMs = life.refreshAtMs;
  facts.lastSuccessAtMs = lastSuccessAtMs;
}
