import type { RefreshEvent } from '../core/events.ts';
import type { Clock, RefreshEvents, SecretWrite, TokenStore } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { TokenIdentity } from '../core/token.ts';

type Target = Extract<RefreshEvent, { event: 'secret-written' }>['target'];

/** Publishes and reports how it went, so that every write is seen by log and metrics. */
export class SecretWriter {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #events: RefreshEvents;
  readonly #identity: TokenIdentity;

  constructor(parts: { store: TokenStore; clock: Clock; events: RefreshEvents; identity: TokenIdentity }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#identity = parts.identity;
  }

  async publish(
    target: Target,
    write: SecretWrite,
    signal: AbortSignal,
  ): Promise<Result<{ readonly version: string }>> {
    const startedMs = this.#clock.monotonicMs();
    const written = await this.#store.publish(write, signal);
    this.#events({
      event: 'secret-written',
      identity: this.#identity,
      target,
      durationMs: this.#clock.monotonicMs() - startedMs,
      failure: written.ok ? undefined : written.failure,
    });
    return written;
  }
}
