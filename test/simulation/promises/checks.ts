import type { Watcher } from '../observation.ts';
import { Chains } from './chains.ts';
import type { CheckParts } from './check.ts';
import { Discovered } from './discovered.ts';
import { Fresh } from './fresh.ts';
import { GoodNeighbours } from './good-neighbours.ts';
import { Looks } from './looks.ts';
import { Loud } from './loud.ts';
import { LoudAlerts } from './loud-alerts.ts';
import { Mirrored } from './mirrored.ts';
import { MissedTicks } from './missed-ticks.ts';
import { NeverWorse } from './never-worse.ts';
import { NobodyLockedOut } from './nobody-locked-out.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { Ownership } from './ownership.ts';
import { Refused } from './refused.ts';
import { VersionQuota } from './version-quota.ts';
import { WrongClocks } from './wrong-clocks.ts';

export interface Checks {
  readonly watchers: readonly Watcher[];
  /** Tokens that the program has published. */
  refreshes(): number;
  /** How many of them were late, with an excuse. */
  excused(): number;
}

/** Every promise that the simulation checks. The ninth is checked where a pod is stopped. */
export function createChecks(simulation: Omit<CheckParts, 'looks' | 'refused'>): Checks {
  const looks = new Looks(simulation.world.time);
  const refused = new Refused(simulation);
  const parts: CheckParts = { ...simulation, looks, refused };
  const fresh = new Fresh(parts);
  return {
    watchers: [
      looks,
      // Before those that forget what has ended.
      new OneAtATime(parts),
      new NeverWorse(parts),
      new MissedTicks(parts),
      new Discovered(parts),
      new Chains(parts),
      new NobodyLockedOut(parts),
      new Ownership(parts),
      new Loud(parts),
      new LoudAlerts(parts),
      new GoodNeighbours(parts),
      ...(parts.mirror === undefined ? [] : [new Mirrored(parts, parts.mirror)]),
      new VersionQuota(parts),
      new WrongClocks(parts),
      fresh,
      // After those that ask it.
      refused,
    ],
    refreshes: () => fresh.refreshes,
    excused: () => fresh.excused,
  };
}
