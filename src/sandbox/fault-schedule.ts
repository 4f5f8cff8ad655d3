import type { Clock } from '../core/ports.ts';
import type { Fault, ProviderFault } from './fault.ts';
import type { StoreFault } from './secrets-manager/store-fault.ts';

/** A fault on the schedule, as people see it. */
export interface ListedFault {
  readonly fault: string;
  readonly isActive: boolean;
}

interface Entry {
  readonly fault: Fault;
  readonly addedAtMs: number;
}

/** Which faults are active right now. Windows are monotonic time, so a clock that jumps does not move them. */
export class FaultSchedule {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #entries: readonly Entry[] = [];

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The fault's window begins `fault.startMs` from now. */
  add(fault: Fault): void {
    const nowMs = this.#clock.monotonicMs();
    this.#entries = [...this.#entries.filter((entry) => !isOver(entry, nowMs)), { fault, addedAtMs: nowMs }];
  }

  clear(): void {
    this.#entries = [];
  }

  /** All faults that are active or still to come, in the order in which they were added. */
  list(): readonly ListedFault[] {
    const nowMs = this.#clock.monotonicMs();
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
    const nowMs = this.#clock.monotonicMs();
    return this.#entries.filter((entry) => isActive(entry, nowMs)).map((entry) => entry.fault);
  }
}

function isActive(entry: Entry, nowMs: number): boolean {
  return nowMs >= entry.addedAtMs + entry.fault.startMs && !isOver(entry, nowMs);
}

function isOver({ fault, addedAtMs }: Entry, nowMs: number): boolean {
  return fault.durationMs !== undefined && nowMs >= addedAtMs + fault.startMs + fault.durationMs;
}
