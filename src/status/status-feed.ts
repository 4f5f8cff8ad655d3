/**
 * The live view: Server-Sent Events for whoever has the page open.
 *
 * Guarantee: the number of readers is bounded, and so is what is kept for each: one view, and at most one message that it
 * has not taken yet. A reader that takes nothing for {@link STALLED_MS} is dropped; what it missed comes in one message
 * when it is quick enough. No more than {@link MOST_TOLD} views are made in a second, so that refreshes get on.
 */

import type { Board } from '../core/board.ts';
import type { Clock } from '../core/ports.ts';
import type { StatusDocument } from './status-document.ts';
import type { StatusQuery } from './status-query.ts';
import { SeenView } from './view-changes.ts';

/** Somebody's connection. */
export interface FeedReader {
  send(text: string): void;
  /** True while what was sent last has not been taken yet. */
  isBehind(): boolean;
  /** Closes the connection. */
  drop(): void;
}

export interface FeedParts {
  readonly board: Pick<Board, 'revision'>;
  readonly clock: Clock;
  readonly describe: (query: StatusQuery) => StatusDocument;
  readonly onFault: (error: unknown) => void;
}

export const MOST_READERS = 20;
/** Between two looks at what has changed. */
export const LOOK_MS = 1_000;
/** Time alone changes states: from fresh to due, from due to expired. */
export const LOOK_ANYWAY_MS = 5_000;
/** Proxies close connections on which nothing is said for a minute. */
export const BEAT_MS = 15_000;
export const STALLED_MS = 30_000;
/** Readers that are told in one look: each costs a pass over all tokens. The others come first in the next. */
export const MOST_TOLD = 4;

interface Subscription {
  readonly query: StatusQuery;
  readonly reader: FeedReader;
  readonly seen: SeenView;
  behindSinceMs: number | undefined;
  saidAtMs: number;
  /** Of the board and of the time, when it was told last. */
  toldRevision: number;
  toldAtMs: number;
}

export class StatusFeed {
  readonly #parts: FeedParts;
  readonly #subscriptions = new Set<Subscription>();
  #running: AbortController | undefined;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#subscriptions.size >= MOST_READERS;
  }

  /** Tells the reader the whole view at once, then what changes. @returns ends that; may be called again */
  add(query: StatusQuery, reader: FeedReader): () => void {
    const { clock, onFault } = this.#parts;
    const subscription: Subscription = {
      query,
      reader,
      seen: new SeenView(),
      behindSinceMs: undefined,
      saidAtMs: clock.monotonicMs(),
      toldRevision: 0,
      toldAtMs: 0,
    };
    this.#subscriptions.add(subscription);
    // Browsers try again after so long when the connection is lost.
    reader.send('retry: 3000\n\n');
    this.#tell(subscription);
    if (this.#running === undefined) {
      const running = new AbortController();
      this.#running = running;
      this.#run(running.signal).catch((error: unknown) => {
        if (!running.signal.aborted) onFault(error);
      });
    }
    return () => this.#remove(subscription);
  }

  #remove(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size > 0) return;
    this.#running?.abort(new Error('nobody looks any more'));
    this.#running = undefined;
  }

  /** For as long as somebody looks. */
  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      const told: Subscription[] = [];
      for (const subscription of this.#subscriptions)
        if (this.#attend(subscription, told.length < MOST_TOLD)) told.push(subscription);
      // To the end of the line, unless they have gone.
      for (const subscription of told)
        if (this.#subscriptions.delete(subscription)) this.#subscriptions.add(subscription);
    }
  }

  /** @returns true when a view was made */
  #attend(subscription: Subscription, mayTell: boolean): boolean {
    const { board, clock } = this.#parts;
    const { reader } = subscription;
    const nowMs = clock.monotonicMs();
    if (reader.isBehind()) {
      subscription.behindSinceMs ??= nowMs;
      if (nowMs - subscription.behindSinceMs < STALLED_MS) return false;
      this.#remove(subscription);
      reader.drop();
      return false;
    }
    subscription.behindSinceMs = undefined;
    const isOld =
      board.revision !== subscription.toldRevision || nowMs - subscription.toldAtMs >= LOOK_ANYWAY_MS;
    const tells = isOld && mayTell;
    if (tells) this.#tell(subscription);
    if (nowMs - subscription.saidAtMs >= BEAT_MS) {
      reader.send(': still here\n\n');
      subscription.saidAtMs = nowMs;
    }
    return tells;
  }

  #tell(subscription: Subscription): void {
    const { board, clock, describe } = this.#parts;
    subscription.toldRevision = board.revision;
    subscription.toldAtMs = clock.monotonicMs();
    const change = subscription.seen.next(describe(subscription.query));
    if (change === undefined) return;
    // JSON has no line breaks of its own, so one data line holds it.
    subscription.reader.send(`event: view\ndata: ${JSON.stringify(change)}\n\n`);
    subscription.saidAtMs = clock.monotonicMs();
  }
}
