import type { Clock } from '../../src/core/ports.ts';

/** What a call may take where time waits for calls: an odd figure, since nothing else must sleep so long. */
export const CALL_LIMIT_MS = 58_997;

interface Sleeper {
  readonly delayMs: number;
  readonly wakeAtMs: number;
  wake(): void;
}

/** A clock that stands still until a test moves it, and that knows how many sleepers wait for it. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #waitsForCalls = false;
  readonly #sleepers = new Set<Sleeper>();
  readonly #waiters = new Set<() => void>();

  /** @param startMs wall time to start at; 2026-11-21T12:00:00Z by default */
  constructor(startMs: number = Date.UTC(2026, 10, 21, 12)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(asError(signal.reason));
        return;
      }
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(asError(signal?.reason));
      };
      const sleeper: Sleeper = {
        delayMs,
        wakeAtMs: this.#monotonicMs + delayMs,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
      for (const waiter of this.#waiters) waiter();
    });
  }

  /** Delays until each sleeper wakes, shortest first, in milliseconds. */
  get pendingDelaysMs(): readonly number[] {
    return [...this.#sleepers].map((s) => s.wakeAtMs - this.#monotonicMs).toSorted((a, b) => a - b);
  }

  /** Resolves once a sleeper waits for `accept(delayMs)`: the code under test has gone to sleep. */
  async untilSleeping(accept: (delayMs: number) => boolean = () => true): Promise<void> {
    if (this.pendingDelaysMs.some(accept)) return;
    await new Promise<void>((resolve) => {
      const waiter = (): void => {
        if (!this.pendingDelaysMs.some(accept)) return;
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }

  /** Time waits for calls over real sockets with {@link CALL_LIMIT_MS}: how quick this machine is plays no part. */
  waitForCalls(): void {
    this.#waitsForCalls = true;
  }

  /** Moves both clocks on, waking every sleeper at its own moment, earliest first, and letting it run. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + byMs;
    for (;;) {
      while (this.#waitsForCalls && [...this.#sleepers].some(({ delayMs }) => delayMs === CALL_LIMIT_MS))
        await settle();
      const next = [...this.#sleepers].toSorted((a, b) => a.wakeAtMs - b.wakeAtMs)[0];
      if (next === undefined || next.wakeAtMs > untilMs) break;
      this.#move(Math.max(0, next.wakeAtMs - this.#monotonicMs));
      next.wake();
      await settle();
    }
    this.#move(untilMs - this.#monotonicMs);
    await settle();
  }

  /** Moves wall time alone, as an operator or NTP does. */
  jumpWallTime(byMs: number): void {
    this.#nowMs += byMs;
  }

  #move(byMs: number): void {
    this.#monotonicMs += byMs;
    this.#nowMs += byMs;
  }
}

/** Lets everything run that is ready to run, promises and I/O callbacks alike. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted');
}
