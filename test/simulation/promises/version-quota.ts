/**
 * Promise 10: a store that bears the budget never refuses a version by surprise: refreshes alone stay within it, and a
 * shortage that somebody's own refreshes make is told before.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Fetch, StoreCall, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, isCommand, tokenOfSecret } from './check.ts';

const PROMISE = '10 version quota';
const DAY_MS = 86_400_000;
/** A store that is full is asked again this late. */
const ASK_AGAIN_MS = 11 * 60_000;

export class VersionQuota implements Watcher {
  readonly #parts: CheckParts;
  readonly #commandsAtMs: number[] = [];
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  fetchIssued({ process, issuedAtMs }: Fetch): void {
    if (isCommand(process)) this.#commandsAtMs.push(issuedAtMs);
  }

  eventSeen(_: VirtualProcess, { event }: RefreshEvent): void {
    if (event === 'version-budget-low' || event === 'version-budget-exhausted')
      this.#toldAtMs = this.#parts.world.time.nowMs;
  }

  storeHandled({ secret, process }: StoreCall, refusal: string | undefined): void {
    if (refusal !== 'LimitExceededException') return;
    const { world } = this.#parts;
    const { nowMs } = world.time;
    const token = tokenOfSecret(this.#parts, secret)?.name;
    if (this.#commandsAtMs.every((atMs) => atMs < nowMs - DAY_MS))
      world.breaks(PROMISE, token, `${process.name} ran into the quota by its own refreshes`);
    else if (this.#toldAtMs < nowMs - DAY_MS)
      world.breaks(PROMISE, token, `${process.name} ran into the quota without a word before`);
    world.disturbances.add({ fromMs: nowMs, toMs: nowMs + ASK_AGAIN_MS, token, why: 'store: full' });
  }
}
