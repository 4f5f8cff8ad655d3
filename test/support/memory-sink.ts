import { type AlertNotification, OCCASIONS, type Occasion } from '../../src/core/alert.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { AlertSink } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';

const ABORTED: Failure = { code: 'aborted', retry: 'soon', message: 'the program stops' };

/** A sink in memory that keeps what it was told and answers as it is asked to. */
export class MemorySink implements AlertSink {
  readonly name: string;
  readonly occasions: ReadonlySet<Occasion>;
  readonly told: AlertNotification[] = [];
  /** How the next calls end; a success when nothing is left. */
  readonly answers: (Result<void> | Promise<Result<void>>)[] = [];

  constructor(name = 'memory', occasions: readonly Occasion[] = OCCASIONS) {
    this.name = name;
    this.occasions = new Set(occasions);
  }

  send(notification: AlertNotification, signal: AbortSignal): Promise<Result<void>> {
    this.told.push(notification);
    const aborted = new Promise<Result<void>>((resolve) => {
      signal.addEventListener('abort', () => resolve(fail(ABORTED)), { once: true });
    });
    return Promise.race([this.answers.shift() ?? succeed(undefined), aborted]);
  }

  /** What it was told, as `fired pik/RefreshFailing`. */
  get summary(): readonly string[] {
    return this.told.map(({ occasion, alert, provider }) => `${occasion} ${provider ?? '-'}/${alert}`);
  }
}
