import type { RefreshEvent } from '../core/events.ts';
import type { FailureCode } from '../core/failure.ts';
import type { Clock, RefreshEvents } from '../core/ports.ts';
import type { Result } from '../core/result.ts';

type Told = Extract<RefreshEvent, { event: 'alert-sent' }>['alert'];

/** Tells how telling one receiver goes: every attempt as an event, of which only changes are worth a log line. */
export class DeliveryReport {
  readonly #sink: string;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #events: RefreshEvents;
  #failing:
    | { readonly code: FailureCode; readonly sinceMonotonicMs: number; readonly failures: number }
    | undefined;

  constructor(sink: string, { clock, events }: { clock: Pick<Clock, 'monotonicMs'>; events: RefreshEvents }) {
    this.#sink = sink;
    this.#clock = clock;
    this.#events = events;
  }

  /** Failed attempts in a row, up to now. */
  get failures(): number {
    return this.#failing?.failures ?? 0;
  }

  record(alert: Told, sent: Result<void>): void {
    const sink = this.#sink;
    const failure = sent.ok ? undefined : sent.failure;
    const former = this.#failing;
    const nowMs = this.#clock.monotonicMs();
    const repeated = failure !== undefined && failure.code === former?.code;
    const { sinceMonotonicMs = nowMs, failures = 0 } = former ?? {};
    this.#failing = failure && { code: failure.code, sinceMonotonicMs, failures: failures + 1 };
    this.#events({ event: 'alert-sent', sink, alert, failure, repeated });
    if (failure === undefined && former !== undefined) {
      const failedForMs = nowMs - sinceMonotonicMs;
      this.#events({ event: 'alert-sink-recovered', sink, failures, failedForMs });
    }
  }
}
