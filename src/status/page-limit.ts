/** How many views may be made: each costs a pass over all tokens, and refreshes come first. Times are monotonic. */
const PER_SECOND = 5;
const AT_ONCE = 20;

export class PageLimit {
  #permits = AT_ONCE;
  #atMs = Number.NEGATIVE_INFINITY;

  /** False: not now. */
  take(monotonicMs: number): boolean {
    const gained = ((monotonicMs - this.#atMs) * PER_SECOND) / 1000;
    this.#permits = Math.min(AT_ONCE, this.#permits + gained);
    this.#atMs = monotonicMs;
    if (this.#permits < 1) return false;
    this.#permits -= 1;
    return true;
  }
}
