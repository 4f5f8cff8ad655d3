/** How often each process tells of each alert. An attempt that is repeated counts once. */
import type { AlertNotification } from '../../../src/core/alert.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import type { CheckParts } from './check.ts';

const PROMISE = '8 loud';
const HOUR_MS = 3_600_000;
/** However an alert flaps within one term: the waits for its end grow to 15 minutes. */
const MOST_FIRES_PER_HOUR = 8;

interface Fire {
  readonly process: VirtualProcess;
  readonly key: string;
  readonly startedAtMs: number;
  readonly atMs: number;
}

export class AlertCount {
  readonly #parts: CheckParts;
  #fires: Fire[] = [];
  #terms: { readonly process: VirtualProcess; readonly atMs: number }[] = [];

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  noteTerm(process: VirtualProcess): void {
    this.#terms.push({ process, atMs: this.#parts.world.time.nowMs });
  }

  noteSent(process: VirtualProcess, { occasion, key, startedAtMs }: AlertNotification): void {
    if (occasion !== 'fired') return;
    const atMs = this.#parts.world.time.nowMs;
    const isKnown = this.#fires.some(
      (fire) => fire.process === process && fire.key === key && fire.startedAtMs === startedAtMs,
    );
    if (isKnown) return;
    this.#fires.push({ process, key, startedAtMs, atMs });
    // Each term begins anew: what it finds is told again.
    const terms = this.#terms.filter((term) => term.process === process && term.atMs > atMs - HOUR_MS).length;
    const fires = this.firesWithinAnHour(process, key);
    if (fires > MOST_FIRES_PER_HOUR + terms)
      this.#parts.world.breaks(PROMISE, undefined, `${process.name} tells of ${key} ${fires} times an hour`);
  }

  firesWithinAnHour(process: VirtualProcess, key: string): number {
    const sinceMs = this.#parts.world.time.nowMs - HOUR_MS;
    return this.#fires.filter((fire) => fire.process === process && fire.key === key && fire.atMs > sinceMs)
      .length;
  }

  forget(process: VirtualProcess): void {
    this.#fires = this.#fires.filter((fire) => fire.process !== process);
    this.#terms = this.#terms.filter((term) => term.process !== process);
  }
}
