import type { Clock } from '../ports.ts';

/**
 * A moment ahead on both clocks. Wall time alone stalls for an hour when the clock is set back by one; monotonic time
 * alone misses that a machine slept. Whichever says "now" first is believed.
 */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** What both clocks say. */
export type Now = Pick<Clock, 'now' | 'monotonicMs'>;

/** The moment at which wall time, if nobody touches the clock, will be `wallMs`. */
export function momentAt(wallMs: number, clock: Now): Moment {
  return { wallMs, monotonicMs: clock.monotonicMs() + (wallMs - clock.now()) };
}

/** Milliseconds until the moment; negative once it has passed. */
export function msUntil(moment: Moment, clock: Now): number {
  return Math.min(moment.wallMs - clock.now(), moment.monotonicMs - clock.monotonicMs());
}

/** NTP slews slower than this; a timer that wakes late moves both clocks alike. */
export const CLOCK_JUMP_MS = 2000;

/** For those who keep moments of wall time: they are asked before another one is noted, which is by the clock as it is now. */
export class ClockJumps {
  readonly #clock: Now;
  #offsetMs: number;

  constructor(clock: Now) {
    this.#clock = clock;
    this.#offsetMs = clock.now() - clock.monotonicMs();
  }

  /** By how much the clock was set since this was asked last; 0: it was not. */
  take(): number {
    const byMs = Math.round(this.#clock.now() - this.#clock.monotonicMs() - this.#offsetMs);
    if (Math.abs(byMs) <= CLOCK_JUMP_MS) return 0;
    this.#offsetMs += byMs;
    return byMs;
  }
}
