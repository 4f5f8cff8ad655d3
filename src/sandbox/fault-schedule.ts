import type { Clock } from '../core/ports.ts';
import type { Fault, ProviderFault } from './fault.ts';
import type { StoreFault } from './secrets-manager/store-fault.ts';

/** A fault on the schedule, as people see it. */
export interface ListedFault {
  readonly fault: string;
  readonly isActive: boolean;
}

export interface FaultScheduleOptions {
  readonly clock: Clock;
  /** Told all active store faults whenever one begins, ends, is added or removed. */
  readonly onStoreFaults?: (faults: readonly StoreFault[]) => void;
  /** Ends the waiting for windows of store faults. */
  readonly signal: AbortSignal;
}

interface Entry {
  readonly fault: Fault;
  readonly addedAtMs: number;
}

/** Which faults are active right now. Windows are monotonic time, so a clock that jumps does not move them. */
export class FaultSchedule {
  readonly #options: FaultScheduleOptions;
  #entries: readonly Entry[] = [];
  #published: readonly StoreFault[] = [];

  constructor(options: FaultScheduleOptions) {
    this.#options = options;
  }

  /** The fault's window begins `fault.startMs` from now. */
  add(fault: Fault): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#entries = [...this.#entries.filter((entry) => !isOver(entry, nowMs)), { fault, addedAtMs: nowMs }];
    this.#publish();
    if (fault.target !== 'store') return;
    if (fault.startMs > 0) this.#publishIn(fault.startMs);
    if (fault.durationMs !== undefined) this.#publishIn(fault.startMs + fault.durationMs);
  }

  clear(): void {
    this.#entries = [];
    this.#publish();
  }

  /** All faults that are active or still to come, in the order in which they were added. */
  list(): readonly ListedFault[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#entries
      .filter((entry) => !isOver(entry, nowMs))
      .map((entry) => ({ fault: entry.fault.text, isActive: isActive(entry, nowMs) }));
  }

  /** What is wrong with a provider now, in the order in which it was added. */
  findProviderFaults(provider: string): readonly ProviderFault[] {
    return this.#active().flatMap((fault) =>
      fault.target === 'provider' && (fault.provider === provider || fault.provider === '*')
        ? [fault.effect]
        : [],
    );
  }

  /** What is wrong with the store now, in the order in which it was added. */
  findStoreFaults(): readonly StoreFault[] {
    return this.#active().flatMap((fault) => (fault.target === 'store' ? [fault.effect] : []));
  }

  #active(): readonly Fault[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#entries.filter((entry) => isActive(entry, nowMs)).map((entry) => entry.fault);
  }

  #publishIn(delayMs: number): void {
    const { clock, onStoreFaults } = this.#options;
    if (onStoreFaults !== undefined) void this.#publishAt(clock.monotonicMs() + delayMs);
  }

  async #publishAt(monotonicMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    // A timer may fire a fraction early, and then the window would not be open yet.
    for (;;) {
      const delayMs = monotonicMs - clock.monotonicMs();
      if (delayMs <= 0) break;
      try {
        await clock.sleep(delayMs, signal);
      } catch {
        return;
      }
    }
    this.#publish();
  }

  #publish(): void {
    const faults = this.findStoreFaults();
    const isUnchanged =
      faults.length === this.#published.length &&
      faults.every((fault, index) => fault === this.#published[index]);
    if (isUnchanged) return;
    this.#published = faults;
    this.#options.onStoreFaults?.(faults);
  }
}

function isActive(entry: Entry, nowMs: number): boolean {
  return nowMs >= entry.addedAtMs + entry.fault.startMs && !isOver(entry, nowMs);
}

function isOver({ fault, addedAtMs }: Entry, nowMs: number): boolean {
  return fault.durationMs !== undefined && nowMs >= addedAtMs + fault.startMs + fault.durationMs;
}
