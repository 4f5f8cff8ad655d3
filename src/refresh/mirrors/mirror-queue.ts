/**
 * Tokens whose copies in one place may be out of date: whose turn it is, and what their readers have meanwhile.
 *
 * Guarantee: each token is in it once, however often it is offered. The copy that expires first goes first, and before it
 * those of which nothing is known yet. Many are looked through at most once a second while there is something to do.
 * Non-guarantee: of many, what was offered within the last second, and when the first copy expires, may be a second late.
 */
import type { MirrorBacklog } from '../../core/events.ts';
import type { Failure } from '../../core/failure.ts';
import type { Clock } from '../../core/ports.ts';
import type { TokenIdentity } from '../../core/token/token.ts';

/** A token whose copy may be out of date. */
export interface Pending {
  readonly identity: TokenIdentity;
  /** As in `MirrorFacts`. */
  readonly wantedGeneration: number | undefined;
  /** Monotonic time since which it has been so. */
  readonly sinceMs: number;
  /** Monotonic time before which it is not tried. */
  readonly notBeforeMs: number;
  /** In vain, one after the other. */
  readonly attempts: number;
  /** Of the mirror, the last time; `undefined`: it has not failed, or something else is waited for. */
  readonly failure: Failure | undefined;
  /** Its copy is good until `notBeforeMs`: it is not behind. */
  readonly isKept: boolean;
}

const LOOK_EVERY_MS = 1_000;
const MANY = 256;

export class MirrorQueue {
  readonly #clock: Clock;
  /** Monotonic time before which a token is left alone although its own has come. */
  readonly #blockedUntilMs: (identity: TokenIdentity) => number;
  /** The oldest first. */
  readonly #pending = new Map<string, Pending>();
  readonly #inFlight = new Set<string>();
  /** When what a copy holds expires, by token: wall time, as far as it was read or written. */
  readonly #copyUntilMs = new Map<string, number>();
  /** Those whose turn it was at the last look, the next one last. */
  #line: string[] = [];
  #lineAtMs = 0;
  #copies: { readonly firstUntilMs: number | undefined; readonly atMs: number } | undefined;

  constructor(clock: Clock, blockedUntilMs: (identity: TokenIdentity) => number) {
    this.#clock = clock;
    this.#blockedUntilMs = blockedUntilMs;
  }

  get size(): number {
    return this.#pending.size;
  }

  get isBusy(): boolean {
    return this.#inFlight.size > 0;
  }

  find(token: string): Pending | undefined {
    return this.#pending.get(token);
  }

  /** @param generation that the authority has just got; `undefined`: the copy is to be compared with what it has */
  offer(identity: TokenIdentity, generation: number | undefined): void {
    const { token } = identity;
    const former = this.#pending.get(token);
    const wantedGeneration = generation ?? former?.wantedGeneration;
    if (former === undefined || former.isKept) this.#begin(identity, wantedGeneration);
    // What has failed keeps its back-off. What waits for the authority alone is looked at now.
    else if (former.failure === undefined)
      this.#pending.set(token, { ...former, wantedGeneration, notBeforeMs: this.#clock.monotonicMs() });
    else this.#pending.set(token, { ...former, wantedGeneration });
  }

  drop(token: string): void {
    this.#pending.delete(token);
    this.#copyUntilMs.delete(token);
  }

