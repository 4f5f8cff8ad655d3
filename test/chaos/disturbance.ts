/** A time in which something was made to go wrong, and what that may keep from being refreshed. */
export interface Disturbance {
  /** `processes`: nobody may lead. `machine`: it kept this very process, or a replica, from running. */
  readonly source: 'processes' | 'API server' | 'store' | 'providers' | 'machine';
  readonly fromMs: number;
  /** `Infinity` while it goes on. */
  readonly toMs: number;
  /** How long after its end it may still keep tokens from being refreshed: nobody leads yet. */
  readonly echoMs?: number;
  /** For faults of one provider. */
  readonly provider?: string;
}

export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The stretches of a time without any disturbance that concerns the provider, earliest first. */
export function findCalm(
  disturbances: readonly Disturbance[],
  provider: string,
  { fromMs, toMs }: Stretch,
): readonly Stretch[] {
  const calm: Stretch[] = [];
  let freeFromMs = fromMs;
  const relevant = disturbances
    .filter((each) => each.provider === undefined || each.provider === provider)
    .toSorted((a, b) => a.fromMs - b.fromMs);
  for (const each of relevant) {
    if (each.fromMs >= toMs) break;
    if (each.fromMs > freeFromMs) calm.push({ fromMs: freeFromMs, toMs: each.fromMs });
    freeFromMs = Math.max(freeFromMs, each.toMs + (each.echoMs ?? 0));
  }
  if (freeFromMs < toMs) calm.push({ fromMs: freeFromMs, toMs });
  return calm;
}

/** True when such a disturbance touches a time; its echo does not count. */
export function isDisturbed(
  disturbances: readonly Disturbance[],
  source: Disturbance['source'],
  { fromMs, toMs }: Stretch,
): boolean {
  return disturbances.some((each) => each.source === source && each.fromMs <= toMs && each.toMs >= fromMs);
}
