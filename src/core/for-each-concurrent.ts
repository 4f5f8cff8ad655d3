/**
 * Runs `work` for each item in order, at most `limit` at one time. Resolves when all are done; rejects with the first
 * rejection.
 */
export async function forEachConcurrent<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  // One iterator for all: each takes what the others have left.
  const waiting = items.values();
  const takeNext = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, takeNext));
}

/** Consecutive portions of at most `size` items. */
export function portionsOf<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
