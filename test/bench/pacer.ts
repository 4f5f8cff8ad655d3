export interface Pace {
  readonly perSecond: number;
  readonly count: number;
}

export interface PacedRound {
  /** CPU time of this process, user and system, all threads. */
  readonly cpuMs: number;
}

/** Begins `work` evenly at a fixed rate, whatever the earlier ones take, and ends when all have ended. */
export async function runAtPace(
  { perSecond, count }: Pace,
  work: (index: number) => Promise<void>,
): Promise<PacedRound> {
  const cpu = process.cpuUsage();
  const startedAtMs = performance.now();
  const running: Promise<void>[] = [];
  while (running.length < count) {
    const dueAtMs = startedAtMs + (running.length * 1000) / perSecond;
    const waitMs = dueAtMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(work(running.length));
  }
  await Promise.all(running);
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000 };
}
