/** One line of the bench's table. */
export interface Figure {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** Smallest and largest of what `value` is the median of; left out where there was one measurement. */
  readonly noise?: { readonly min: number; readonly max: number };
  /** The most that `value` may be, in its unit; left out for figures that explain another one. */
  readonly target?: number;
  /** What has to be known to read the figure. */
  readonly note?: string;
}

/** `undefined`: there is no target. */
export function isMet({ value, target }: Figure): boolean | undefined {
  return target === undefined ? undefined : value <= target;
}
