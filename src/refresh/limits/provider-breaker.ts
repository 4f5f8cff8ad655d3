/**
 * Keeps a provider that fails for all of its tokens from being asked by all of them.
 *
 * Guarantee: once {@link MANY_TOKENS} tokens have failed one after the other with no success between them, the others
 * wait and one probe at a time asks, at the pace of one token's back-off: the calls in an outage do not grow with the
 * number of tokens. Tokens that have not failed yet probe first, the earliest expiry first. A probe that does not end
 * holds the others for {@link PROBE_LIMIT_MS} at most. The first success lets all go on at once; a success of a token
 * that had failed also ends the back-off of those that have failed with it.
 *
 * A token that keeps failing on its own (a customer whose binding is rejected) says nothing about the others: only its
 * first failure counts against them, and others that fail like it are held back together, not with the healthy ones.
 * A success of a token that has not failed shows that the outage is not everybody's: it takes four times as many from then on
 * until the others wait. What a provider demanded with `Retry-After` holds for all tokens once {@link MORE_WHEN_SURE}
 * more have failed.
 *
 * Non-guarantee: nothing outlives the term. Explicit refreshes are not asked for and not held back; what they bring
 * counts. Calls that were on their way when the outage was noticed are made: `concurrency` of them at most.
 */

import type { Failure } from '../../core/failure.ts';
import type { Clock, Random, RefreshEvents } from '../../core/ports.ts';
import { decideHumanWait } from '../../core/schedule/backoff.ts';
import type { Term } from '../term.ts';
import { LineServer } from './line-server.ts';
import { PriorityQueue } from './priority-queue.ts';

export interface ProviderBreakerDeps {
  readonly provider: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** Why the provider is not asked for a token now. */
export interface Hold {
  readonly refusal: 'held';
  readonly failure: Failure;
  /** Until the next probe, as far as it is known; that may be another token's. */
  readonly restMs: number;
  /** Whether the token itself has failed: a change of its credentials is news then. */
  readonly hasFailed: boolean;
}

interface Probe {
  readonly token: string;
  readonly untilMs: number;
}

/** Tokens that have begun to fail in a row, before the others wait. */
export const MANY_TOKENS = 3;
/** Four times as many each time that a token which others' failures had held back then had a success. */
const MOST_TOKENS = 48;
/** More of them for waits that a provider demands: a limit of a few customers must not hold the others for an hour. */
const MORE_WHEN_SURE = 7;
/** Tokens that fail again in a row, before they are held back together: each has its own back-off until then. */
const MANY_FAILING = 10;
export const PROBE_LIMIT_MS = 30_000;

const BASE_MS = 1000;
/** While there are readers whose token is still good, and when most tokens have expired. */
const LONGEST_MS = 20_000;
const LONGEST_LATER_MS = 60_000;
const LATER_AFTER_MS = 15 * 60_000;
/** Rejected credentials: the others may have good ones, so a few ask soon; an account may be locked, so only a few. */
const REJECTED_BASE_MS = 5000;
const REJECTED_GROWTH = 4;
const LONGEST_REJECTED_MS = 15 * 60_000;
/** What is over sooner is not told. */
const ANNOUNCED_AFTER_MS = 5000;

/** They tell of one token, or of ourselves. */
const NOT_THE_PROVIDERS: ReadonlySet<Failure['code']> = new Set([
  'chain-broken',
  'token-unchanged',
  'aborted',
  'leadership-lost',
]);

export class ProviderBreaker {
  readonly #deps: ProviderBreakerDeps;
  readonly #untried = new PriorityQueue();
  readonly #failed = new PriorityQueue();
  #term: Term | undefined;
  /** Tokens whose last call failed, with what ends their back-off. */
  readonly #failing = new Map<string, (() => void) | undefined>();
  /** As many tokens have to begin to fail in a row. */
  #enough = MANY_TOKENS;
  /** Tokens that have begun to fail since the last success. */
  #newlyFailed = 0;
  /** Tokens that have failed since the last success. */
  readonly #streak = new Set<string>();
  /** Failed probes since the last success. */
  #probes = 0;
  #probe: Probe | undefined;
  #last: { readonly failure: Failure; readonly atMs: number; readonly draw: number } | undefined;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #openSinceMs = 0;
  #isAnnounced = false;
  readonly #server: LineServer;

