import type { OperationName } from './operation.ts';
import type { StoreFault } from './store-fault.ts';

/** What the faults do to one request. */
export interface FaultPlan {
  /** Milliseconds to wait first: the sum of all latencies. */
  readonly delayMs: number;
  readonly isKeyUsable: boolean;
  /** How it ends; the first fault in the list decides. */
  readonly ending: 'answer' | 'throttle' | 'denied' | 'outage' | 'unavailable' | 'lost-answer';
}

/** The faults that are set, and how often each has struck. */
export class FaultBoard {
  #faults: readonly StoreFault[] = [];
  readonly #strikes = new Map<StoreFault, number>();

  /** Replaces all faults and starts counting again; an empty list heals. */
  set(faults: readonly StoreFault[]): void {
    this.#faults = faults;
    this.#strikes.clear();
  }

  /** Decides about one request and counts it. */
  strike(operation: OperationName): FaultPlan {
    let delayMs = 0;
    let isKeyUsable = true;
    let ending: FaultPlan['ending'] = 'answer';
    for (const fault of this.#faults) {
      const strikes = this.#strikes.get(fault) ?? 0;
      const isInScope = fault.operations === undefined || fault.operations.includes(operation);
      if (!isInScope || strikes >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (fault.kind === 'latency') delayMs += fault.delayMs;
      else if (fault.kind === 'kms') isKeyUsable = false;
      // A fault that another one hides has not struck, and keeps its count.
      else if (ending === 'answer') ending = fault.kind;
      else continue;
      this.#strikes.set(fault, strikes + 1);
    }
    return { delayMs, isKeyUsable, ending };
  }
}
