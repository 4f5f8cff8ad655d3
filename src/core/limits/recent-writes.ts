/** What a version budget is for. */
export const VERSION_DAY_MS = 86_400_000;

/** When one secret was written in the last 24 hours. Times are monotonic, so that no jump of a clock moves them. */
export class RecentWrites {
  /** Ascending. */
  #timesMs: number[] = [];

  add(atMs: number): void {
    this.#timesMs.push(atMs);
  }

  /** The latest write took place later than was believed. */
  moveNewest(atMs: number): void {
    this.#timesMs.pop();
    this.#timesMs.push(atMs);
  }

  /** @param agesMs of all writes, in any order */
  replaceByAges(agesMs: readonly number[], nowMs: number): void {
    this.#timesMs = agesMs.map((ageMs) => nowMs - Math.max(0, ageMs)).toSorted((a, b) => a - b);
  }

  /** Writes in the last 24 hours. Forgets the older ones, so that there are never more than the store's quota. */
  count(nowMs: number): number {
    return this.times(nowMs).length;
  }

  /** The same, ascending. */
  times(nowMs: number): readonly number[] {
    const oldestMs = this.#timesMs[0];
    if (oldestMs !== undefined && nowMs - oldestMs >= VERSION_DAY_MS) {
      this.#timesMs = this.#timesMs.filter((timeMs) => nowMs - timeMs < VERSION_DAY_MS);
    }
    return this.#timesMs;
  }
}
