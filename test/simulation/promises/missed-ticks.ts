/** Promise 1, for a process that woke up late: a missed tick is made up for at once. */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { SecretChange, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { actsWithoutLeadership, type CheckParts, grantOf, readDocument } from './check.ts';

const PROMISE = '1 fresh (missed tick)';
/** What a tick sets off begins at once. */
const AT_ONCE_MS = 50;

export class MissedTicks implements Watcher {
  readonly #parts: CheckParts;
  /** When a refresh of a token last began, and when one last ended, by process and token. */
  readonly #began = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  /** Who wrote what readers see now, and when. */
  readonly #published = new Map<
    string,
    { readonly process: VirtualProcess | undefined; readonly atMs: number }
  >();
  readonly #lostAtMs = new WeakMap<VirtualProcess, number>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  secretChanged({ secret, process }: SecretChange): void {
    this.#published.set(secret, { process, atMs: this.#parts.world.time.nowMs });
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    const { nowMs } = this.#parts.world.time;
    switch (event.event) {
      case 'refresh-started':
        this.#began.set(`${process.name} ${event.identity.token}`, nowMs);
        return;
      case 'token-refreshed':
      case 'refresh-abandoned':
        this.#ended.set(`${process.name} ${event.identity.token}`, nowMs);
        return;
      case 'leadership-lost':
        this.#lostAtMs.set(process, nowMs);
        return;
      case 'tick-missed':
        this.#expectRefreshes(process, event.provider);
        return;
      default:
        return;
    }
  }

  #expectRefreshes(process: VirtualProcess, provider: string): void {
    const { world, store, bindings } = this.#parts;
    const missedAtMs = world.time.nowMs;
    const overdue = world.scenario.tokens.filter((token) => {
      const document = readDocument(store.currentText(token.secret));
      const isOurs = token.provider.name === provider && token.name !== world.scenario.foreignToken;
      const key = `${process.name} ${token.name}`;
      const endedAtMs = this.#ended.get(key);
      const published = this.#published.get(token.secret);
      const keptSinceMs =
        token.binding === undefined ? process.bornAtMs : bindings.keptSinceMs(process, token.name);
      // Only of what it has published itself it is known what it knows. A token that was taken in again after that has
      // been read as after a restart, when a refresh token that is dead by then sets the pace no more.
      const isKnown =
        published?.process === process && keptSinceMs !== undefined && published.atMs >= keptSinceMs;
      const isIdle = endedAtMs !== undefined && endedAtMs >= (this.#began.get(key) ?? 0);
      const isDue = document !== undefined && document.refreshAtMs < process.wallMs;
      return isOurs && isKnown && isIdle && isDue && grantOf(this.#parts, document) !== undefined;
    });
    world.time.schedule(AT_ONCE_MS, undefined, () => {
      if (process.isDead || process.isPaused || process.isStopping) return;
      if ((this.#lostAtMs.get(process) ?? 0) >= missedAtMs) return;
      if (actsWithoutLeadership(this.#parts, process)) return;
      for (const { name } of overdue) {
        if ((this.#began.get(`${process.name} ${name}`) ?? 0) >= missedAtMs) continue;
        world.breaks(PROMISE, name, `${process.name} missed a tick and does not make up for it`);
      }
    });
  }
}
