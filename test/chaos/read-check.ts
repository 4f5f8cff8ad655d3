/**
 * Fresh and never worse, as a reader sees it.
 *
 * The rule: a read is expired without excuse when, between the moment at which the refresh was due and the expiry, there
 * was a time without disturbance that was long enough to refresh: for what a tick finds due at once, or for a retry,
 * whose wait is at most a quarter of the life that is left. After expiry a minute may pass until the next attempt.
 */
import { decideCadence } from '../../src/core/schedule/cadence.ts';
import { REFRESH_AFTER_SHARE, SLACK_MS } from './chaos-timing.ts';
import { type Disturbance, findCalm } from './disturbance.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';

/** What a reader found in a secret. All times are wall time in milliseconds. */
export interface SeenDocument {
  readonly token: string;
  readonly provider: string;
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  /** Just before the store was asked. */
  readonly readAtMs: number;
}

/** The managed token's wait between attempts once a token has expired. */
const AFTER_EXPIRY_MS = 60_000;

export function checkExpiredReads(
  expired: readonly SeenDocument[],
  disturbances: readonly Disturbance[],
): Verdict {
  const verdict = new VerdictBuilder();
  for (const read of expired) {
    const lateMs = Math.round(read.readAtMs - read.expiresAtMs);
    const excuse = couldRefresh(read, disturbances) ? undefined : describeHindrance(read, disturbances);
    verdict.add(read.readAtMs, `${read.token} had expired ${lateMs} ms before it was read`, excuse);
  }
  return verdict;
}

function couldRefresh(read: SeenDocument, disturbances: readonly Disturbance[]): boolean {
  const { provider, issuedAtMs, refreshAtMs, expiresAtMs, readAtMs } = read;
  const refreshAfter = { kind: 'fraction', fraction: REFRESH_AFTER_SHARE } as const;
  const policy = { refreshAfter, stalenessMs: 0, minIntervalMs: 0 };
  const { tickMs } = decideCadence(expiresAtMs - issuedAtMs, policy);
  const dueAtMs = refreshAtMs + tickMs / 2;
  const before = findCalm(disturbances, provider, { fromMs: dueAtMs, toMs: expiresAtMs });
  const after = findCalm(disturbances, provider, { fromMs: expiresAtMs, toMs: readAtMs });
  return (
    before.some(({ fromMs, toMs }) => {
      const waitMs = fromMs === dueAtMs ? 0 : (expiresAtMs - fromMs) / 4;
      return toMs - fromMs >= waitMs + SLACK_MS;
    }) || after.some(({ fromMs, toMs }) => toMs - fromMs >= AFTER_EXPIRY_MS + SLACK_MS)
  );
}

function describeHindrance(
  { provider, refreshAtMs, expiresAtMs }: SeenDocument,
  disturbances: readonly Disturbance[],
): string {
  const isOne = disturbances.some(
    (each) =>
      (each.provider === undefined || each.provider === provider) &&
      each.toMs - each.fromMs >= expiresAtMs - refreshAtMs &&
      each.fromMs < expiresAtMs &&
      each.toMs > refreshAtMs,
  );
  return isOne ? 'after an outage longer than the margin' : 'in disturbances without a break';
}

/** Follows what one reader sees of each token, and keeps what deserves a second look. */
export class ReadLedger {
  /** Reads that found an expired token. */
  readonly expired: SeenDocument[] = [];
  /** Generations or expiries that went back. */
  readonly #backwards = new VerdictBuilder();
  readonly #last = new Map<string, SeenDocument>();
  #reads = 0;

  note(seen: SeenDocument): void {
    this.#reads += 1;
    const { token, generation, expiresAtMs, readAtMs } = seen;
    if (expiresAtMs <= readAtMs) this.expired.push(seen);
    const last = this.#last.get(token);
    this.#last.set(token, seen);
    if (last === undefined) return;
    if (generation < last.generation) {
      const what = `${token} went back from generation ${last.generation} to ${generation}`;
      this.#backwards.add(readAtMs, what, undefined);
    }
    if (expiresAtMs < last.expiresAtMs) {
      const what = `${token} went back to a token that expires ${last.expiresAtMs - expiresAtMs} ms earlier`;
      this.#backwards.add(readAtMs, what, undefined);
    }
  }

  get reads(): number {
    return this.#reads;
  }

  get backwards(): Verdict {
    return this.#backwards;
  }

  get newest(): ReadonlyMap<string, SeenDocument> {
    return this.#last;
  }
}
