/**
 * Promise 8: every failure of a refresh is told, and its end too; nothing is told without end.
 *
 * A process that is killed or paused tells nothing.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Fetch, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, isCommand } from './check.ts';

const PROMISE = '8 loud';
const HOUR_MS = 3_600_000;
/** Full jitter within a quarter of the life that is left is dense just before expiry; a storm is denser. */
const MOST_EVENTS_PER_HOUR = 1200;
/** What follows a failed fetch is a look at the store at most. */
const TOLD_WITHIN_MS = 30_000;

interface Teller {
  /** A failed fetch that no event has told of yet. */
  untoldSinceMs: number | undefined;
  isFailing: boolean;
  /** A success that no event has told of as the end of the failure. */
  recoveredAtMs: number | undefined;
  events: number;
  hourBeganMs: number;
}

export class Loud implements Watcher {
  readonly #parts: CheckParts;
  readonly #tellers = new Map<VirtualProcess, Map<string, Teller>>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  fetchSettled({ process, token, failure }: Fetch): void {
    if (failure === undefined || failure.code === 'aborted' || isCommand(process)) return;
    this.#teller(process, token).untoldSinceMs ??= this.#parts.world.time.nowMs;
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    // One for each report: that pace is set by readers.
    if (!('identity' in event) || event.event === 'token-rejected' || isCommand(process)) return;
    const teller = this.#teller(process, event.identity.token);
    const { nowMs } = this.#parts.world.time;
    if (nowMs - teller.hourBeganMs > HOUR_MS) {
      teller.hourBeganMs = nowMs;
      teller.events = 0;
    }
    teller.events += 1;
    if (teller.events === MOST_EVENTS_PER_HOUR)
      this.#break(
        event.identity.token,
        `${process.name} tells more than ${MOST_EVENTS_PER_HOUR} events in an hour`,
      );
    switch (event.event) {
      case 'refresh-failed':
        teller.untoldSinceMs = undefined;
        teller.isFailing = true;
        return;
      case 'refresh-abandoned':
        teller.untoldSinceMs = undefined;
        teller.isFailing = false;
        return;
      case 'token-removed':
        this.#tellers.get(process)?.delete(event.identity.token);
        return;
      case 'refresh-recovered':
        teller.isFailing = false;
        teller.recoveredAtMs = undefined;
        return;
      case 'token-refreshed':
        if (teller.isFailing) teller.recoveredAtMs = nowMs;
        return;
      default:
        return;
    }
  }

  lifeEnded(process: VirtualProcess): void {
    this.#tellers.delete(process);
  }

  look(): void {
    const { nowMs } = this.#parts.world.time;
    for (const [process, tokens] of this.#tellers) {
      if (process.isDead || process.isPaused) continue;
      for (const [token, { untoldSinceMs, recoveredAtMs }] of tokens) {
        const sinceMs = Math.max(untoldSinceMs ?? nowMs, process.resumedAtMs);
        if (nowMs - sinceMs > TOLD_WITHIN_MS)
          this.#break(token, `${process.name} tells nothing of a failed fetch`);
        if (recoveredAtMs !== undefined && recoveredAtMs < nowMs)
          this.#break(token, `${process.name} does not tell that a failure is over`);
      }
    }
  }

  #teller(process: VirtualProcess, token: string): Teller {
    const tokens = this.#tellers.get(process) ?? new Map<string, Teller>();
    this.#tellers.set(process, tokens);
    const known = tokens.get(token);
    if (known !== undefined) return known;
    const teller: Teller = {
      untoldSinceMs: undefined,
      isFailing: false,
      recoveredAtMs: undefined,
      events: 0,
      hourBeganMs: this.#parts.world.time.nowMs,
    };
    tokens.set(token, teller);
    return teller;
  }

  #break(token: string, what: string): void {
    this.#parts.world.breaks(PROMISE, token, what);
  }
}
