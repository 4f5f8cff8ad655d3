/** The middle of what was measured, and how far apart the rest lies. @throws for an empty list */
export function medianAndNoise(values: readonly number[]) {
  return {
    value: percentile(values, 50),
    noise: { min: percentile(values, 0), max: percentile(values, 100) },
  };
}

/** Nearest-rank percentile, 0 to 100. @throws for an empty list */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1);
  const value = sorted[rank];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}
