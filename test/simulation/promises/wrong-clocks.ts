/** Promise 11: a jump of the wall clock is noticed within seconds, by every running process that it concerns. */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, podOf } from './check.ts';

const PROMISE = '11 wrong clocks';
/** Smaller steps are what NTP does all day. */
const JUMP_MS = 3000;
const NOTICED_MS = 12_000;

export class WrongClocks implements Watcher {
  readonly #parts: CheckParts;
  /** When each process last told of a jump. */
  readonly #toldAtMs = new WeakMap<VirtualProcess, number>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  eventSeen(process: VirtualProcess, { event }: RefreshEvent): void {
    if (event === 'clock-jumped') this.#toldAtMs.set(process, this.#parts.world.time.nowMs);
  }

  look(): void {
    const { world, pods, leaders } = this.#parts;
    const { nowMs } = world.time;
    for (const { process } of pods) {
      if (process === undefined || process.isDead || process.isPaused) continue;
      // Long enough ago to have been told, and after everything that keeps a process from telling.
      const sinceMs = nowMs - 2 * NOTICED_MS;
      const isSettled = process.bornAtMs < sinceMs - NOTICED_MS && process.resumedAtMs < sinceMs - NOTICED_MS;
      const byMs = leaders.jumpBetween(podOf(process), sinceMs, nowMs - NOTICED_MS);
      const toldAtMs = this.#toldAtMs.get(process) ?? Number.NEGATIVE_INFINITY;
      if (isSettled && Math.abs(byMs) > JUMP_MS && toldAtMs < sinceMs && !process.isStopping)
        world.breaks(
          PROMISE,
          undefined,
          `${process.name} did not notice that its clock jumped by ${byMs} ms`,
        );
    }
  }
}
