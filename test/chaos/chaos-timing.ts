/**
 * The times of the chaos world, in milliseconds.
 *
 * The margin has to be longer than what may keep one leader after the other from refreshing, or "no expired read" would
 * say nothing: a take-over needs a lease duration and a retry period (3.4 s), then a refresh. L/15 of a life of half a
 * minute would be 2 s. So tokens are refreshed after 55 % of their life: 45 % of 30 s are 13.5 s, room for two take-overs
 * one after the other and a retry.
 */
export const LEASE = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 400 } as const;

export const REFRESH_AFTER_SHARE = 0.55;

/**
 * Lifetimes by provider: different ones, so that their refreshes meet every phase of a disturbance. Two are long enough for
 * a token to be replaced because readers report it: none is within 30 s of its fetch.
 */
export const LIFETIMES_MS: Readonly<Record<string, number>> = {
  pik: 120_000,
  'pivot-b2b': 30_000,
  'pivot-b2b2c': 30_000,
  pivot: 32_000,
  apimw: 36_000,
  paysecurez: 150_000,
};

export const SHORTEST_MARGIN_MS = 30_000 * (1 - REFRESH_AFTER_SHARE);

/** After kill or SIGSTOP of the leader another leads within this, plus what the machine needs to run anything at all. */
export const TAKE_OVER_MS = LEASE.leaseDurationMs + LEASE.retryPeriodMs;

/** What was sent in time may take so long to arrive; more than the gap between deadline and lease is not needed. */
export const UNDER_WAY_MS = 1000;

/** What starting, reading the store, fetching and publishing may take on a machine with other work to do. */
export const SLACK_MS = 2000;
