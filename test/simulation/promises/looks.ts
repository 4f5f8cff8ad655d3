/** What each process found when it last looked at a token's secret: by that it goes until its refresh has ended. */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { SeenDocument } from './check.ts';

/** A document further ahead was written by a clock that was wrong, and does not count. */
export const FUTURE_MS = 60_000;

/** True time, and the process's own. */
interface Look {
  readonly atMs: number;
  readonly wallMs: number;
}

export class Looks implements Watcher {
  readonly #time: VirtualTime;
  /** Looks that found nothing which counts, by token; one that found something ends them. */
  readonly #foundNothing = new WeakMap<VirtualProcess, Map<string, Look>>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    if (event.event !== 'token-absent' && event.event !== 'token-restored') return;
    const looks = this.#foundNothing.get(process) ?? new Map<string, Look>();
    this.#foundNothing.set(process, looks);
    if (event.event === 'token-restored') looks.delete(event.identity.token);
    else looks.set(event.identity.token, { atMs: this.#time.nowMs, wallMs: process.wallMs });
  }

  /** Whether the process saw the document and took it for nothing, because it claimed to come from the future. */
  hasDisbelieved(
    process: VirtualProcess,
    token: string,
    { issuedAtMs }: SeenDocument,
    publishedAtMs: number,
  ): boolean {
    const look = this.#foundNothing.get(process)?.get(token);
    return look !== undefined && publishedAtMs <= look.atMs && issuedAtMs > look.wallMs + FUTURE_MS;
  }
}
