interface BoardFault {
  readonly kind: string;
  /** How many requests are hit before the fault is over; without it, until the faults are set again. */
  readonly times?: number | undefined;
  /** Of the kind `latency`. */
  readonly delayMs?: number;
}

/** Faults beside which another one decides how a request ends. */
type Companion = 'latency' | 'kms';

/** What the faults do to one request. */
export interface Strike<Fault> {
  /** Milliseconds to wait first: the sum of all latencies. */
  readonly delayMs: number;
  readonly isKeyUsable: boolean;
  /** How the request ends; the first fault in the list decides. `undefined`: with its answer. */
  readonly ending: Exclude<Fault, { readonly kind: Companion }> | undefined;
}

/** The faults of a store: those that are scheduled, and those that are set, with how often each has struck. */
export class FaultBoard<Fault extends BoardFault> {
  readonly #findScheduled: () => readonly Fault[];
  #faults: readonly Fault[] = [];
  readonly #strikes = new Map<Fault, number>();

  /** @param findScheduled asked at each request; none of them has a number of times */
  constructor(findScheduled: () => readonly Fault[] = () => []) {
    this.#findScheduled = findScheduled;
  }

  /** Replaces all faults that are set and starts counting again; an empty list heals. */
  set(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#strikes.clear();
  }

  /** Decides about one request and counts it. Of two faults that would end it the second has not struck, and keeps its count. */
  strike(isInScope: (fault: Fault) => boolean): Strike<Fault> {
    let delayMs = 0;
    let isKeyUsable = true;
    let ending: Strike<Fault>['ending'];
    for (const fault of [...this.#findScheduled(), ...this.#faults]) {
      const strikes = this.#strikes.get(fault) ?? 0;
      if (!isInScope(fault) || strikes >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (isEnding(fault)) {
        if (ending !== undefined) continue;
        ending = fault;
      } else if (fault.kind === 'kms') isKeyUsable = false;
      delayMs += fault.delayMs ?? 0;
      if (fault.times !== undefined) this.#strikes.set(fault, strikes + 1);
    }
    return { delayMs, isKeyUsable, ending };
  }
}

function isEnding<Fault extends BoardFault>(
  fault: Fault,
): fault is Exclude<Fault, { readonly kind: Companion }> {
  return fault.kind !== 'latency' && fault.kind !== 'kms';
}