  clear(): void {
    for (const each of [this.#pending, this.#inFlight, this.#copyUntilMs]) each.clear();
    this.#line = [];
    this.#copies = undefined;
  }

  /** Takes those whose turn it is; they are in flight until they are given back. */
  take(most: number): readonly Pending[] {
    const nowMs = this.#clock.monotonicMs();
    if (this.#line.length === 0 || this.#isOld(this.#lineAtMs)) {
      this.#line = this.#ready()
        .toSorted((a, b) => this.#compareUrgency(a, b))
        .map(({ identity }) => identity.token)
        .toReversed();
      this.#lineAtMs = nowMs;
    }
    const taken: Pending[] = [];
    while (taken.length < most) {
      const token = this.#line.pop();
      if (token === undefined) break;
      const pending = this.#pending.get(token);
      if (pending !== undefined && this.#isReady(pending, nowMs)) taken.push(pending);
    }
    return this.#send(taken);
  }

  /** Takes one that tells whether the place answers: what hangs may be the call of a single token, so that others follow. */
  takeProbe(): readonly Pending[] {
    const leastTried = this.#ready().toSorted(
      (a, b) => a.attempts - b.attempts || this.#compareUrgency(a, b),
    );
    return this.#send(leastTried.slice(0, 1));
  }

  giveBack(batch: readonly Pending[]): void {
    for (const { identity } of batch) this.#inFlight.delete(identity.token);
  }

  /** The copy is as new as the authority's. @param generation that the authority had */
  settle(token: string, generation: number, copyUntilMs: number | undefined): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    if (copyUntilMs !== undefined) this.#copyUntilMs.set(token, copyUntilMs);
    const { identity, wantedGeneration } = pending;
    // A newer one was published meanwhile.
    if ((wantedGeneration ?? 0) > generation) this.#begin(identity, wantedGeneration);
    else this.#pending.delete(token);
  }

  /** Its turn comes again when `waitMs` have passed, or there is news. @param keptUntilMs its copy is good until then */
  putOff(taken: Pending, waitMs: number, keptUntilMs?: number): void {
    const { token } = taken.identity;
    const isNews = this.#pending.get(token) !== taken;
    if (isNews) return;
    if (keptUntilMs !== undefined) this.#copyUntilMs.set(token, keptUntilMs);
    this.#wait(taken, waitMs, { failure: undefined, isKept: keptUntilMs !== undefined });
  }

  /** It is tried again when `waitMs` have passed, whatever is offered meanwhile. */
  fail(token: string, waitMs: number, failure: Failure): void {
    const pending = this.#pending.get(token);
    if (pending !== undefined) this.#wait(pending, waitMs, { failure, isKept: false });
  }

  /** Milliseconds until the first of those that are not in flight may be tried; `undefined` when there is none. */
  get nextInMs(): number | undefined {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending.values())
      if (!this.#inFlight.has(pending.identity.token)) firstMs = Math.min(firstMs, this.#readyAtMs(pending));
    return firstMs === Number.POSITIVE_INFINITY ? undefined : firstMs - this.#clock.monotonicMs();
  }

  /** Whether a copy is behind since then, or longer. @param monotonicMs monotonic time */
  isBehindSince(monotonicMs: number): boolean {
    const oldest = this.#oldest();
    return oldest !== undefined && oldest.sinceMs <= monotonicMs;
  }

  describe(): MirrorBacklog {
    const nowMs = this.#clock.monotonicMs();
    const behindForMs = nowMs - (this.#oldest()?.sinceMs ?? nowMs);
    return {
      behind: this.size,
      behindSinceMs: this.#clock.now() - Math.round(behindForMs),
      copiesUntilMs: this.#firstCopyUntilMs(),
    };
  }

  #wait(pending: Pending, waitMs: number, why: Pick<Pending, 'failure' | 'isKept'>): void {
    const notBeforeMs = this.#clock.monotonicMs() + waitMs;
    const attempts = pending.attempts + 1;
    this.#pending.set(pending.identity.token, { ...pending, ...why, notBeforeMs, attempts });
  }

  #oldest(): Pending | undefined {
    return this.#pending.values().find(({ isKept }) => !isKept);
  }

  #firstCopyUntilMs(): number | undefined {
    if (this.#copies === undefined || this.#isOld(this.#copies.atMs)) {
      let firstUntilMs: number | undefined;
      for (const token of this.#pending.keys()) {
        const untilMs = this.#copyUntilMs.get(token);
        if (untilMs !== undefined) firstUntilMs = Math.min(firstUntilMs ?? untilMs, untilMs);
      }
      this.#copies = { firstUntilMs, atMs: this.#clock.monotonicMs() };
    }
    return this.#copies.firstUntilMs;
  }

  /** Whether it is worth a look through all of them to know better. @param atMs monotonic time of the last one */
  #isOld(atMs: number): boolean {
    return this.size <= MANY || this.#clock.monotonicMs() - atMs >= LOOK_EVERY_MS;
  }

  /** Behind from now on, and the last to become so. */
  #begin(identity: TokenIdentity, wantedGeneration: number | undefined): void {
    const sinceMs = this.#clock.monotonicMs();
    const fresh = { sinceMs, notBeforeMs: sinceMs, attempts: 0, failure: undefined, isKept: false };
    this.#pending.delete(identity.token);
    this.#pending.set(identity.token, { identity, wantedGeneration, ...fresh });
  }

  #send(taken: readonly Pending[]): readonly Pending[] {
    for (const { identity } of taken) this.#inFlight.add(identity.token);
    return taken;
  }

  /** The copy that expires first goes first, and before it those of which nothing is known. */
  #compareUrgency(a: Pending, b: Pending): number {
    const untilMs = ({ identity }: Pending): number => this.#copyUntilMs.get(identity.token) ?? 0;
    return untilMs(a) - untilMs(b);
  }

  /** Those that may be tried now. */
  #ready(): readonly Pending[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#pending.values()].filter((pending) => this.#isReady(pending, nowMs));
  }

  #isReady(pending: Pending, nowMs: number): boolean {
    return !this.#inFlight.has(pending.identity.token) && this.#readyAtMs(pending) <= nowMs;
  }

  #readyAtMs({ identity, notBeforeMs }: Pending): number {
    return Math.max(notBeforeMs, this.#blockedUntilMs(identity));
  }
}
