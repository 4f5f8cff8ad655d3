/**
 * How a token's refreshes went in the last 24 hours, two bits for each quarter of an hour. A value: what is added makes
 * another strip. Times are monotonic, so that no jump of a clock moves anything.
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
const STRIP_MARKS = ['none', 'ok', 'retried', 'failed'] as const;
export type StripMark = (typeof STRIP_MARKS)[number];

export class RefreshStrip {
  /** Number of the newest quarter. */
  readonly #newest: number;
  /** A digit to the base of 4 for each quarter, the newest being the last one. */
  readonly #digits: bigint;

  constructor(newest = 0, digits = 0n) {
    this.#newest = newest;
    this.#digits = digits;
  }

  /** @param wasFailing failed attempts came before, in whichever quarter */
  withSuccess(monotonicMs: number, wasFailing: boolean): RefreshStrip {
    const { newest, digits } = this.#moveTo(monotonicMs);
    const mark = STRIP_MARKS[Number(digits & 3n)];
    const hadTrouble = wasFailing || mark === 'failed' || mark === 'retried';
    return new RefreshStrip(newest, replaceLast(digits, hadTrouble ? 'retried' : 'ok'));
  }

  withFailure(monotonicMs: number): RefreshStrip {
    const { newest, digits } = this.#moveTo(monotonicMs);
    return new RefreshStrip(newest, replaceLast(digits, 'failed'));
  }

  /** {@link STRIP_LENGTH} marks, the oldest first; the last one is the quarter that is under way. */
  marks(monotonicMs: number): readonly StripMark[] {
    const text = this.#moveTo(monotonicMs).digits.toString(4).padStart(STRIP_LENGTH, '0');
    return Array.from(text, (digit) => STRIP_MARKS[Number(digit)] ?? 'none');
  }

  /** Forgets what is older than a day. */
  #moveTo(monotonicMs: number): { readonly newest: number; readonly digits: bigint } {
    const newest = Math.max(this.#newest, Math.floor(monotonicMs / QUARTER_MS));
    const passed = Math.min(newest - this.#newest, STRIP_LENGTH);
    return { newest, digits: BigInt.asUintN(2 * STRIP_LENGTH, this.#digits << BigInt(2 * passed)) };
  }
}

function replaceLast(digits: bigint, mark: StripMark): bigint {
  return ((digits >> 2n) << 2n) | BigInt(STRIP_MARKS.indexOf(mark));
}
