/**
 * How a token's refreshes went in the last 24 hours, a byte for each quarter of an hour. Times are monotonic, so that no
 * jump of a clock moves anything.
 *
 * Guarantee: the memory does not depend on how often a token is refreshed.
 */

/** Quarters of an hour that are kept. */
export const STRIP_LENGTH = 96;
export const QUARTER_MS = 900_000;

/**
 * `none`: nothing ended. `ok`: each refresh succeeded at once. `retried`: one succeeded after failed attempts. `failed`:
 * attempts failed, and none has succeeded since.
 */
export const STRIP_MARKS = ['none', 'ok', 'retried', 'failed'] as const;
export type StripMark = (typeof STRIP_MARKS)[number];

const NONE = 0;
const OK = 1;
const RETRIED = 2;
const FAILED = 3;

export class RefreshStrip {
  /** A ring: the quarter that began at `n * QUARTER_MS` is at `n % STRIP_LENGTH`. */
  readonly #marks = new Uint8Array(STRIP_LENGTH);
  /** Number of the newest quarter in the ring. */
  #newest: number;

  constructor(monotonicMs: number) {
    this.#newest = quarterOf(monotonicMs);
  }

  /** @param wasFailing failed attempts came before, in whichever quarter */
  addSuccess(monotonicMs: number, wasFailing: boolean): void {
    const at = this.#moveTo(monotonicMs);
    const hadTrouble = wasFailing || this.#marks[at] === FAILED || this.#marks[at] === RETRIED;
    this.#marks[at] = hadTrouble ? RETRIED : OK;
  }

  addFailure(monotonicMs: number): void {
    this.#marks[this.#moveTo(monotonicMs)] = FAILED;
  }

  /** {@link STRIP_LENGTH} marks, the oldest first; the last one is the quarter that is under way. */
  marks(monotonicMs: number): readonly StripMark[] {
    const first = this.#moveTo(monotonicMs) + 1;
    return Array.from(
      { length: STRIP_LENGTH },
      (_, index) => STRIP_MARKS[this.#marks[(first + index) % STRIP_LENGTH] ?? NONE] ?? 'none',
    );
  }

  /** Forgets what is older than a day. @returns the place of the quarter that is under way */
  #moveTo(monotonicMs: number): number {
    const current = Math.max(this.#newest, quarterOf(monotonicMs));
    const passed = Math.min(current - this.#newest, STRIP_LENGTH);
    for (let step = 0; step < passed; step += 1) this.#marks[(current - step) % STRIP_LENGTH] = NONE;
    this.#newest = current;
    return current % STRIP_LENGTH;
  }
}

function quarterOf(monotonicMs: number): number {
  return Math.max(0, Math.floor(monotonicMs / QUARTER_MS));
}
