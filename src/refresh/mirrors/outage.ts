import type { Failure } from '../../core/failure.ts';
import { decideWait } from '../../core/schedule/backoff.ts';

/** A store that does not answer, whichever of its secrets is asked for: it is left alone for longer each time. */
export class Outage {
  #attempts = 0;
  #untilMs = 0;

  get isOn(): boolean {
    return this.#attempts > 0;
  }

  /** Monotonic time before which it is not asked. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** @param draw uniform in [0, 1) */
  note(failure: Failure, nowMs: number, draw: number): void {
    // Several that were under way count once.
    if (this.isOn && nowMs < this.#untilMs) return;
    this.#attempts += 1;
    this.#untilMs = nowMs + decideWait({ failure, attempt: this.#attempts, remainingMs: undefined }, draw);
  }

  end(): void {
    this.#attempts = 0;
    this.#untilMs = 0;
  }
}
