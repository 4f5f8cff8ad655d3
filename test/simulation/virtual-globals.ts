import { rememberDateParts } from '../support/date-parts.ts';
import type { Happening, VirtualTime } from './virtual-time.ts';

const FAKED = ['Date', 'setTimeout', 'clearTimeout', 'performance'] as const;
/** As Node: a longer delay does not fit into its timers and fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What `setTimeout` hands out. */
class VirtualTimer {
  readonly happening: Happening | undefined;

  constructor(happening: Happening | undefined) {
    this.happening = happening;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/**
 * Puts virtual clocks and timers under all code, node-cron's included: the globals follow the clock of the process that
 * runs at that moment. `setImmediate` stays real: it lets a turn of the event loop pass.
 * @returns puts the real ones back
 */
export function installVirtualGlobals(time: VirtualTime): () => void {
  const wallMs = (): number => time.running?.wallMs ?? time.nowMs;
  const RealDate = Date;

  class VirtualDate extends RealDate {
    constructor(value?: number | string | Date) {
      super(value ?? wallMs());
    }

    static override now(): number {
      return wallMs();
    }
  }

  const replacements: Readonly<Record<(typeof FAKED)[number], unknown>> = {
    Date: VirtualDate,
    performance: { now: () => time.running?.monotonicMs ?? time.nowMs },
    setTimeout: (run: () => void, delayMs: number = 1): VirtualTimer => {
      const { running } = time;
      if (running === undefined) throw new Error('a timer of nobody: only processes set timers');
      if (running.isDead) return new VirtualTimer(undefined);
      const heldMs = delayMs >= 1 && delayMs <= MAX_TIMER_MS ? Math.trunc(delayMs) : 1;
      return new VirtualTimer(time.schedule(heldMs, running, run, true));
    },
    clearTimeout: (timer: unknown): void => {
      if (timer instanceof VirtualTimer && timer.happening !== undefined) timer.happening.isCancelled = true;
    },
  };
  const former = FAKED.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const name of FAKED) {
    Object.defineProperty(globalThis, name, {
      value: replacements[name],
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
  const forgetDateParts = rememberDateParts();
  return () => {
    forgetDateParts();
    for (const [name, descriptor] of former)
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
  };
}
