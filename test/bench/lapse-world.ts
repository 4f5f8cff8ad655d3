/** What the daemon is measured on in time-lapse: customers whose tokens are spread evenly over one cadence. */
import type { BenchScale } from './bench-scale.ts';
import type { BenchWorld } from './bench-world.ts';

export interface LapseWorld {
  readonly configPath: string;
  readonly lifetimeMs: number;
  readonly cadenceMs: number;
  /** Until the daemon is ready; the first refresh is due then. */
  readonly leadMs: number;
}

/** For the last refreshes to be published, and half a tick for them to be noticed. */
export const TAIL_MS = 1500;

const DOCUMENTED_LIFETIME_MS = 900_000;
const TOKEN_LENGTH = 70;
const LONGEST_LEAD_MS = 10_000;
/** The store here has no quota. */
const MOST_WRITES_PER_SECOND = 1000;

/** Fills the store right before the daemon starts: the plans count from now on. */
export async function seedLapse(world: BenchWorld, lapse: BenchScale['lapse']): Promise<LapseWorld> {
  const lifetimeMs = DOCUMENTED_LIFETIME_MS / lapse.speed;
  const cadenceMs = (lifetimeMs * 14) / 15;
  const leadMs = Math.min(LONGEST_LEAD_MS, lifetimeMs / 2);
  const configPath = await world.writeConfiguration({
    customers: lapse.tokens,
    lifetimeMs,
    versionBudget: 'none',
    writesPerSecond: MOST_WRITES_PER_SECOND,
  });
  await world.seed({
    customers: lapse.tokens,
    tokenLength: TOKEN_LENGTH,
    lifetimeMs,
    firstDueInMs: leadMs,
    lastDueInMs: leadMs + cadenceMs,
    hasBindings: false,
  });
  return { configPath, lifetimeMs, cadenceMs, leadMs };
}
