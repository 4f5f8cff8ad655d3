import type { RefreshEvent } from '../core/events.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { Clock, RefreshEvents } from '../core/ports.ts';

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

  record(alert: Told, failure: Failure | undefined): void {
    const sink = this.#sink;
    const former = this.#failing;
    const nowMs = this.#clock.monotonicMs();
    const repeated = failure !== undefined && failure.code === former?.code;
    this.#failing =
      failure === undefined
        ? undefined
        : {
            code: failure.code,
            sinceMonotonicMs: former?.sinceMonotonicMs ?? nowMs,
            failures: (former?.failures ?? 0) + 1,
          };
    this.#events({ event: 'alert-sent', sink, alert, failure, repeated });
    if (failure === undefined && former !== undefined) {
      const failedForMs = nowMs - former.sinceMonotonicMs;
      this.#events({ event: 'alert-sink-recovered', sink, failures: former.failures, failedForMs });
    }
  }
}