  constructor(deps: ProviderBreakerDeps) {
    this.#deps = deps;
    this.#server = new LineServer(deps.clock, () => this.#serve());
  }

  /** Tokens that wait for a probe. */
  get waiting(): number {
    return this.#untried.length + this.#failed.length;
  }

  /** `undefined`: the provider may be asked for this token. */
  request(token: string, term: Term): Hold | undefined {
    if (term !== this.#term) this.#begin(term);
    if (this.#probe?.token === token) return undefined;
    const hasFailed = this.#failing.has(token);
    const line = hasFailed ? this.#failed : this.#untried;
    const restMs = this.#restMs(hasFailed);
    if (restMs > 0 || line.length > 0) return this.#describe(hasFailed, restMs);
    this.#take(token, hasFailed);
    return undefined;
  }

  /** Resolves when the token may ask, with {@link request}; rejects with the signal's reason when aborted before. */
  async wait(token: string, expiresAtMs: number, { hasFailed }: Hold, signal: AbortSignal): Promise<void> {
    // Of those that have failed the one goes first that was not asked for longest.
    const [line, priority] = hasFailed ? [this.#failed, this.#nowMs()] : [this.#untried, expiresAtMs];
    const turn = line.join(priority, signal, () => this.#take(token, hasFailed));
    this.#server.begin();
    // Whoever is served may be waiting for something later.
    this.#server.lookAgain();
    try {
      await turn;
    } finally {
      if (this.waiting === 0) this.#server.lookAgain();
    }
  }

  /** No call was made. */
  giveBack(token: string): void {
    if (this.#probe?.token !== token) return;
    this.#probe = undefined;
    this.#server.lookAgain();
  }

  /** A call has ended. @param failure `undefined`: it brought a token */
  settle(token: string, failure: Failure | undefined): void {
    if (failure === undefined) this.#noteSuccess(token);
    else if (!NOT_THE_PROVIDERS.has(failure.code)) this.#noteFailure(token, failure);
    this.giveBack(token);
  }

  /** @param wake called when the provider is back for all. @returns what ends that */
  onRecovery(token: string, wake: () => void): () => void {
    if (!this.#failing.has(token)) return () => {};
    this.#failing.set(token, wake);
    return () => {
      if (this.#failing.get(token) === wake) this.#failing.set(token, undefined);
    };
  }

  /** A credential has changed: what was seen with the former one says nothing about it. */
  noteCredentialChange(): void {
    this.#close();
  }

  /** The token is not managed any more. */
  forget(token: string): void {
    this.#failing.delete(token);
    this.giveBack(token);
  }

  get #isOpen(): boolean {
    return this.#newlyFailed >= this.#enough;
  }

  #begin(term: Term): void {
    this.#term = term;
    this.#failing.clear();
    this.#probe = undefined;
    this.#isAnnounced = false;
    this.#enough = MANY_TOKENS;
    this.#close();
  }

  #noteSuccess(token: string): void {
    const hadFailed = this.#failing.delete(token);
    const wasOpen = this.#isOpen;
    if (hadFailed || this.#failing.size === 0) this.#enough = MANY_TOKENS;
    // Not what was on its way when the outage began.
    else if (wasOpen && this.#probe?.token === token) this.#enough = Math.min(4 * this.#enough, MOST_TOKENS);
    const { provider, clock, events } = this.#deps;
    if (this.#isAnnounced) {
      const failedForMs = clock.monotonicMs() - this.#openSinceMs;
      events({ event: 'provider-outage-ended', provider, failedForMs, waiting: this.waiting });
    }
    this.#isAnnounced = false;
    this.#close();
    if (!hadFailed || !wasOpen) return;
    for (const wake of this.#failing.values()) wake?.();
  }

  #noteFailure(token: string, failure: Failure): void {
    const nowMs = this.#nowMs();
    const isProbe = this.#probe?.token === token;
    const wasOpen = this.#isOpen;
    if (!this.#failing.has(token)) this.#newlyFailed += 1;
    this.#failing.set(token, undefined);
    this.#streak.add(token);
    this.#last = { failure, atMs: nowMs, draw: this.#deps.random.next() };
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + (failure.retryAfterMs ?? 0));
    if (isProbe) this.#probes += 1;
    if (this.#isOpen && !wasOpen) {
      this.#probes = 0;
      this.#openSinceMs = nowMs;
    } else if (wasOpen) this.#announce(failure);
  }

  #announce(failure: Failure): void {
    const { provider, events } = this.#deps;
    if (this.#isAnnounced || this.#nowMs() - this.#openSinceMs < ANNOUNCED_AFTER_MS) return;
    this.#isAnnounced = true;
    events({ event: 'provider-outage-began', provider, failure, waiting: this.waiting });
  }

  /** All may go on. */
  #close(): void {
    this.#newlyFailed = 0;
    this.#streak.clear();
    this.#probes = 0;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    this.#last = undefined;
    this.#server.lookAgain();
  }

  /** The right to ask; it is a probe's where others have to wait for what comes of it. */
  #take(token: string, hasFailed: boolean): void {
    if (this.#isHeld(hasFailed)) this.#probe = { token, untilMs: this.#nowMs() + PROBE_LIMIT_MS };
  }

  #isHeld(hasFailed: boolean): boolean {
    return this.#isOpen || (hasFailed && this.#streak.size >= MANY_FAILING);
  }

  #serve(): number | 'idle' {
    if (this.waiting === 0) return 'idle';
    const hasFailed = this.#untried.length === 0;
    const restMs = this.#restMs(hasFailed);
    if (restMs > 0) return restMs;
    (hasFailed ? this.#failed : this.#untried).callNext();
    return 0;
  }

  /** Milliseconds until the next of its kind may ask; 0 when it may. */
  #restMs(hasFailed: boolean): number {
    if (!this.#isHeld(hasFailed) || this.#last === undefined) return 0;
    const nowMs = this.#nowMs();
    if (this.#probe !== undefined && this.#probe.untilMs > nowMs) return this.#probe.untilMs - nowMs;
    const isSure = hasFailed || this.#newlyFailed >= this.#enough + MORE_WHEN_SURE;
    const nextAtMs = this.#last.atMs + this.#gapMs(hasFailed, this.#last);
    return Math.max(0, nextAtMs - nowMs, isSure ? this.#notBeforeMs - nowMs : 0);
  }

  /** Between the last failure and the next probe. */
  #gapMs(
    hasFailed: boolean,
    { failure, draw }: { readonly failure: Failure; readonly draw: number },
  ): number {
    if (failure.retry === 'needs-human') {
      return hasFailed
        ? decideHumanWait(this.#probes + 1, true)
        : Math.min(REJECTED_BASE_MS * REJECTED_GROWTH ** this.#probes, LONGEST_REJECTED_MS);
    }
    const isLate = this.#isOpen && this.#nowMs() - this.#openSinceMs >= LATER_AFTER_MS;
    const windowMs = Math.min(BASE_MS * 2 ** this.#probes, isLate ? LONGEST_LATER_MS : LONGEST_MS);
    return Math.round(windowMs * (0.5 + draw / 2));
  }

  #describe(hasFailed: boolean, restMs: number): Hold {
    const { provider } = this.#deps;
    const {
      code = 'provider-unavailable',
      retry = 'backoff',
      message = 'no answer',
    } = this.#last?.failure ?? {};
    return {
      refusal: 'held',
      restMs: Math.max(1, restMs),
      hasFailed,
      failure: {
        code,
        retry,
        message: `${provider} fails for all of its tokens: one at a time asks it, this one waits; ${message}`,
      },
    };
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}
