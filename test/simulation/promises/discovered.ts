/**
 * Promise 1, for customers that come and go: a new one is taken in and a gone one given up within one interval and a
 * look, by every replica. Nobody is given up whose binding was there all the time, whatever a list says or does not say,
 * and who was given up is fetched no more.
 *
 * Excused: as long as secrets cannot be listed or asked about, and as long as a list leaves the customer out.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import { LISTING } from '../bindings.ts';
import type { Fetch, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, isCommand } from './check.ts';

const PROMISE = '1 fresh (discovery)';
/** What is in flight ends, and is saved, before a removal is told; then the next look takes the customer in again. */
const LEAVING_MS = 60_000;

export class Discovered implements Watcher {
  readonly #parts: CheckParts;
  /** Since when a running process could have known of a token, or of its end. */
  readonly #began = new Map<VirtualProcess, number>();
  /** When a process gave a token up. */
  readonly #removedAtMs = new WeakMap<VirtualProcess, Map<string, number>>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  lifeBegan(process: VirtualProcess): void {
    this.#began.set(process, this.#parts.world.time.nowMs);
  }

  lifeEnded(process: VirtualProcess): void {
    this.#began.delete(process);
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    const { world, bindings } = this.#parts;
    if (event.event !== 'token-removed' && event.event !== 'token-added') return;
    const { token } = event.identity;
    const removed = this.#removedAtMs.get(process) ?? new Map<string, number>();
    this.#removedAtMs.set(process, removed);
    if (event.event === 'token-added') {
      removed.delete(token);
      return;
    }
    removed.set(token, world.time.nowMs);
    const keptSinceMs = bindings.keptSinceMs(process, token) ?? Number.NEGATIVE_INFINITY;
    if (bindings.isBound(token) && bindings.sinceMs(token) <= keptSinceMs)
      world.breaks(PROMISE, token, `${process.name} gave it up although its binding was there all the time`);
  }

  fetchIssued({ process, token }: Fetch): void {
    if (this.#removedAtMs.get(process)?.has(token) === true)
      this.#parts.world.breaks(PROMISE, token, `${process.name} fetches it although it was given up`);
  }

  look(): void {
    const { bindings } = this.#parts;
    for (const [process, beganAtMs] of this.#began) {
      if (process.isDead || process.isPaused || process.isStopping || isCommand(process)) continue;
      for (const { name } of bindings.tokens) this.#judge(process, name, beganAtMs);
    }
  }

  #judge(process: VirtualProcess, token: string, beganAtMs: number): void {
    const { world, bindings } = this.#parts;
    const isBound = bindings.isBound(token);
    const keptSinceMs = bindings.keptSinceMs(process, token);
    if (isBound === (keptSinceMs !== undefined)) return;
    const removedAtMs = this.#removedAtMs.get(process)?.get(token) ?? 0;
    const sinceMs = Math.max(
      beganAtMs,
      process.resumedAtMs,
      bindings.sinceMs(token),
      keptSinceMs ?? removedAtMs,
    );
    const allowedMs = bindings.foundWithinMs + LEAVING_MS;
    const quiet = world.disturbances.quietStretches(LISTING, sinceMs, world.time.nowMs);
    const longest = quiet.find(({ fromMs, toMs }) => toMs - fromMs > allowedMs);
    if (longest === undefined) return;
    const state = isBound ? 'does not keep it although it is bound' : 'keeps it although it is not bound';
    world.breaks(
      PROMISE,
      token,
      `${process.name} ${state}, and could have known for ${longest.toMs - longest.fromMs} ms`,
    );
  }
}
