/**
 * Keeps a provider that fails for all of its tokens from being asked by all of them.
 *
 * Guarantee: once `MANY_TOKENS` of `circuit.ts` have failed one after the other with no success between them, the others
 * wait and one probe at a time asks, at the pace of one token's back-off: the calls in an outage do not grow with the
 * number of tokens. Tokens that have not failed yet probe first, of them those whose readers have a live token, the
 * earliest expiry first, then the others in a drawn order; how long the live ones wait is decided by what live ones have
 * met. A probe that does not end holds the others for {@link PROBE_LIMIT_MS} at most. The first success lets all go on at
 * once; a success of a token that had failed also ends the back-off of those that have failed with it.
 * What a token's own failures are, which say nothing about the others, is decided in `circuit.ts`.
 *
 * Non-guarantee: nothing outlives the term. Explicit refreshes are not asked for and not held back; what they bring
 * counts. Calls that were on their way when the outage was noticed are made: `concurrency` of them at most.
 */

import type { Failure } from '../../core/failure.ts';
import {
  afterFailure,
  afterSuccess,
  type Circuit,
  CLOSED,
  isHeld,
  probeInMs,
  type Standing,
} from '../../core/limits/circuit.ts';
import type { Clock, Random, RefreshEvents } from '../../core/ports.ts';
import type { Term } from '../term.ts';
import type { Priority } from './priority-queue.ts';
import { QueueServer } from './queue-server.ts';

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
  readonly waitMs: number;
  /** `failed`: a change of its credentials is news. */
  readonly standing: Standing;
}

/** Tokens of an earlier one probe first. */
const STANDINGS: readonly Standing[] = ['live', 'untried', 'failed'];
export const PROBE_LIMIT_MS = 30_000;
/** What is over sooner is not reported. */
const ANNOUNCED_AFTER_MS = 5000;

/** They concern one token, or ourselves. */
const NOT_THE_PROVIDERS: ReadonlySet<Failure['code']> = new Set([
  'chain-broken',
  'token-unchanged',
  'aborted',
  'leadership-lost',
]);

export class ProviderBreaker {
  readonly #deps: ProviderBreakerDeps;
  readonly #server: QueueServer<Standing>;
  #term: Term | undefined;
  /** Tokens whose last call failed, with what ends their back-off. */
  readonly #failing = new Map<string, (() => void) | undefined>();
  #circuit: Circuit = CLOSED;
  #probe: { readonly token: string; readonly untilMs: number } | undefined;
  /** Since when the provider fails, once that was reported; monotonic. */
  #reportedSinceMs: number | undefined;

  constructor(deps: ProviderBreakerDeps) {
    this.#deps = deps;
    this.#server = new QueueServer(deps.clock, STANDINGS, (standing) => this.#waitMs(standing));
  }

  /** Tokens that wait for a probe. */
  get waiting(): number {
    return this.#server.length;
  }

