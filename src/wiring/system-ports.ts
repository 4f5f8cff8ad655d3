import { FileLanes } from '../adapters/files/file-lanes.ts';
import { createSystemClock } from '../adapters/system/clock.ts';
import { createSystemRandom } from '../adapters/system/random.ts';
import { leaveLocalTime } from '../adapters/system/time-zone.ts';
import type { Clock, Random } from '../core/ports.ts';

/** What every command needs of its process. */
export interface SystemPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Reads of files, for the whole process. */
  readonly files: FileLanes;
}

export function createSystemPorts(): SystemPorts {
  leaveLocalTime();
  const clock = createSystemClock();
  return { clock, random: createSystemRandom(), files: new FileLanes(clock) };
}
