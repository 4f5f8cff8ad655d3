/** How much of a quota is used: `low` from 85 % on, `exhausted` while more was needed than there was. */
export type QuotaState = 'normal' | 'low' | 'exhausted';

const LOW_PERCENT = 85;
/** Between the two nothing changes, so that a count that wavers around one of them is reported once. */
const RECOVERED_PERCENT = 80;

/** The count at which a quota is nearly used. */
export function lowMark(quota: number): number {
  return Math.ceil((quota * LOW_PERCENT) / 100);
}

/** Whether so few are used that a shortage is over. */
export function isRecovered(used: number, quota: number): boolean {
  return used < (quota * RECOVERED_PERCENT) / 100;
}
