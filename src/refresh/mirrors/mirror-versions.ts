/**
 * The versions that secrets of one place get from this process, against the place's budget.
 *
 * Non-guarantee: what other processes have written, and this one before it started, is known to the store alone, which
 * refuses what is too much.
 */
import { VERSION_DAY_MS, type VersionBudget, withinDay } from '../../core/limits/version-pace.ts';

export class MirrorVersions {
  readonly #budget: VersionBudget;
  /** By token; monotonic times, ascending. Empty without a budget. */
  readonly #writesAtMs = new Map<string, readonly number[]>();

  constructor(budget: VersionBudget) {
    this.#budget = budget;
  }

  /** Milliseconds until the token's secret may get another version; 0: now. */
  roomInMs(token: string, nowMs: number): number {
    if (this.#budget === 'none') return 0;
    const writesAtMs = withinDay(this.#writesAtMs.get(token) ?? [], nowMs);
    const oldestMs = writesAtMs.at(-this.#budget);
    return oldestMs === undefined ? 0 : oldestMs + VERSION_DAY_MS - nowMs;
  }

  /** A version was made, or may have been. */
  count(token: string, nowMs: number): void {
    if (this.#budget !== 'none')
      this.#writesAtMs.set(token, [...withinDay(this.#writesAtMs.get(token) ?? [], nowMs), nowMs]);
  }

  forget(token: string): void {
    this.#writesAtMs.delete(token);
  }
}
