/**
 * Every metric: the single source that the registry, the table of docs/monitoring.md and the alert rules are made or
 * checked from. All times are Unix seconds of the wall clock, all durations seconds.
 */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds in seconds, for histograms. */
  readonly buckets?: readonly number[];
}

// Each bound is a line for each provider in each scrape: as few as answer "is it slow, and how slow".
/** From a provider nearby to the longest deadline of a call (some APIs answer 408 after 60 s). */
const CALL_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60] as const;
/** To the deadline of a call to the store, 5 s unless it is configured. */
const WRITE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 5] as const;
/** A refresh includes its failed attempts, so it may take as long as a token lives. */
const REFRESH_BUCKETS = [0.25, 1, 5, 30, 60, 300, 1800] as const;

const BEYOND_LIMIT =
  'a provider with many tokens (more than 100, or more than 10 when there are more than 1,000 in all) has one series ' +
  'without the token label instead';

export const METRIC = {
  tokenExpiresAt: {
    name: 'token_refresher_token_expires_at_seconds',
    type: 'gauge',
    labels: ['provider', 'token'],
    help: `When the published token expires; ${BEYOND_LIMIT}: the earliest.`,
  },
  tokenLastSuccess: {
    name: 'token_refresher_token_last_success_timestamp_seconds',
    type: 'gauge',
    labels: ['provider', 'token'],
    help: `When the published token was issued or published by this process; ${BEYOND_LIMIT}: the oldest.`,
  },
  tokenNextRefresh: {
    name: 'token_refresher_token_next_refresh_timestamp_seconds',
    type: 'gauge',
    labels: ['provider', 'token'],
    help: `When the next refresh, or the next attempt after a failure, is due; ${BEYOND_LIMIT}: the earliest.`,
  },
  tokens: {
    name: 'token_refresher_tokens',
    type: 'gauge',
    labels: ['provider', 'state'],
    help: 'Configured tokens by state at the time of the scrape: fresh, due, expired, absent, unknown (the store has not been read).',
  },
  refresh: {
    name: 'token_refresher_refresh_total',
    type: 'counter',
    labels: ['provider', 'code'],
    help: 'Ended attempts to refresh: ok (a newer token is published), or the failure code; token-unchanged (the provider had no newer one) is none to worry about.',
  },
  fetchDuration: {
    name: 'token_refresher_fetch_duration_seconds',
    type: 'histogram',
    labels: ['provider'],
    help: 'Duration of calls to the provider, failed ones included.',
    buckets: CALL_BUCKETS,
  },
  storeWriteDuration: {
    name: 'token_refresher_store_write_duration_seconds',
    type: 'histogram',
    labels: ['provider'],
    help: 'Duration of writes to the store, failed ones included.',
    buckets: WRITE_BUCKETS,
  },
  refreshDuration: {
    name: 'token_refresher_refresh_duration_seconds',
    type: 'histogram',
    labels: ['provider'],
    help: 'Duration of refreshes that published a newer token, their failed attempts included.',
    buckets: REFRESH_BUCKETS,
  },
  storeWrites: {
    name: 'token_refresher_store_writes_total',
    type: 'counter',
    labels: ['provider', 'target', 'code'],
    help: 'Ended writes by target (document, or state of a chain): ok or the failure code.',
  },
  rejections: {
    name: 'token_refresher_rejections_total',
    type: 'counter',
    labels: ['provider', 'outcome'],
    help: "Readers' reports that a token was refused, by what they led to: fetch began a refresh.",
  },
  refusedTokens: {
    name: 'token_refresher_refused_tokens',
    type: 'gauge',
    labels: ['provider'],
    help: 'Published tokens that readers report as refused, of which no more are fetched for reports; once there was a report.',
  },
  mirrorWrites: {
    name: 'token_refresher_mirror_writes_total',
    type: 'counter',
    labels: ['place', 'code'],
    help: 'Ended attempts to bring a token to a mirror: ok, or the failure code.',
  },
  mirrorBehind: {
    name: 'token_refresher_mirror_tokens_behind',
    type: 'gauge',
    labels: ['place'],
    help: 'Tokens whose copy in the mirror may be out of date since something there failed; 0 while nothing fails.',
  },
  mirrorLag: {
    name: 'token_refresher_mirror_lag_seconds',
    type: 'gauge',
    labels: ['place'],
    help: 'For how long the oldest of these copies has been behind.',
  },
  secretVersions: {
    name: 'token_refresher_secret_versions_24h',
    type: 'gauge',
    labels: ['provider', 'token'],
    help: `Versions that the token's secret (or its chain's, if more) got in the last 24 hours, as far as is known; ${BEYOND_LIMIT}: the most.`,
  },
  secretVersionBudget: {
    name: 'token_refresher_secret_version_budget',
    type: 'gauge',
    labels: ['provider'],
    help: 'Versions that each of these secrets may get in 24 hours; no series without a budget.',
  },
  fetchBudgetState: {
    name: 'token_refresher_fetch_budget_state',
    type: 'gauge',
    labels: ['provider'],
    help: "Where the provider's calls stand against its fetchBudget: 0 below 85 %, 1 from there on, 2 used up; no series until it is nearly used for the first time.",
  },
  scheduleTick: {
    name: 'token_refresher_schedule_tick_seconds',
    type: 'gauge',
    labels: ['provider'],
    help: 'How often the schedule asks what is due.',
  },
  scheduleMargin: {
    name: 'token_refresher_schedule_margin_seconds',
    type: 'gauge',
    labels: ['provider'],
    help: 'Life left on a published token when its refresh is due: where it is less, a refresh is late.',
  },
  ticksMissed: {
    name: 'token_refresher_ticks_missed_total',
    type: 'counter',
    labels: ['provider'],
    help: 'Ticks for which the process woke up too late; each was made up for at once.',
  },
  providerClockSkew: {
    name: 'token_refresher_provider_clock_skew_seconds',
    type: 'gauge',
    labels: ['provider'],
    help: "The provider's clock minus ours, from the Date header of its latest answer.",
  },
  discoveredCustomers: {
    name: 'token_refresher_discovered_customers',
    type: 'gauge',
    labels: ['provider'],
    help: 'Customers whose tokens are kept because their bindings were discovered.',
  },
  rejectedBindings: {
    name: 'token_refresher_rejected_bindings',
    type: 'gauge',
    labels: ['provider'],
    help: 'Secrets that carry the tag of bindings and cannot be used; the log says why.',
  },
  discoveryLastSuccess: {
    name: 'token_refresher_discovery_last_success_timestamp_seconds',
    type: 'gauge',
    labels: ['provider'],
    help: 'When the bindings of customers were last listed with success.',
  },
  clockJumps: {
    name: 'token_refresher_clock_jumps_total',
    type: 'counter',
    labels: [],
    help: 'Jumps of the wall clock, in either direction.',
  },
  leader: {
    name: 'token_refresher_leader',
    type: 'gauge',
    labels: [],
    help: '1 while this replica has the right to refresh, otherwise 0.',
  },
  alertsSent: {
    name: 'token_refresher_alerts_sent_total',
    type: 'counter',
    labels: ['sink', 'code'],
    help: "Ended attempts to tell a receiver of alerts (sink heartbeat: the dead man's switch): ok, or the failure code.",
  },
  logLinesLost: {
    name: 'token_refresher_log_lines_lost_total',
    type: 'counter',
    labels: [],
    help: 'Lines of the log that standard output did not take: a full disk, or nobody reads.',
  },
  buildInfo: {
    name: 'token_refresher_build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels say which program this is.',
  },
  processCpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    labels: [],
    help: 'User and system CPU time of the process.',
  },
  processMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    labels: [],
    help: 'Resident memory of the process.',
  },
  processStart: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the process started.',
  },
  eventLoopUtilization: {
    name: 'nodejs_eventloop_utilization_ratio',
    type: 'gauge',
    labels: [],
    help: 'Share of the time since the previous scrape in which the event loop was busy, 0 to 1.',
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export const METRICS: readonly MetricDefinition[] = Object.values(METRIC);
