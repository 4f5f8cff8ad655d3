/**
 * Promise 3: per token one fetch is in flight across all replicas, one succeeds per lifetime, and a restart or a new
 * leader fetches nothing that is fresh.
 *
 * Excused, as the program documents it: a token that this process was told is refused; a refresh command, which knows no leadership; a process that was paused in its
 * call; a view that is old because the store did not answer, answered with what was there before, or got a late write;
 * clocks that have jumped.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Fetch, Grant, SecretChange, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import {
  actsWithoutLeadership,
  type CheckParts,
  findToken,
  grantOf,
  isCommand,
  podOf,
  readDocument,
  tokenOfSecret,
} from './check.ts';
import { FUTURE_MS } from './looks.ts';

const PROMISE = '3 one at a time';
/** A refresh comes up to half a tick before its time; four ticks fit into a margin, which is a fifteenth of a life. */
const HALF_TICK_SHARE = 15 * 4 * 2;
const ROUNDING_MS = 1500;
/** How long a read may show what was there before, and how long a write may be under way. */
const UNSEEN_MS = 20_000;
/** The longest that a new leader waits for a store that does not answer, and then goes by what it knew. */
const CATCH_UP_MS = 65_000;

export class OneAtATime implements Watcher {
  readonly #parts: CheckParts;
  readonly #inFlight = new Map<string, Set<Fetch>>();
  /** The newest fetch of each token that brought one, by process. */
  readonly #brought = new WeakMap<VirtualProcess, Map<string, Fetch>>();
  readonly #ledSinceMs = new WeakMap<VirtualProcess, number>();
  readonly #everPublished = new Set<string>();
  readonly #published = new Map<
    string,
    { readonly atMs: number; readonly process: VirtualProcess | undefined }
  >();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    if (event.event === 'leadership-acquired') this.#ledSinceMs.set(process, this.#parts.world.time.nowMs);
    // Told when the last try to publish has been made: what the store refused even then goes with the customer, and who
    // is taken in again begins with what the store holds, as after a restart.
    if (event.event === 'token-removed') this.#brought.get(process)?.delete(event.identity.token);
  }

  secretChanged({ secret, text, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    const document = readDocument(text);
    if (document !== undefined) this.#everPublished.add(document.accessToken);
    if (token !== undefined) this.#published.set(token.name, { atMs: this.#parts.world.time.nowMs, process });
  }

  fetchIssued(fetch: Fetch): void {
    const { process, token } = fetch;
    const others = this.#inFlight.get(token) ?? new Set();
    for (const other of others) {
      if (other.settledAtMs !== undefined || other.process.isDead) others.delete(other);
      else if (!this.#mayOverlap(other, fetch))
        this.#break(token, `${process.name} fetches while ${other.process.name} does`);
    }
    this.#inFlight.set(token, others.add(fetch));
    if (isCommand(process)) return;
    if (actsWithoutLeadership(this.#parts, process))
      this.#break(token, `${process.name} fetches after its term`);
    this.#checkPublished(fetch);
    this.#checkUnpublished(fetch);
  }

  fetchSettled(fetch: Fetch): void {
    this.#inFlight.get(fetch.token)?.delete(fetch);
    if (!fetch.isDelivered) return;
    const brought = this.#brought.get(fetch.process) ?? new Map<string, Fetch>();
    this.#brought.set(fetch.process, brought.set(fetch.token, fetch));
  }

  #mayOverlap(a: Fetch, b: Fetch): boolean {
    if (a.process === b.process) return false;
    if (isCommand(a.process) || isCommand(b.process)) return true;
    return a.process.isPaused || a.process.resumedAtMs >= a.issuedAtMs || this.#wasJustPaused(b.process);
  }

  /** It may have looked before the pause and acted after it. */
  #wasJustPaused(process: VirtualProcess): boolean {
    return this.#parts.world.time.nowMs - process.resumedAtMs < UNSEEN_MS;
  }

  /** What readers see is not due. */
  #checkPublished({ process, token: name }: Fetch): void {
    const { world, store, leaders } = this.#parts;
    const token = findToken(this.#parts, name);
    const document = readDocument(store.currentText(token.secret));
    const grant = grantOf(this.#parts, document);
    if (document === undefined || grant === undefined || document.issuedAtMs > process.wallMs + FUTURE_MS)
      return;
    const jumpedMs = leaders.jumpsSince(podOf(process), process.bornAtMs);
    const earlyMs =
      document.refreshAtMs - grant.lifeMs / HALF_TICK_SHARE - ROUNDING_MS - jumpedMs - process.wallMs;
    if (earlyMs <= 0) return;
    if (this.#parts.refused.isToBeReplaced(process, name, document.accessToken)) return;
    const published = this.#published.get(name);
    // Written by a clock that was ahead: it did not count when the refresh began, whatever has passed since.
    if (published !== undefined && document.issuedAtMs > published.atMs + FUTURE_MS - UNSEEN_MS) return;
    // Or the own clock is behind: the refresh goes on with what it began with, also when the document would count by now.
    const { looks } = this.#parts;
    if (published !== undefined && looks.hasDisbelieved(process, name, document, published.atMs)) return;
    const ledSinceMs = this.#ledSinceMs.get(process) ?? process.bornAtMs;
    const isUnseen =
      published !== undefined &&
      published.process !== process &&
      (published.process === undefined ||
        isCommand(published.process) ||
        published.atMs > ledSinceMs - UNSEEN_MS);
    if (isUnseen || this.#wasJustPaused(process)) return;
    const excuses = world.disturbances.within(name, ledSinceMs - UNSEEN_MS, ledSinceMs + CATCH_UP_MS);
    if (
      published?.process !== process &&
      excuses.some((why) => why.includes('store') || why.includes('stale'))
    )
      return;
    this.#break(name, `${process.name} fetches ${Math.round(earlyMs)} ms before what is published is due`);
  }

  /** The process has a better token than readers, and only has to publish it. */
  #checkUnpublished({ process, token: name }: Fetch): void {
    const { world, store, leaders } = this.#parts;
    const brought = this.#brought.get(process)?.get(name)?.grant;
    const published = grantOf(
      this.#parts,
      readDocument(store.currentText(findToken(this.#parts, name).secret)),
    );
    if (brought === undefined || brought.accessToken === published?.accessToken) return;
    const skewMs = leaders.skewSince(process.bornAtMs);
    const isBetter = brought.diesAtMs > (published?.diesAtMs ?? 0) + skewMs + ROUNDING_MS;
    const isDue =
      world.time.nowMs + skewMs + brought.lifeMs / HALF_TICK_SHARE + ROUNDING_MS >= dueAtMs(brought);
    const wasPublished = this.#everPublished.has(brought.accessToken);
    if (isBetter && !isDue && !wasPublished)
      this.#break(
        name,
        `${process.name} fetches again although ${brought.accessToken} is good and not published`,
      );
  }

  #break(token: string, what: string): void {
    this.#parts.world.breaks(PROMISE, token, what);
  }
}

/**
 * With the earliest start that spreading the tokens of a provider may ask for: half of the life is always left alone. A
 * refresh token that dies earlier sets the pace.
 */
function dueAtMs({ diesAtMs, lifeMs, chainEndsAtMs = diesAtMs }: Grant): number {
  const issuedAtMs = diesAtMs - lifeMs;
  const usableMs = Math.min(diesAtMs, chainEndsAtMs) - issuedAtMs;
  return issuedAtMs + usableMs * (1 - 1 / 15 - 1 / 2);
}
