import { portionsOf } from './for-each-concurrent.ts';
import type { Clock, SecretTexts, TokenStore } from './ports.ts';

/** Texts of secrets in memory at one time. */
const SECRETS_PER_BATCH = 80;

export interface SecretBatch<Item> {
  readonly items: readonly Item[];
  readonly texts: SecretTexts;
  /** Monotonic time at which reading began, in milliseconds. */
  readonly startedMs: number;
}

export interface SecretBatchesOptions<Item> {
  readonly namesOf: (item: Item) => readonly string[];
  /** From the beginning of one batch to that of the next at least, in milliseconds. */
  readonly everyMs: number;
  readonly store: Pick<TokenStore, 'readMany'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly signal: AbortSignal;
}

/**
 * Reads the secrets of many items in order, batch by batch, and the next one when the former has been dealt with. An
 * item's secrets stay together. Ends early when aborted.
 */
export async function* readInBatches<Item>(
  all: readonly Item[],
  { namesOf, everyMs, store, clock, signal }: SecretBatchesOptions<Item>,
): AsyncGenerator<SecretBatch<Item>> {
  let earliestMs = clock.monotonicMs();
  for (const items of portionsOf(all, SECRETS_PER_BATCH, (item) => namesOf(item).length)) {
    const restMs = earliestMs - clock.monotonicMs();
    if (restMs > 0) await clock.sleep(restMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const startedMs = clock.monotonicMs();
    earliestMs = startedMs + everyMs;
    yield { items, texts: await store.readMany(items.flatMap(namesOf), signal), startedMs };
  }
}
