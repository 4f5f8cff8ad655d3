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

/** Consecutive portions of at most `size` together; an item that is larger is one by itself. */
export function portionsOf<Item>(
  items: readonly Item[],
  size: number,
  sizeOf: (item: Item) => number = () => 1,
): readonly (readonly Item[])[] {
  const portions: Item[][] = [];
  let room = 0;
  for (const item of items) {
    if (sizeOf(item) > room) {
      portions.push([]);
      room = size;
    }
    portions.at(-1)?.push(item);
    room -= sizeOf(item);
  }
  return portions;
}
