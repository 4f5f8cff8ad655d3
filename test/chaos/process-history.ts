/** What was done to a process from outside, or happened to it. */
export interface Deed {
  readonly process: string;
  readonly what: 'started' | 'killed' | 'stopped' | 'continued' | 'asked-to-end' | 'lost-term' | 'gave-up';
  readonly atMs: number;
}

/** A process that wakes up needs this long to notice; also covers what two clocks of one machine may differ. */
const WAKING_MS = 1000;

/** What was done to all processes, for those who ask whether one could act at a moment. */
export class ProcessHistory {
  readonly #deeds: Deed[] = [];

  note(process: string, what: Deed['what'], atMs: number = Date.now()): void {
    this.#deeds.push({ process, what, atMs });
  }

  get all(): readonly Deed[] {
    return this.#deeds;
  }

  /**
   * True when it was killed before that moment. There is no "since": a process is killed once, and what it had sent by
   * then may be seen to arrive later.
   */
  wasKilled(process: string, beforeMs: number): boolean {
    return this.#has(process, 'killed', 0, beforeMs);
  }

  /** As {@link wasKilled}. */
  wasAskedToEnd(process: string, beforeMs: number): boolean {
    return this.#has(process, 'asked-to-end', 0, beforeMs);
  }

  /** True when it said that it led no more, or that an answer had not come in time. */
  wasLate(process: string, fromMs: number, toMs: number): boolean {
    return this.#has(process, 'lost-term', fromMs, toMs) || this.#has(process, 'gave-up', fromMs, toMs);
  }

  /** True when it stood still at some moment of that time, or had just been continued. */
  wasStopped(process: string, fromMs: number, toMs: number): boolean {
    return this.#deeds.some((deed, index) => {
      if (deed.process !== process || deed.what !== 'stopped' || deed.atMs > toMs) return false;
      const end = this.#deeds
        .slice(index)
        .find((later) => later.process === process && ['continued', 'killed'].includes(later.what));
      return (end?.atMs ?? Number.POSITIVE_INFINITY) + WAKING_MS >= fromMs;
    });
  }

  #has(process: string, what: Deed['what'], fromMs: number, toMs: number): boolean {
    return this.#deeds.some(
      (deed) => deed.process === process && deed.what === what && deed.atMs >= fromMs && deed.atMs <= toMs,
    );
  }
}
