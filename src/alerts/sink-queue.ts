/**
 * What one sink still has to be told.
 *
 * Guarantee: one entry per alert, the latest state wins; what fails is tried again with growing, drawn waits, and
 * `Retry-After` is obeyed up to {@link MAX_PAUSE_MS}; a message that waits for a key is kept until the key is right; a
 * message that the receiver refuses as such is dropped, so that it cannot hold up the others.
 * Never more than {@link MAX_QUEUED} entries: the oldest is given up.
 * Non-guarantee: nothing survives the end of the process. A receiver may be told the same twice when its answer is lost.
 */
import type { AlertNotification } from '../core/alert.ts';
import type { Failure } from '../core/failure.ts';
import type { AlertSink, Clock, Random, RefreshEvents } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { decideWait } from '../core/schedule/backoff.ts';
import { DeliveryReport } from './delivery-report.ts';

export interface SinkQueueParts {
  readonly sink: AlertSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** Far above providers times alerts of any installation. */
export const MAX_QUEUED = 5_000;

/** A key that is refused is read again so often: no receiver locks people out, and a corrected one shall count soon. */
const KEY_LOOK_MS = 60_000;
/** Whatever `Retry-After` says: somebody waits to be told. */
const MAX_PAUSE_MS = 300_000;

export class SinkQueue {
  readonly #parts: SinkQueueParts;
  readonly #report: DeliveryReport;
  readonly #waiting = new Map<string, AlertNotification>();
  #wakeUp = Promise.withResolvers<void>();

  constructor(parts: SinkQueueParts) {
    this.#parts = parts;
    this.#report = new DeliveryReport(parts.sink.name, parts);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Never waits. */
  push(notification: AlertNotification): void {
    const { key, occasion, status } = notification;
    const waiting = this.#waiting.get(key);
    if (!this.#parts.sink.occasions.has(occasion)) {
      // It does not want to hear that this is over, and so it must not hear any more that it has begun.
      if (status === 'resolved') this.#waiting.delete(key);
      return;
    }
    const isStillNews = waiting?.occasion === 'fired' && status === 'firing';
    this.#waiting.set(key, isStillNews ? { ...notification, occasion: 'fired' } : notification);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_QUEUED && oldest !== undefined) this.#waiting.delete(oldest);
    this.#wakeUp.resolve();
  }

  /** What waits about providers is not told any more: the next leader tells what holds. What is on its way goes on. */
  dropProviders(): void {
    for (const [key, { provider }] of this.#waiting) if (provider !== undefined) this.#waiting.delete(key);
  }

  /**
   * Sends what waits, one after the other, until `stopping`; then whatever is left once more, until `cut`.
   * @param cut aborted when the time to stop is over
   */
  async run(stopping: AbortSignal, cut: AbortSignal): Promise<void> {
    // No race with a promise that lives as long as the process: every race would stay with it.
    stopping.addEventListener('abort', () => this.#wakeUp.resolve(), { once: true });
    while (!stopping.aborted) {
      const failure = await this.#sendFirst(cut);
      if (failure !== undefined) await this.#pause(failure, stopping);
      else if (this.#waiting.size === 0) {
        await this.#wakeUp.promise;
        this.#wakeUp = Promise.withResolvers();
      }
    }
    for (const notification of this.#waiting.values()) {
      if (cut.aborted) return;
      await this.#send(notification, cut);
    }
  }

  /** @returns why it has to wait before the next attempt */
  async #sendFirst(cut: AbortSignal): Promise<Failure | undefined> {
    const [first] = this.#waiting.values();
    if (first === undefined) return undefined;
    const sent = await this.#send(first, cut);
    const isSettled = sent.ok || sent.failure.code === 'request-rejected';
    // A later state of the same alert may have come in meanwhile.
    if (isSettled && this.#waiting.get(first.key) === first) this.#waiting.delete(first.key);
    return isSettled ? undefined : sent.failure;
  }

  async #send(notification: AlertNotification, cut: AbortSignal): Promise<Result<void>> {
    const sent = await this.#parts.sink.send(notification, cut);
    if (sent.ok || !cut.aborted) this.#report.record(notification.alert, sent);
    return sent;
  }

  async #pause(failure: Failure, stopping: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts;
    const attempt = this.#report.failures;
    const humanInMs = failure.retry === 'needs-human' ? KEY_LOOK_MS : undefined;
    const input = { failure, attempt, remainingMs: undefined, humanInMs };
    const waitMs = Math.min(decideWait(input, random.next()), MAX_PAUSE_MS);
    await clock.sleep(waitMs, stopping).catch(() => undefined);
  }
}
