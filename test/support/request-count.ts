import type { RequestObserver, UpstreamsServer } from '../../src/sandbox/upstreams/upstreams-server.ts';

/** A server whose requests are counted. */
export interface CountedUpstreams extends UpstreamsServer {
  readonly requests: RequestCount;
}

interface Count {
  total: number;
  inFlight: number;
  maxInFlight: number;
}

interface Waiter {
  readonly provider: string;
  readonly total: number;
  readonly resolve: () => void;
}

/** Requests that each provider got. Tests wait for the next one instead of sleeping. */
export class RequestCount implements RequestObserver {
  readonly #counts = new Map<string, Count>();
  readonly #waiters = new Set<Waiter>();

  /** How many requests have arrived completely. */
  total(provider: string): number {
    return this.#of(provider).total;
  }

  /** How many were being served at the same time, at most. */
  maxInFlight(provider: string): number {
    return this.#of(provider).maxInFlight;
  }

  /** Resolves as soon as `total` requests have arrived at the provider since the start. */
  async untilArrived(provider: string, total: number): Promise<void> {
    if (this.total(provider) >= total) return;
    await new Promise<void>((resolve) => this.#waiters.add({ provider, total, resolve }));
  }

  begin(provider: string): () => void {
    const count = this.#of(provider);
    count.inFlight += 1;
    count.maxInFlight = Math.max(count.maxInFlight, count.inFlight);
    let isOver = false;
    return () => {
      if (!isOver) count.inFlight -= 1;
      isOver = true;
    };
  }

  arrive(provider: string): void {
    const count = this.#of(provider);
    count.total += 1;
    for (const waiter of this.#waiters) {
      if (waiter.provider !== provider || waiter.total > count.total) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #of(provider: string): Count {
    const count = this.#counts.get(provider) ?? { total: 0, inFlight: 0, maxInFlight: 0 };
    this.#counts.set(provider, count);
    return count;
  }
}
