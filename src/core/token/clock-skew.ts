import { formatSeconds } from '../wire/time-text.ts';
/** Below this a measured skew may be rounding: `Date` has whole seconds. */
export const CLOCK_SKEW_NOISE_MS = 2_000;

/** From here on a wrong clock is a probable cause of a rejection; servers tolerate 2 to 5 minutes. */
const CLOCK_SKEW_SUSPECT_MS = 60_000;

/** True when the clocks are so far apart that they explain a rejection or an expiry in the past. */
export function isSuspectSkew(clockSkewMs: number | undefined): clockSkewMs is number {
  return clockSkewMs !== undefined && Math.abs(clockSkewMs) > CLOCK_SKEW_SUSPECT_MS;
}

/** `our clock is 5m 12s behind the provider's`. @param clockSkewMs provider's clock minus ours */
export function describeSkew(clockSkewMs: number): string {
  return `our clock is ${formatSeconds(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? 'behind' : 'ahead of'} the provider's`;
}
