/**
 * Promises 1, 2 and 8, as they hold for a mirror: what its readers see is what the authority holds, or has held, never an
 * older one than before by our hand; it is brought up to date once nothing is broken there; a mirror that is behind is told.
 *
 * Excused, as the program documents it: what somebody else does to a copy is looked at with the next token or term; a copy
 * that counts further than the authority, whose secret was made again, stays while it is good.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { CopyChange, SecretChange, Watcher } from '../observation.ts';
import type { SimulatedMirror } from '../simulated-mirror.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import {
  actsWithoutLeadership,
  type CheckParts,
  findToken,
  isCommand,
  podOf,
  readDocument,
  type SeenDocument,
  tokenOfSecret,
} from './check.ts';

const FRESH = '1 fresh';
const NEVER_WORSE = '2 never worse';
const LOUD = '8 loud';
/** The longest wait between two attempts, and the reads and the write of one. */
const CAUGHT_UP_MS = 60_000 + 40_000;
/** A mirror that does not answer is told when the first call has run into its deadline. */
const TOLD_MS = 120_000;
/** Deciding and writing are apart by as much. */
const UNDER_WAY_MS = 70_000;

interface Behind {
  sinceMs: number;
  /** Whoever has published it, or leads since. */
  readonly process: VirtualProcess;
}

export class Mirrored implements Watcher {
  readonly #parts: CheckParts;
  readonly #mirror: SimulatedMirror;
  /** All that the authority has ever held, by token. */
  readonly #held = new Map<string, Set<string>>();
  /** Tokens whose copies have to be brought up to date. */
  readonly #behind = new Map<string, Behind>();
  /** Processes that have told that the mirror fails, until they tell that it is over. */
  readonly #tellers = new Set<VirtualProcess>();

  constructor(parts: CheckParts, mirror: SimulatedMirror) {
    this.#parts = parts;
    this.#mirror = mirror;
  }

  secretChanged({ secret, text, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    if (token === undefined) return;
    const held = this.#held.get(token.name) ?? new Set<string>();
    if (text !== undefined) this.#held.set(token.name, held.add(text));
    // Nobody tells the leader of what somebody else has written; whether that is mirrored is not looked at.
    this.#behind.delete(token.name);
    if (process !== undefined && !isCommand(process)) this.#expect(token.name, process);
  }

  copyChanged({ token, text, formerText, process }: CopyChange): void {
    const { world } = this.#parts;
    this.#lookAtCopy(token);
    if (process === undefined) {
      this.#behind.delete(token);
      return;
    }
    if (text === undefined || this.#held.get(token)?.has(text) !== true) {
      world.breaks(NEVER_WORSE, token, `${process.name} copied what the authority never held`);
      return;
    }
    const [former, copy] = [readDocument(formerText), readDocument(text)];
    if (former === undefined || copy === undefined || !this.#isLive(former, process)) return;
    if (!isNewer(copy, former))
      world.breaks(
        NEVER_WORSE,
        token,
        `${process.name} replaced a copy of generation ${former.generation} by ${copy.generation}`,
      );
  }

  copyWriteSent(process: VirtualProcess, token: string): void {
    if (actsWithoutLeadership(this.#parts, process))
      this.#parts.world.breaks(NEVER_WORSE, token, `${process.name} writes a copy after its term`);
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    switch (event.event) {
      case 'leadership-acquired':
        this.#behind.clear();
        this.#tellers.clear();
        for (const { name } of this.#parts.world.scenario.tokens) this.#expect(name, process);
        return;
      case 'mirror-failed':
        this.#tellers.add(process);
        return;
      case 'mirror-caught-up':
        this.#tellers.delete(process);
        return;
      default:
        return;
    }
  }

  look(): void {
    const { world } = this.#parts;
    const { nowMs } = world.time;
    for (const [token, behind] of this.#behind) {
      const { process } = behind;
      if (process.isDead || process.isStopping) this.#behind.delete(token);
      if (!this.#behind.has(token)) continue;
      if (process.isPaused || !this.#isOutOfDate(token, process)) {
        behind.sinceMs = nowMs;
        continue;
      }
      const sinceMs = Math.max(behind.sinceMs, process.resumedAtMs);
      const isExcused = (disturbances: { within: typeof world.disturbances.within }): boolean =>
        disturbances.within(token, Math.max(sinceMs, nowMs - CAUGHT_UP_MS), nowMs).length > 0;
      const isElsewhere = isExcused(world.disturbances);
      if (nowMs - sinceMs > TOLD_MS && !isElsewhere && !this.#tellers.has(process))
        world.breaks(
          LOUD,
          token,
          `${process.name} does not tell that a copy is behind for ${nowMs - sinceMs} ms`,
        );
      if (nowMs - sinceMs > CAUGHT_UP_MS && !isElsewhere && !isExcused(this.#mirror.disturbances))
        world.breaks(
          FRESH,
          token,
          `the copy is behind for ${nowMs - sinceMs} ms, and nothing was broken for ${CAUGHT_UP_MS} ms`,
        );
    }
  }

  #expect(token: string, process: VirtualProcess): void {
    this.#behind.set(token, { sinceMs: this.#parts.world.time.nowMs, process });
    this.#lookAtCopy(token);
  }

  /** What was brought up to date once is not looked at again: nobody watches what others do to a copy. */
  #lookAtCopy(token: string): void {
    const { store } = this.#parts;
    const { secret } = findToken(this.#parts, token);
    const text = store.currentText(secret);
    if (text === this.#mirror.textOf(findToken(this.#parts, token))) this.#behind.delete(token);
  }

  #isOutOfDate(token: string, process: VirtualProcess): boolean {
    const { store } = this.#parts;
    const { secret } = findToken(this.#parts, token);
    const source = readDocument(store.currentText(secret));
    const copy = readDocument(this.#mirror.textOf(findToken(this.#parts, token)));
    if (source === undefined || !this.#isLive(source, process)) return false;
    return copy === undefined || isNewer(source, copy);
  }

  /** By the clock of whoever writes, which must not have jumped meanwhile. */
  #isLive({ expiresAtMs, issuedAtMs }: SeenDocument, process: VirtualProcess): boolean {
    const { leaders, world } = this.#parts;
    const jumpedMs = leaders.jumpsSince(podOf(process), world.time.nowMs - UNDER_WAY_MS);
    return expiresAtMs > process.wallMs + jumpedMs && issuedAtMs <= process.wallMs - jumpedMs;
  }
}

/** Generations count from the beginning when the authority's secret was made again. */
function isNewer(ours: SeenDocument, theirs: SeenDocument): boolean {
  return (
    ours.generation > theirs.generation ||
    (ours.issuedAtMs > theirs.issuedAtMs && ours.expiresAtMs > theirs.expiresAtMs)
  );
}
