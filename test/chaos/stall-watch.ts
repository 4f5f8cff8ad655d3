/** How long this process stood still although it wanted to run: the measure of how busy the machine is. */
export interface StallWatch {
  readonly totalMs: number;
  stop(): void;
}

const LOOK_EVERY_MS = 100;
const NOTEWORTHY_MS = 500;

/** @param onStall told about each time of more than half a second */
export function watchStalls(
  onStall: (stall: { readonly fromMs: number; readonly toMs: number }) => void,
): StallWatch {
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
  }, LOOK_EVERY_MS);
  return {
    get totalMs() {
      return totalMs;
    },
    stop: () => clearInterval(timer),
  };
}
