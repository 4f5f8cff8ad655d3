/**
 * A text that is expensive to make, for as many as ask.
 *
 * Guarantee: at most one is in the making, and all who ask meanwhile and for some time afterwards get the same: making it
 * takes no more than {@link MAX_SHARE} of the time, however often it is asked for. Bytes, because encoding a text of a
 * megabyte for each answer costs more than sending it. A failure is for those alone who waited for it.
 */
import type { Clock } from '../core/ports.ts';

/** A scraper that asks every second gets a new text each time, as long as it is cheap. */
const MIN_KEPT_MS = 1_000;
/** Share of a core that making the text may take. */
const MAX_SHARE = 0.05;

/** @returns the text as UTF-8; rejects as `make` does */
export function shareText(
  make: () => Promise<string>,
  clock: Pick<Clock, 'monotonicMs'>,
): () => Promise<Buffer> {
  let shared: Promise<Buffer> | undefined;
  let goodUntilMs = Number.POSITIVE_INFINITY;

  async function makeBytes(): Promise<Buffer> {
    const startedMs = clock.monotonicMs();
    try {
      return Buffer.from(await make());
    } catch (error) {
      shared = undefined;
      throw error;
    } finally {
      const nowMs = clock.monotonicMs();
      goodUntilMs = nowMs + Math.max(MIN_KEPT_MS, (nowMs - startedMs) / MAX_SHARE);
    }
  }

  return () => {
    if (shared !== undefined && clock.monotonicMs() < goodUntilMs) return shared;
    goodUntilMs = Number.POSITIVE_INFINITY;
    shared = makeBytes();
    return shared;
  };
}
