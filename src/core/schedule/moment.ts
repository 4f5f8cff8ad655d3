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
