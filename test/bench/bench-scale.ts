/** How much is measured. */
export interface BenchScale {
  readonly refreshRounds: number;
  readonly refreshesPerRound: number;
  /** For the compiler, before anything counts. */
  readonly warmUpRefreshes: number;
  /** Of each subject. */
  readonly refreshesPerSecond: number;
  /** Tokens over which the refreshes of a round go in turn. */
  readonly refreshedTokens: number;
  /** Ascending; the last one is what the targets are about. */
  readonly tokenCounts: readonly number[];
  /** Before memory is looked at: V8 keeps the pages that it has emptied for 8 s (`--memory-pool-timeout`). */
  readonly settleMs: number;
  readonly idleMs: number;
  readonly startRounds: number;
  /** Real processes in time-lapse. */
  readonly lapse: { readonly tokens: number; readonly speed: number };
  /** Connections that misbehave, and how long the quiet turns and those with them last; on `lapse`. */
  readonly flood: {
    readonly idle: number;
    readonly slow: number;
    readonly rounds: number;
    readonly turnMs: number;
  };
  /** Tokens on the virtual clock. */
  readonly virtualTokens: number;
}

/** About seven minutes on two cores. */
export const FULL_SCALE: BenchScale = {
  refreshRounds: 9,
  refreshesPerRound: 120,
  warmUpRefreshes: 400,
  refreshesPerSecond: 30,
  refreshedTokens: 50,
  tokenCounts: [100, 1000, 10_000],
  settleMs: 15_000,
  idleMs: 20_000,
  startRounds: 7,
  lapse: { tokens: 1000, speed: 15 },
  flood: { idle: 500, slow: 500, rounds: 3, turnMs: 9000 },
  virtualTokens: 10_000,
};

/** About two minutes: the same figures, with more noise. */
export const QUICK_SCALE: BenchScale = {
  refreshRounds: 3,
  refreshesPerRound: 60,
  warmUpRefreshes: 200,
  refreshesPerSecond: 30,
  refreshedTokens: 50,
  tokenCounts: [100, 10_000],
  settleMs: 15_000,
  idleMs: 5000,
  startRounds: 3,
  lapse: { tokens: 200, speed: 60 },
  flood: { idle: 500, slow: 500, rounds: 2, turnMs: 5000 },
  virtualTokens: 1000,
};

/** Seconds: for a test of the bench itself. */
export const TINY_SCALE: BenchScale = {
  refreshRounds: 1,
  refreshesPerRound: 4,
  warmUpRefreshes: 10,
  refreshesPerSecond: 100,
  refreshedTokens: 20,
  tokenCounts: [2, 4],
  settleMs: 0,
  idleMs: 100,
  startRounds: 1,
  // Tokens that live less than 10 s are refused.
  lapse: { tokens: 4, speed: 60 },
  flood: { idle: 8, slow: 8, rounds: 1, turnMs: 5000 },
  virtualTokens: 4,
};
