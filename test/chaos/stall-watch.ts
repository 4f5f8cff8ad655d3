import { readCpuWait, Starvation } from './starvation.ts';

/** How long this process stood still although it wanted to run: the measure of how busy the machine is. */
export interface StallWatch extends Disposable {
  readonly totalMs: number;
}

const LOOK_EVERY_MS = 100;
const NOTEWORTHY_MS = 500;

/**
 * @param onStall told about each time of more than half a second, of this process or of one of the others
 * @param others process ids, by what makes them the same for longer than a process lives
 */
export function watchStalls(
  onStall: (stall: { readonly fromMs: number; readonly toMs: number }) => void,
  others: () => ReadonlyMap<string, number> = () => new Map(),
): StallWatch {
  const starvations = new Map<string, Starvation>();
  let lastMs = Date.now();
  let totalMs = 0;
  const timer = setInterval(() => {
    const nowMs = Date.now();
    const stalledMs = nowMs - lastMs - LOOK_EVERY_MS;
    if (stalledMs > NOTEWORTHY_MS) {
      totalMs += stalledMs;
      onStall({ fromMs: lastMs, toMs: nowMs });
    }
    lastMs = nowMs;
    for (const [name, pid] of others()) {
      const waitedMs = readCpuWait(pid);
      if (waitedMs === undefined) continue;
      const starvation = starvations.get(name) ?? new Starvation();
      starvations.set(name, starvation);
      const stall = starvation.look({ atMs: nowMs, waitedMs });
      if (stall !== undefined) onStall(stall);
    }
  }, LOOK_EVERY_MS);
  return {
    get totalMs() {
      return totalMs;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
