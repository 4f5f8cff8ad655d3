/**
 * Keeps the chain of refresh tokens of one token.
 *
 * Guarantee: a new refresh token is saved before anything else is done with the answer that brought it, the provider is
 * not asked again while one is unsaved, and the newest one in the store is used.
 * Non-guarantee: a process that dies between the provider's answer and the write loses that refresh token.
 */
import { type ChainState, parseChainState, serializeChainState } from '../core/chain-state.ts';
import type { Failure } from '../core/failure.ts';
import type { Clock, Random, SecretWrite, TokenStore } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { FetchedToken, TokenIdentity } from '../core/token.ts';
import type { SecretWriter } from './secret-writer.ts';

export interface ChainKeeperParts {
  readonly identity: TokenIdentity;
  readonly stateSecret: string;
  /** `start-again`: the provider also hands out tokens without a refresh token. */
  readonly fallback: 'start-again' | 'none';
  readonly store: TokenStore;
  readonly writer: SecretWriter;
  readonly clock: Clock;
  readonly random: Random;
}

interface Unsaved {
  readonly state: ChainState;
  readonly write: SecretWrite;
}

export class ChainKeeper {
  readonly #parts: ChainKeeperParts;
  #newest: ChainState | undefined;
  #version: string | undefined;
  #unsaved: Unsaved | undefined;
  /** A refresh token that the provider has refused: not presented again. */
  #refused: ChainState | undefined;

  constructor(parts: ChainKeeperParts) {
    this.#parts = parts;
  }

  /** When the newest refresh token dies, wall time in milliseconds; `undefined` when unknown or not limited. */
  get expiresAtMs(): number | undefined {
    return this.#newest?.refreshTokenExpiresAtMs;
  }

  /** Learns what the state secret holds. */
  restore(signal: AbortSignal): Promise<Result<void>> {
    return this.#read(signal);
  }

  /**
   * What the next fetch has to present: the newest refresh token in the store, or `undefined` to start again without
   * one. Fails when the state could not be saved after the fetch, because the answer would be lost.
   */
  async prepare(signal: AbortSignal): Promise<Result<ChainState | undefined>> {
    const saved = await this.save(signal);
    if (!saved.ok) return saved;
    const read = await this.#read(signal);
    if (!read.ok) return read;
    const writable = await this.#parts.store.verifyWritable(this.#parts.stateSecret, signal);
    if (!writable.ok) return writable;
    return this.#usable();
  }

  /** Takes the refresh token of an answer over; it still has to be saved. An answer without one keeps the old one. */
  accept(token: FetchedToken): void {
    if (token.refreshToken === undefined) return;
    this.#freeze({
      refreshToken: token.refreshToken,
      refreshTokenExpiresAtMs: token.refreshTokenExpiresAtMs,
      obtainedAtMs: token.issuedAtMs,
      generation: (this.#newest?.generation ?? 0) + 1,
    });
  }

  /** Writes what is not saved yet. */
  async save(signal: AbortSignal): Promise<Result<void>> {
    if (this.#unsaved === undefined) return succeed(undefined);
    const { write, state } = this.#unsaved;
    const written = await this.#parts.writer.publish('state', write, signal);
    if (written.ok) {
      this.#unsaved = undefined;
      this.#newest = state;
      this.#version = written.value.version;
      return succeed(undefined);
    }
    if (written.failure.code === 'store-conflict') {
      const resolved = await this.#resolveConflict(state, signal);
      if (!resolved.ok) return resolved;
      if (this.#unsaved === undefined) return succeed(undefined);
    }
    return written;
  }

  /**
   * Called when the provider refused `presented`. It may be a lost race: then somebody has saved a newer one, and the
   * next fetch uses that.
   */
  async handleRefusal(presented: ChainState, refusal: Failure, signal: AbortSignal): Promise<Failure> {
    const read = await this.#read(signal);
    if (!read.ok) return read.failure;
    if (this.#newest !== undefined && !this.#newest.refreshToken.equals(presented.refreshToken)) {
      return {
        ...refusal,
        retry: 'soon',
        message: `${refusal.message}; a newer refresh token is in the store, using that`,
      };
    }
    this.#refused = presented;
    return this.#parts.fallback === 'start-again'
      ? { ...refusal, retry: 'soon', message: `${refusal.message}; starting again without a refresh token` }
      : refusal;
  }

  async #read(signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#parts.store.read(this.#parts.stateSecret, signal);
    if (!read.ok) return read;
    const parsed = read.value === undefined ? undefined : parseChainState(read.value.text);
    const stored = parsed?.ok === true ? parsed.state : undefined;
    // Reads may be stale right after a write: never step back behind what this process has saved itself.
    if (this.#newest !== undefined && (stored === undefined || stored.generation < this.#newest.generation)) {
      return succeed(undefined);
    }
    this.#newest = stored;
    this.#version = read.value?.version;
    return succeed(undefined);
  }

  #usable(): Result<ChainState | undefined> {
    const newest = this.#newest;
    if (newest === undefined) return succeed(undefined);
    const isRefused = this.#refused?.refreshToken.equals(newest.refreshToken) === true;
    const isExpired = (newest.refreshTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) <= this.#parts.clock.now();
    // Without a fallback a refused one is presented again after a human had the time to act, never sooner.
    if (this.#parts.fallback === 'start-again' && (isRefused || isExpired)) return succeed(undefined);
    if (isExpired) return fail(this.#expired());
    return succeed(newest);
  }

  /** The newest refresh token wins: ours is saved over an older one, and dropped for a newer one. */
  async #resolveConflict(ours: ChainState, signal: AbortSignal): Promise<Result<void>> {
    const read = await this.#read(signal);
    if (!read.ok) return read;
    if (this.#newest !== undefined && this.#newest.obtainedAtMs >= ours.obtainedAtMs)
      this.#unsaved = undefined;
    else this.#freeze({ ...ours, generation: (this.#newest?.generation ?? 0) + 1 });
    return succeed(undefined);
  }

  /** Fixes bytes and request token, so that every retry is the same write. */
  #freeze(state: ChainState): void {
    this.#unsaved = {
      state,
      write: {
        secretName: this.#parts.stateSecret,
        text: serializeChainState(this.#parts.identity, state),
        requestToken: this.#parts.random.uuid(),
        expectedVersion: this.#version,
      },
    };
  }

  #expired(): Failure {
    const { token, customer } = this.#parts.identity;
    return {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `the refresh token of ${token} has expired: bind ${customer ?? 'the account'} again`,
    };
  }
}