  /** `undefined`: the provider may be asked for this token. @param isLive its readers have one that lives */
  request(token: string, isLive: boolean, term: Term): Hold | undefined {
    if (term !== this.#term) this.#begin(term);
    const standing = this.#failing.has(token) ? 'failed' : isLive ? 'live' : 'untried';
    const circuit = this.#circuit;
    if (this.#probe?.token === token || !isHeld(circuit, standing)) return undefined;
    const waitMs = this.#waitMs(standing);
    if (waitMs > 0 || this.#server.lengthOf(standing) > 0) {
      const { code, retry, message } = circuit.streak.latest.failure;
      const text = `${this.#deps.provider} fails for all of its tokens: one at a time asks it, this one waits; ${message}`;
      const failure = { code, retry, message: text };
      return { refusal: 'held', waitMs: Math.max(1, waitMs), standing, failure };
    }
    this.#take(token, standing);
    return undefined;
  }

  /** Resolves when the token may ask, with {@link request}; rejects with the signal's reason when aborted before. */
  async wait(token: string, expiresAtMs: Priority, { standing }: Hold, signal: AbortSignal): Promise<void> {
    const priorities = {
      live: expiresAtMs,
      // The earliest expiry would be that of customers that have left: all of them before the first of the others.
      untried: this.#deps.random.next(),
      // The one goes first that was not asked for longest.
      failed: this.#nowMs(),
    };
    const take = (): void => this.#take(token, standing);
    const turn = this.#server.wait(standing, priorities[standing], signal, take);
    // The one that is served may be waiting for something later.
    this.#server.lookAgain();
    await turn;
  }

  /** No call was made. */
  giveBack(token: string): void {
    if (this.#probe?.token !== token) return;
    this.#probe = undefined;
    this.#server.lookAgain();
  }

  /** A call has ended. @param failure `undefined`: it brought a token @param isLive as in {@link request} */
  settle(token: string, failure: Failure | undefined, isLive: boolean): void {
    if (failure === undefined) this.#noteSuccess(token);
    else if (!NOT_THE_PROVIDERS.has(failure.code)) this.#noteFailure(token, failure, isLive);
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
    this.#become({ kind: 'closed', needed: this.#circuit.needed });
  }

  /** The token is not managed any more. */
  forget(token: string): void {
    this.#failing.delete(token);
    this.giveBack(token);
  }

  #begin(term: Term): void {
    this.#term = term;
    this.#failing.clear();
    this.#probe = undefined;
    this.#reportedSinceMs = undefined;
    this.#become(CLOSED);
  }

  #noteSuccess(token: string): void {
    const hadFailed = this.#failing.delete(token);
    const wasOpen = this.#circuit.kind === 'open';
    const { provider, events } = this.#deps;
    if (this.#reportedSinceMs !== undefined) {
      const failedForMs = this.#nowMs() - this.#reportedSinceMs;
      events({ event: 'provider-outage-ended', provider, failedForMs, waiting: this.waiting });
    }
    this.#reportedSinceMs = undefined;
    const concernsAll = hadFailed || this.#failing.size === 0;
    this.#become(afterSuccess(this.#circuit, concernsAll, this.#probe?.token === token));
    if (!hadFailed || !wasOpen) return;
    for (const wake of this.#failing.values()) wake?.();
  }

  #noteFailure(token: string, failure: Failure, isLive: boolean): void {
    const nowMs = this.#nowMs();
    const former = this.#circuit;
    this.#circuit = afterFailure(former, {
      token,
      failure,
      atMs: nowMs,
      draw: this.#deps.random.next(),
      isFirst: !this.#failing.has(token),
      isProbe: this.#probe?.token === token,
      isLive,
    });
    this.#failing.set(token, undefined);
    if (former.kind !== 'open' || this.#reportedSinceMs !== undefined) return;
    if (nowMs - former.sinceMs < ANNOUNCED_AFTER_MS) return;
    this.#reportedSinceMs = former.sinceMs;
    const { provider, events } = this.#deps;
    events({ event: 'provider-outage-began', provider, failure, waiting: this.waiting });
  }

  #become(circuit: Circuit): void {
    this.#circuit = circuit;
    this.#server.lookAgain();
  }

  /** The right to ask; it is a probe's where others have to wait for what comes of it. */
  #take(token: string, standing: Standing): void {
    if (isHeld(this.#circuit, standing)) this.#probe = { token, untilMs: this.#nowMs() + PROBE_LIMIT_MS };
  }

  /** Milliseconds until the next of that standing may ask; 0 when it may. */
  #waitMs(standing: Standing): number {
    if (!isHeld(this.#circuit, standing)) return 0;
    const nowMs = this.#nowMs();
    const probeWaitMs = (this.#probe?.untilMs ?? nowMs) - nowMs;
    return probeWaitMs > 0 ? probeWaitMs : probeInMs(this.#circuit, standing, nowMs);
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicMs();
  }
}
