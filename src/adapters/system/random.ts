import { randomUUID } from 'node:crypto';
import type { Random } from '../../core/ports.ts';

/** The machine's chance: `Math.random` for jitter, the operating system's generator for names that must not collide. */
export function createSystemRandom(): Random {
  return {
    next: () => Math.random(),
    uuid: () => randomUUID(),
  };
}
