/**
 * Tells people what is wrong: the loop between the events and the sinks.
 *
 * Guarantee: an event only begins or ends a term; all else happens in this loop and in one queue per sink, so that neither
 * a slow receiver nor a storm of failures delays a refresh. `stop` ends within {@link FLUSH_TIMEOUT_MS}.
 * Non-guarantee: only the replica that leads tells about tokens. What a former leader has raised at a receiver that keeps
 * no state (Slack, webhook, SNS) gets no recovery message from its successor.
 */
import { SEVERITIES, type Severity } from '../core/alert.ts';
import type { Board } from '../core/board.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { AlertSink, Clock, Random, RefreshEvents } from '../core/ports.ts';
import { findConditions } from './alert-conditions.ts';
import { AlertGroups, type AlertGroupsOptions } from './alert-groups.ts';
import { type AlertTextSettings, buildNotification } from './alert-text.ts';
import { SinkQueue } from './sink-queue.ts';

export interface AlertTarget {
  readonly sink: AlertSink;
  /** Alerts below it are kept from the sink. */
  readonly leastSeverity: Severity;
}

export interface NotifierParts extends AlertGroupsOptions {
  /** Has got each event before the notifier gets it. */
  readonly board: Board;
  readonly targets: readonly AlertTarget[];
  readonly texts: AlertTextSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** Receives what telling people comes to. */
  readonly events: RefreshEvents;
  /** Receives what must never happen: a bug. */
  readonly onFault: (error: unknown) => void;
}

/** How often the clock is asked what has become of the state. */
export const LOOK_EVERY_MS = 1_000;
/** What is left to tell gets this long when the program stops. */
export const FLUSH_TIMEOUT_MS = 1_500;

export class Notifier {
  readonly #parts: NotifierParts;
  readonly #groups: AlertGroups;
  readonly #queues: readonly { readonly queue: SinkQueue; readonly leastSeverity: Severity }[];
  readonly #stopping = new AbortController();
  readonly #cut = new AbortController();
  #work: Promise<unknown> | undefined;
  #isTurning = false;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#groups = new AlertGroups(parts);
    this.#queues = parts.targets.map(({ sink, leastSeverity }) => ({
      queue: new SinkQueue({ ...parts, sink }),
      leastSeverity,
    }));
  }

  /** False when the loop has ended by a bug, and before it has begun. */
  get isTurning(): boolean {
    return this.#isTurning;
  }

  readonly onEvent = (event: RefreshEvent): void => {
    if (event.event === 'leadership-acquired') this.#groups.beginTerm();
    if (event.event === 'leadership-lost') {
      this.#groups.endTerm();
      // Told late, it would end what the next leader has raised, or raise what that one has ended.
      for (const { queue } of this.#queues) queue.dropProviders();
    }
  };

  /** Call it once. */
  start(): void {
    this.#isTurning = true;
    const queues = this.#queues.map(({ queue }) => queue.run(this.#stopping.signal, this.#cut.signal));
    this.#work = Promise.all([this.#turn(), ...queues]).catch((error: unknown) => {
      this.#isTurning = false;
      this.#parts.onFault(error);
    });
  }

  /** A last attempt to tell what is left. May be called at any time, and again. */
  async stop(): Promise<void> {
    const { clock } = this.#parts;
    this.#stopping.abort(new Error('the program stops'));
    const inTime = new AbortController();
    const limit = clock.sleep(FLUSH_TIMEOUT_MS, inTime.signal).then(
      () => this.#cut.abort(new Error('the time to tell what is left is over')),
      () => undefined,
    );
    await this.#work;
    inTime.abort();
    await limit;
  }

  async #turn(): Promise<void> {
    const { clock } = this.#parts;
    const stopping = this.#stopping.signal;
    while (!stopping.aborted) {
      this.#look();
      await clock.sleep(LOOK_EVERY_MS, stopping).catch(() => undefined);
    }
    this.#isTurning = false;
  }

  #look(): void {
    const { board, clock, texts } = this.#parts;
    for (const transition of this.#groups.decide(findConditions(board, clock))) {
      const notification = buildNotification(transition, texts, board, clock.now());
      const rank = SEVERITIES.indexOf(notification.severity);
      for (const { queue, leastSeverity } of this.#queues)
        if (rank >= SEVERITIES.indexOf(leastSeverity)) queue.push(notification);
    }
  }
}
